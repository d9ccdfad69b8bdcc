"""The benchmark of the metrics runs, in small, and finds them right."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "metrics.py"


def test_it_compares_with_a_plain_count_and_pycocotools(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--classes", "5", "--size", "40", "--batch", "2", "--images", "6", "--repeats", "1", "--json"]
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *words])
    with pytest.raises(SystemExit):  # 1 if the goal is missed, as it may be in small
        runpy.run_path(str(SCRIPT), run_name="__main__")
    found = json.loads(capsys.readouterr().out)
    assert found["same"]
    assert found["difference"] < 1e-12
    assert found["bytes_a_sample"] == 3 * 5 * 4
    assert min(found["argmax"], found["metric"], found["metric_indices"]) > 0
