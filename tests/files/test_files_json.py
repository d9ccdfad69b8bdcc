"""JSON files: the same values give the same bytes, and damaged ones are named."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import numpy as np
import pytest

from hcmoco_bench.cli.console import print_json
from hcmoco_bench.errors import DataError
from hcmoco_bench.files.json import dump_json, read_json


def test_the_order_of_keys_does_not_matter() -> None:
    expected = '{\n  "a": "ä",\n  "b": [\n    1\n  ]\n}\n'
    assert dump_json({"b": [1], "a": "ä"}) == dump_json({"a": "ä", "b": [1]}) == expected


def test_what_was_written_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(dump_json({"a": [1, "ä", None]}), encoding="utf-8")
    assert read_json(tmp_path / "a.json", kind="x") == {"a": [1, "ä", None]}


@pytest.mark.parametrize("content", ['{"a": [1,', "", "\xff", "[" * 100_000])
def test_damaged_files_are_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(DataError, match=r"a\.json: not whole JSON .*fetch it again") as caught:
        read_json(path, kind="some_kind")
    assert (caught.value.kind, caught.value.file) == ("some_kind", str(path))


def test_packed_files_are_read_and_damaged_ones_named(tmp_path: Path) -> None:
    path = tmp_path / "a.json.gz"
    packed = gzip.compress(b'{"a": [1, 2, 3]}')
    path.write_bytes(packed)
    assert read_json(path, kind="some_kind") == {"a": [1, 2, 3]}
    for wrong in (packed[:-9], packed[:12] + b"\xff\xff" + packed[14:]):
        path.write_bytes(wrong)
        with pytest.raises(DataError, match=r"a\.json\.gz: cannot be unpacked") as caught:
            read_json(path, kind="some_kind")
        assert caught.value.kind == "some_kind"


def test_what_is_not_finite_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    content = {
        "a": [math.nan, (1.5, math.inf)],
        "b": {"c": -math.inf, "d": True},
        "e": [np.float32("nan"), np.float32(2)],
    }
    print_json(content)
    found = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert found == {"a": [None, [1.5, None]], "b": {"c": None, "d": True}, "e": [None, 2.0]}


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.json: cannot be read") as caught:
        read_json(tmp_path / "a.json", kind="some_kind")
    assert caught.value.kind == "some_kind"
