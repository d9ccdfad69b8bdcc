from __future__ import annotations

from pathlib import Path

import pytest

from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.ntu import ClipName, parse_missing_list

PROSE = "2 of the samples have missing skeletons.\r\nPlease ignore S001C001P001R001A001 and the like.\r\n\r\n"


def test_prose_and_empty_lines_are_skipped() -> None:
    text = "\ufeff" + PROSE + "S001C002P005R002A008\r\n\r\n  S001C002P006R001A008 \r\n"
    assert parse_missing_list(text) == {ClipName(1, 2, 5, 2, 8), ClipName(1, 2, 6, 1, 8)}


def test_a_byte_order_mark_does_not_hide_the_first_name() -> None:
    assert parse_missing_list("\ufeffS001C002P005R002A008\n") == {ClipName(1, 2, 5, 2, 8)}


def test_nothing_is_an_empty_set() -> None:
    assert parse_missing_list("") == frozenset()
    assert parse_missing_list(PROSE) == frozenset()


def test_a_damaged_line_after_the_first_name_is_an_error_with_its_number() -> None:
    with pytest.raises(DataError, match=r"line 2 .*S001C002P006R0") as caught:
        parse_missing_list("S001C002P005R002A008\nS001C002P006R0\n")
    assert caught.value.kind == "missing_list_garbled"


@pytest.mark.lists
@pytest.mark.parametrize(
    ("name", "setups"),
    [
        ("NTU_RGBD_samples_with_missing_skeletons.txt", 17),
        ("NTU_RGBD120_samples_with_missing_skeletons.txt", 32),
    ],
)
def test_published_lists_hold_as_many_clips_as_their_prose_says(official_lists: Path, name: str, setups: int) -> None:
    text = (official_lists / name).read_text()
    clips = parse_missing_list(text)
    assert len(clips) == int(text.split()[0])
    assert max(clip.setup for clip in clips) == setups
