"""Reading files of printed tables: each mistake gets one sentence that names the file and the place."""

from __future__ import annotations

from pathlib import Path

import pytest
from published_cases import SMALL, small, small_file

from hcmoco_bench.errors import DataError
from hcmoco_bench.leaderboard.citations import read_citations
from hcmoco_bench.leaderboard.published.read import published_tables, read_published_table

WRONG = {
    "a value too few": ('"-", 44.50', "44.50", "row 2 (B) has 5 values for 6 columns"),
    "a figure as text": ("60.12", '"60.12"', "row.1.values.1"),
    "a figure that is none": ("60.12", "nan", "row.1.values.1"),
    "a figure beyond reason": ("60.12", "1e999999", "at most"),
    "a figure that Python refuses": ("60.12", "1e99999999999999999999", "not whole TOML"),
    "a yes": ("60.12", "true", "row.1.values.1"),
    "an unknown key": ('method = "cmc"', 'method = "cmc"\nlevel = "weights"', "row.1.level"),
    "an unknown task": ('task = "densepose"', 'task = "densepos"', "did you mean"),
    "an unknown protocol": ('protocol = "published"', 'protocol = "secret"', "knows no protocol 'secret'"),
    "an unknown split": ('split = "minival"', 'split = "test"', "has no split 'test'"),
    "another unit": ('unit = "%"', 'unit = "mm"', "scored in '%'"),
    "an unknown figure": ('"gps_AP"]', '"gps_APx"]', "has no figure gps_APx"),
    "a column twice": ('"bbox_AP50"', '"bbox_AP"', "column in block full bbox_AP is given more than once"),
    "a block twice": ('name = "ten"', 'name = "full"', "block full is given more than once"),
    "no ratio": ("ratio = 1.0\n", "", "give the ratio of block full"),
    "two ratios": ('printed = "A"', 'printed = "A"\nratio = 1.0', "give the ratio of block full"),
    "two boards": ('printed = "A"', 'printed = "A"\nboard = "coco"', "give the board of block full"),
    "a ratio beyond all": ("ratio = 1.0", "ratio = 1.5", "block.1.ratio"),
    "an undeclared board": ('board = "coco"', 'board = "other"', "belongs to board 'other', which is not declared"),
    "an unknown block": ('method = "cmc"', 'method = "cmc"\nwithin = { five = { init = "x" } }', "block five"),
    "what counts nothing": ("ratio = 1.0\n", "ratio = 1.0\ncounted = { AR50 = 9 }\n", "no column ends in _AR50"),
    "control characters": ('name = "Model A"', 'name = "Model \\u202eA"', "control characters"),
    "a name beyond reason": ('name = "Model A"', f'name = "{"A" * 200}"', "row.1.name"),
    "a name of its own": ('paper = "doe2026"', 'paper = "doe2026"\nstem = "other"', "stem is the file's name"),
    "no TOML": ('unit = "%"', "unit = %", "not whole TOML"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_mistakes(tmp_path: Path, mistake: str) -> None:
    old, new, message = WRONG[mistake]
    path = small_file(tmp_path, (old, new))
    with pytest.raises(DataError) as caught:
        read_published_table(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.kind == "published_table"


def test_digits_are_kept(tmp_path: Path) -> None:
    assert [str(value) for value in small(tmp_path).row[0].values][:2] == ["60.12", "85.40"]


def test_a_board_that_is_used_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "doe2026-table-1.toml"
    path.write_text(
        SMALL.replace(
            "[[block]]",
            SMALL[SMALL.index("[board") : SMALL.index("[[block]]")].replace("coco", "more") + "[[block]]",
            1,
        )
    )
    with pytest.raises(DataError, match="no figure belongs to board more"):
        read_published_table(path)


def test_file_names(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="name the file in lower-case letters"):
        read_published_table(small_file(tmp_path, name="Table 1"))


def test_missing_and_undecodable_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_published_table(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="not whole TOML"):
        read_published_table(tmp_path / "bytes.toml")
    with pytest.raises(DataError, match="not a folder"):
        published_tables(tmp_path / "none")


def test_a_folder_of_tables(tmp_path: Path) -> None:
    small_file(tmp_path, name="b")
    small_file(tmp_path, name="a")
    (tmp_path / "a-claims.toml").write_text("nothing of a table")
    assert [table.stem for table in published_tables(tmp_path)] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("@misc{a,\n  year = {1}\n}\n@misc{a,\n  year = {2}\n}\n", "has the key a twice"),
        ("@misc{a,\n  year = {1}\n}\nloose text\n", "holds what is no entry: 'loose text'"),
    ],
)
def test_citations(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "citations.bib"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_citations(path)
