"""Text from outside becomes valid Unicode for records and harmless for terminals; all other text stays as it is."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.atomic import write_atomic
from hcmoco_bench.files.json import dump_json, json_text, read_json
from hcmoco_bench.files.outside_text import is_storable, printable, storable
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.files.templates import render_template
from hcmoco_bench.files.tensor_files import TensorFileError, read_safetensors, read_torch_file

GBK = os.fsdecode("数据".encode("gbk"))
"""The four bytes ca fd be dd, none of which is UTF-8."""

AS_STORED = r"\xca\xfd\xbe\xdd"


@pytest.mark.parametrize(
    ("text", "stored", "printed"),
    [
        ("数据 [v2] [/x] :smile: a\\b 'c'", None, None),
        ("two\nlines\tand a tab", None, None),
        (GBK, AS_STORED, AS_STORED),
        ("\ud800", r"\ud800", r"\ud800"),
        ("\udc7f", r"\udc7f", r"\udc7f"),
        ("\x1b[2Jx", "\x1b[2Jx", r"\x1b[2Jx"),
        ("a\rb\0c", "a\rb\0c", r"a\x0db\x00c"),
        ("gpj\u202e.exe", "gpj\u202e.exe", r"gpj\u202e.exe"),
        ("\x9b1m", "\x9b1m", r"\x9b1m"),
    ],
)
def test_stored_and_printed(text: str, stored: str | None, printed: str | None) -> None:
    assert storable(text) == (text if stored is None else stored)
    assert printable(text) == (text if printed is None else printed)
    assert is_storable(text) == (stored in (None, text))
    storable(text).encode()


@pytest.mark.parametrize("text", [GBK, "\ud800", "\\" + GBK, '"' + GBK + '"', "数据", "\x1b", "\U0001f600"])
def test_json_is_json_and_reads_back_as_stored(text: str) -> None:
    for written in (json_text({text: [text]}), dump_json({text: [text]})):
        assert json.loads(written.encode()) == {storable(text): [storable(text)]}
    assert json_text({"a": "数"}, sort_keys=True) == '{"a": "数"}'


def test_problem_lines_take_any_name(tmp_path: Path) -> None:
    error = DataError(f"/{GBK}: gone", kind="file_missing", file=f"/{GBK}")
    problem = Problem.from_error(GBK, error)
    assert (problem.id, problem.file, problem.reason) == (AS_STORED, f"/{AS_STORED}", f"/{AS_STORED}: gone")
    write_atomic(tmp_path / "lines", problem.to_json())
    assert Problem.from_json((tmp_path / "lines").read_text("utf-8")) == problem


def test_files_below_any_folder(tmp_path: Path) -> None:
    folder = tmp_path / GBK
    folder.mkdir()
    write_atomic(folder / f"{GBK}.txt", GBK)
    assert (folder / f"{GBK}.txt").read_text("utf-8") == AS_STORED
    (folder / "a.json").write_text("{")
    with pytest.raises(DataError, match="not whole JSON"):
        read_json(folder / "a.json", kind="broken")


def test_tensors_below_any_folder(tmp_path: Path) -> None:
    folder = tmp_path / GBK
    folder.mkdir()
    (folder / "a.safetensors").write_bytes(save({"x": torch.arange(3)}))
    assert read_safetensors(folder / "a.safetensors")["x"].tolist() == [0, 1, 2]
    with (folder / "a.pth").open("wb") as handle:
        torch.save({"x": torch.arange(3)}, handle)
    assert read_torch_file(folder / "a.pth")["x"].tolist() == [0, 1, 2]
    (folder / "a.safetensors").write_bytes(b"no tensors")
    with pytest.raises(TensorFileError):
        read_safetensors(folder / "a.safetensors")


def test_pages_show_texts_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "template.html").write_text("<p>{{ name }}</p>\n")
    write_atomic(tmp_path / "page.html", render_template(tmp_path / "template.html", {"name": f"<b>[v2]&{GBK}"}))
    page = (tmp_path / "page.html").read_text("utf-8")
    assert page == f"<p>&lt;b&gt;[v2]&amp;{AS_STORED}</p>\n"
