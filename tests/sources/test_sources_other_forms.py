"""Every data set names what it saw in a form that it does not read, once a form, and says what to do about it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hcmoco_bench.errors import DataError
from hcmoco_bench.sources import coco, mpii
from hcmoco_bench.sources.densepose.annotations import find_annotations as densepose
from hcmoco_bench.sources.human36m import scan
from hcmoco_bench.sources.itop.files import find_file
from hcmoco_bench.sources.ntu.assets import Asset
from hcmoco_bench.sources.ntu.video import decode_frames
from hcmoco_bench.sources.other_forms import BACKSLASHES, NOT_READ, PACKED, SPLIT, OtherForms


def itop(root: Path) -> None:
    find_file(root, "ITOP_side_test_labels.h5")


MISSING: list[tuple[Callable[[Path], object], str]] = [
    (mpii.find_annotations, "mpii_human_pose_v1_u12_1.mat"),
    (mpii.find_annotations, "annot.tar.gz"),
    (mpii.find_annotations, "annot/train.json.gz"),
    (coco.find_annotations, "annotations_trainval2017.zip"),
    (coco.find_annotations, "annotations/person_keypoints_train2017.json.gz"),
    (coco.find_annotations, "annotations_trainval2017.zip.001"),
    (densepose, "densepose_coco.tar.gz"),
    (densepose, "annotations/all.7z"),
    (itop, "ITOP_side_test_labels.h5.zip"),
    (itop, "itop.tar.gz"),
    (mpii.find_annotations, "mpii_human_pose_v1.tar.gz.part"),
    (densepose, "annotations/densepose_coco_2014_train.json.crdownload"),
    (itop, "ITOP_side_test_labels.h5.gz.crdownload"),
    (scan, "S1.tgz.aria2"),
    (scan, "S1.tgz"),
    (scan, "S1/Videos.tgz"),
    (scan, "S1/Videos/Directions.54138969.avi"),
    (scan, "S1/MySegmentsMat/PartLabels/Directions.54138969.npy"),
    (scan, "Videos\\S1\\Directions.54138969.mp4"),
]


@pytest.mark.parametrize(("find", "name"), MISSING, ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_there_instead_is_named(find: Callable[[Path], object], name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    with pytest.raises(DataError) as caught:
        find(tmp_path)
    assert f"{path}: the first of 1 " in str(caught.value)
    assert "download it again" not in str(caught.value)
    path.unlink()
    with pytest.raises(DataError) as caught:
        find(tmp_path)
    assert "the first of" not in str(caught.value)


def test_packed_itop_files_that_are_read_are_not_named(tmp_path: Path) -> None:
    (tmp_path / "ITOP_side_train_labels.h5.gz").touch()
    with pytest.raises(DataError) as caught:
        itop(tmp_path)
    assert "the first of" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.zip", PACKED), ("a.tar.gz", PACKED), ("a.tar.xz", PACKED), ("a.rar", PACKED), ("a.ZIP", PACKED),
        ("a.zip.001", SPLIT), ("a.7z.002", SPLIT), ("a.z01", SPLIT), ("a.part1.rar", SPLIT), ("a.tar.gz.partaa", SPLIT),
        ("a\\b.png", BACKSLASHES), ("a.json", None), ("zip", None), ("a.zip.txt", None),
    ],
)  # fmt: skip
def test_forms_are_known_by_their_names(name: str, form: object) -> None:
    forms = OtherForms((SPLIT, PACKED, BACKSLASHES))
    assert forms.see(name, name) == (form is not None)
    assert list(forms.seen) == ([] if form is None else [form])
    assert {problem.kind for problem in forms.problems()} <= NOT_READ


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (b"\0\0\0\x20ftypisom", "MP4"), (b"RIFF\0\0\0\0AVI LIST", "published"), (b"\x1a\x45\xdf\xa3", "Matroska"),
        (b"PK\3\4", "zip"), (b"\x1f\x8b\x08", "gzip"), (b"version https://git-lfs.github.com/spec/v1", "Git LFS"),
        (b"\n<!DOCTYPE html>", "web page"), (b"", "published"), (b"\xff" * 64, "published"),
    ],
)  # fmt: skip
def test_only_files_of_the_published_kind_are_to_be_fetched_again(start: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "S001C001P001R001A001_rgb.avi"
    path.write_bytes(start)
    with pytest.raises(DataError, match=said) as caught:
        next(decode_frames(Asset(path), [1]))
    assert caught.value.kind == "video_unreadable"
    assert ("download" in str(caught.value)) == (said in ("published", "web page"))


def recording(root: Path, subject: int) -> None:
    for folder, suffix in (("Videos", "mp4"), ("MySegmentsMat/PartLabels", "mat")):
        path = root / f"S{subject}" / folder / f"Directions.54138969.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_subjects_that_are_absent_are_one_line(tmp_path: Path) -> None:
    for subject in (1, 6, 7, 8, 9):
        recording(tmp_path, subject)
    (problem,) = scan(tmp_path).problems
    assert (problem.kind, problem.kept) == ("subject_absent", True)
    assert "labels of S5, S11;" in problem.reason
    (tmp_path / "S5.tgz").touch()
    assert [one.kind for one in scan(tmp_path).problems] == ["subject_absent", "archive_packed"]
    for subject in (5, 11):
        recording(tmp_path, subject)
    assert scan(tmp_path).problems == ()  # an archive beside what it was extracted to is no problem
    (tmp_path / "S5" / "Videos" / "Directions.54138969.mp4").rename(
        tmp_path / "S5" / "Videos" / "Directions.54138969.avi"
    )
    assert {one.kind for one in scan(tmp_path).problems} >= {"video_missing", "video_not_mp4", "subject_absent"}


def test_densepose_without_a_single_image(tmp_path: Path) -> None:
    from hcmoco_bench.sources.densepose.annotations import read_annotations

    path = tmp_path / "densepose_train2014.json"
    images = [{"id": number, "file_name": f"{number}.jpg", "width": 9, "height": 9} for number in (1, 2)]
    path.write_text(json.dumps({"images": images, "annotations": [], "categories": [{"id": 1, "name": "person"}]}))
    (tmp_path / "train2014.zip").touch()
    last = read_annotations(path, tmp_path).problems[-1]
    assert last.kind == "images_absent"
    assert "none of the 2 images" in last.reason
    assert f"{tmp_path / 'train2014.zip'}: the first of 1 archives" in last.reason
