from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.ntu import ClipName, Rig, SampleId

numbers = st.integers(0, 999)
clips = st.builds(ClipName, numbers, numbers, numbers, numbers, numbers)


@given(clips, clips)
def test_clips_survive_their_text_and_sort_as_it(one: ClipName, two: ClipName) -> None:
    assert ClipName.parse(str(one)) == one
    assert (one < two) == (str(one) < str(two))
    assert ClipName.search(f"images/{one}_rgb.avi") == one


@given(clips, st.integers(1, 99_999))
def test_samples_survive_their_text(clip: ClipName, frame: int) -> None:
    sample = SampleId(clip, frame)
    assert SampleId.parse(str(sample)) == sample
    assert sample.clip.rig == Rig(clip.setup, clip.camera)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "S001C001P001R001A01",
        "S001C001P001R001A0011",
        "s001c001p001r001a001",
        " S001C001P001R001A001",
        "S٠٠١C001P001R001A001x",
    ],
)
def test_other_texts_are_no_clip_names(text: str) -> None:
    with pytest.raises(DataError, match="not a clip name"):
        ClipName.parse(text)


@pytest.mark.parametrize(
    "text",
    ["S001C001P001R001A001", "S001C001P001R001A001F000", "S001C001P001R001A001F01", "S001C001P001R001A001F001.png"],
)
def test_other_texts_are_no_sample_ids(text: str) -> None:
    with pytest.raises(DataError, match="not a sample id"):
        SampleId.parse(text)


def test_digits_of_other_scripts_are_no_digits() -> None:
    with pytest.raises(DataError):
        ClipName.parse("S٠٠١C001P001R001A001")


def test_rig_text() -> None:
    assert str(ClipName.parse("S017C003P001R001A001").rig) == "S017C003"
    assert ClipName.search("readme.txt") is None


@pytest.mark.lists
def test_every_published_sample_id_parses_to_itself(official_lists: Path) -> None:
    lines = (official_lists / "NTURGBD-Parsing-4K_list.txt").read_text().split()
    for line in lines:
        text = line.removeprefix("images/").removesuffix(".jpg")
        assert str(SampleId.parse(text)) == text
    assert len(lines) == 4024
