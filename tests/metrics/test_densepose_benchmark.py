"""The benchmark runs, in small: the plain version, pair by pair with scipy and pycocotools, has the same figures."""

from __future__ import annotations

import importlib.util
import io
from argparse import Namespace
from pathlib import Path

from rich.console import Console

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "densepose.py"


def test_pair_by_pair_agrees(tmp_path: Path) -> None:
    found = importlib.util.spec_from_file_location("benchmark_of_densepose", SCRIPT)
    assert found is not None
    assert found.loader is not None
    benchmark = importlib.util.module_from_spec(found)
    found.loader.exec_module(benchmark)
    said = io.StringIO()
    benchmark.run(tmp_path, Namespace(images=8, vertices=900, turns=1, seed=0), Console(file=said, width=120))
    assert "all 40 figures agree" in said.getvalue()
    assert len(list(tmp_path.glob("*.safetensors"))) == 1
