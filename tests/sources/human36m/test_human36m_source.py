"""Reading Human3.6M: names, the tree, videos frame by frame, labels in MATLAB files."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from human36m_files import brightness, raw_labels, write_mat, write_mp4, write_recording

from hcmoco_bench.body import part_table
from hcmoco_bench.errors import DataError, LabelError, UsageError
from hcmoco_bench.sources.human36m import FrameId, PartLabels, SequenceName, count_frames, decode_frames, scan


def test_names_go_both_ways_and_sort_as_the_published_lists():
    name = SequenceName.of_file(11, "Directions 1.54138969")
    assert name == SequenceName(11, "Directions 1", "54138969")
    assert name.stem == "Directions 1.54138969"
    frame = FrameId(name, 25)
    assert str(frame) == "S11_Directions_1.54138969_000025"
    assert FrameId.parse(str(frame)) == frame
    for stem in ("_ALL.54138969", "Directions", ".54138969"):
        assert SequenceName.of_file(1, stem) is None
    for text in ("S1_Directions", "S1_Directions.54138969_25", "x"):
        with pytest.raises(DataError):
            FrameId.parse(text)
    stems = [(5, "Directions.54138969"), (1, "Directions.54138969"), (11, "Eating.54138969"),
             (1, "Directions 1.54138969"), (9, "Walking.60457274")]  # fmt: skip
    ordered = sorted(SequenceName.of_file(subject, stem) for subject, stem in stems)
    assert [(name.subject, name.stem) for name in ordered] == [
        (1, "Directions 1.54138969"), (1, "Directions.54138969"), (5, "Directions.54138969"),
        (9, "Walking.60457274"), (11, "Eating.54138969"),
    ]  # fmt: skip


def test_recordings_are_found_and_what_has_no_counterpart_is_said(tmp_path):
    root = tmp_path / "human36m"
    write_recording(root, 1, "Directions 1.54138969", 2)
    write_recording(root, 9, "Eating.55011271", 2)
    write_mp4(root / "S1" / "Videos" / "_ALL.54138969.mp4", 2)
    write_mp4(root / "S1" / "Videos" / "Posing.54138969.mp4", 2)
    write_mat(root / "S5" / "MySegmentsMat" / "PartLabels" / "Posing.54138969.mat", [raw_labels(0)])
    write_mp4(root / "S2" / "Videos" / "Posing.54138969.mp4", 2)
    tree = scan(root)
    assert [str(recording.name) for recording in tree.recordings] == [
        "S1_Directions_1.54138969", "S9_Eating.55011271",
    ]  # fmt: skip
    assert [(problem.id, problem.kind) for problem in tree.problems] == [
        ("S1_Posing.54138969", "labels_missing"), ("S5_Posing.54138969", "video_missing"), ("", "subject_absent"),
    ]  # fmt: skip
    assert not tree.generated
    assert scan(root.parent).recordings == tree.recordings
    for folder, kind in ((root / "S1" / "Videos", "no_recordings"), (root / "no", "root_unreadable")):
        with pytest.raises(DataError) as caught:
            scan(folder)
        assert caught.value.kind == kind


@pytest.mark.parametrize("b_frames", [0, 2])
def test_frames_are_counted_in_the_order_they_are_shown(tmp_path, b_frames):
    path = tmp_path / "a.mp4"
    write_mp4(path, 12, b_frames=b_frames)
    assert count_frames(path) == 12
    for frames in ([0], [11], [0, 5, 10], list(range(12)), []):
        found = list(decode_frames(path, frames))
        assert [number for number, _ in found] == frames
        for number, rgb in found:
            assert rgb.shape == (24, 32, 3)
            assert abs(float(rgb.mean()) - brightness(number)) < 3
    with pytest.raises(UsageError):
        list(decode_frames(path, [3, 3]))


def test_a_video_that_ends_early_gives_what_it_has(tmp_path):
    path = tmp_path / "a.mp4"
    write_mp4(path, 12)
    found = []
    with pytest.raises(DataError) as caught:  # noqa: PT012 (what comes before the error counts)
        for number, _ in decode_frames(path, [0, 10, 12]):
            found.append(number)
    assert found == [0, 10]
    assert caught.value.kind == "video_too_short"
    whole = path.read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"no video at all"):
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            count_frames(path)
        assert caught.value.kind == "video_unreadable"


def test_labels_are_turned_and_mapped(tmp_path):
    path = tmp_path / "a.mat"
    write_mat(path, [raw_labels(i) for i in range(3)])
    with PartLabels(path) as labels:
        assert len(labels) == 3
        for number in range(3):
            classes = labels.read(number)
            assert classes.shape == (24, 32)
            np.testing.assert_array_equal(part_table().raw_ids[classes], raw_labels(number))
        with pytest.raises(DataError, match="frame 3 is asked for"):
            labels.read(3)


@pytest.mark.parametrize(
    ("image", "error"),
    [
        (np.full((24, 32), 4, np.uint8), "id 4 .768 px"),
        (np.full((24, 32), 300, np.uint16), "no label ids"),
        (np.full((24, 32), 1.5), "no label ids"),
        (np.full((24, 32), np.nan), "no label ids"),
        (np.zeros((0, 0), np.uint8), "not an image"),
        (np.zeros((4, 4, 3), np.uint8), "not an image"),
    ],
)
def test_frames_that_are_no_labels_are_errors_of_their_own(tmp_path, image, error):
    path = tmp_path / "a.mat"
    write_mat(path, [raw_labels(0), image])
    with PartLabels(path) as labels:
        assert labels.read(0).shape == (24, 32)
        with pytest.raises(DataError, match=error) as caught:
            labels.read(1)
    assert caught.value.kind == ("mask_unknown_id" if isinstance(caught.value, LabelError) else "labels_unreadable")


def test_whole_numbers_of_another_type_are_labels(tmp_path):
    path = tmp_path / "a.mat"
    write_mat(path, [raw_labels(0).astype(np.float64)])
    with PartLabels(path) as labels:
        np.testing.assert_array_equal(part_table().raw_ids[labels.read(0)], raw_labels(0))


def test_files_that_are_cut_off_or_something_else_are_refused(tmp_path):
    path = tmp_path / "a.mat"
    write_mat(path, [raw_labels(i, (64, 48)) for i in range(8)])
    whole = path.read_bytes()
    for content in (b"", whole[:600], whole[: len(whole) // 2], b"MATLAB 5.0 MAT-file" * 40):
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            PartLabels(path)
        assert caught.value.kind == "labels_unreadable"
    with pytest.raises(DataError, match="no readable part labels"):
        PartLabels(tmp_path / "missing.mat")
    for name, data in (("Other", np.zeros(3)), ("Feat", np.zeros(3))):
        path.unlink(missing_ok=True)
        with h5py.File(path, "w") as file:
            file[name] = data
        with pytest.raises(DataError, match="no readable part labels"):
            PartLabels(path)
