"""Names of paths and addresses from texts of any kind, and what is said of a row."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from exports_rows import leaderboard
from hypothesis import given
from hypothesis import strategies as st

from hcmoco_bench.leaderboard.exports.facts import row_facts
from hcmoco_bench.leaderboard.exports.texts import path_name, shown
from hcmoco_bench.leaderboard.level import MEANINGS, Level
from hcmoco_bench.leaderboard.linkable_address import linkable_address


@given(st.text())
def test_any_text_becomes_one_name_of_a_path(text: str) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", path_name(text))
    assert len(path_name(text)) <= 100
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", shown(text))


def test_long_names_that_differ_late_stay_apart() -> None:
    assert path_name("a" * 200) != path_name("a" * 201)
    assert path_name("Depth Parsing (v2)") == "depth-parsing-v2"
    assert path_name("§§") != path_name("§")


@pytest.mark.parametrize(
    "text", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//host/x", "https://", "http://[", ""]
)
def test_only_web_addresses_are_passed_on(text: str) -> None:
    assert linkable_address(text) is None
    assert linkable_address("https://example.org/a?b=c") == "https://example.org/a?b=c"


def test_a_row_is_said_to_have_no_more_than_its_level_says() -> None:
    """Weights that were run again do not tell that predictions were deposited, too."""
    (row,) = [one for board in leaderboard().boards for one in board.rows if one.id == "after-1"]
    told = row_facts(replace(row, level=Level.WEIGHTS))["level_meaning"]
    assert told == f"{MEANINGS[Level.EVIDENCE]}; {MEANINGS[Level.WEIGHTS]}"
