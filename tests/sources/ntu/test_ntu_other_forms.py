"""Recordings in other forms are named once a kind, with their number and what to do; what can be read is read."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest

from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.ntu.assets import Asset
from hcmoco_bench.sources.ntu.names import ClipName
from hcmoco_bench.sources.ntu.other_forms import OTHER_FORMS
from hcmoco_bench.sources.ntu.tree import scan

CLIP = "S001C001P001R001A001"

NAMES = {
    f"{CLIP}_rgb.mp4": "video_not_avi",
    f"{CLIP}.MKV": "video_not_avi",
    f"{CLIP}_rgb (1).avi": "recording_renamed",
    f"{CLIP}.avi": "recording_renamed",
    f"{CLIP}.skeleton.txt": "recording_renamed",
    f"{CLIP}.skeleton (1)": "recording_renamed",
    f"{CLIP}.npy": "recording_other_form",
    "MDepth-00000001.npy": "depth_other_form",
    "Depth-00000001.tiff": "depth_other_form",
    f"{CLIP}.skeleton.gz": "archive_not_zip",
    "nturgbd_depth_masked_s001.tar.gz": "archive_not_zip",
    "nturgbd_depth_masked_s001.7z": "archive_not_zip",
    "nturgbd_depth_masked_s001.z01": "archive_split",
    "nturgbd_depth_masked_s001.zip.001": "archive_split",
    "nturgbd_depth_masked_s001.part1.rar": "archive_split",
    f"nturgb+d_skeletons\\{CLIP}.skeleton": "names_with_backslashes",
    "nturgbd_rgb_s001.zip.part": "download_unfinished",
    f"{CLIP}_rgb.avi.crdownload": "download_unfinished",
    f"{CLIP}_ir.avi": None,
    "README.txt": None,
    "notes.csv": None,
}


@pytest.mark.parametrize(("name", "kind"), NAMES.items())
def test_a_form_that_is_not_read_is_named(name: str, kind: str | None, tmp_path: Path) -> None:
    (tmp_path / f"{CLIP}_rgb.avi").touch()
    (tmp_path / name).touch()
    tree = scan([tmp_path])
    assert list(tree.clips) == [ClipName.parse(CLIP)]
    assert [problem.kind for problem in tree.problems] == ([] if kind is None else [kind])
    for problem in tree.problems:
        assert problem.file == str(tmp_path / name)
        assert not problem.kept


def test_a_kind_is_named_once_with_the_number_of_its_files(tmp_path: Path) -> None:
    for number in range(1, 4):
        (tmp_path / f"S001C001P001R001A00{number}_rgb.mp4").touch()
    (problem,) = scan([tmp_path]).problems
    assert "the first of 3 videos" in problem.reason
    assert problem.file.endswith("A001_rgb.mp4")


def test_every_form_is_tried_here() -> None:
    assert {form.kind for form in OTHER_FORMS} == {*NAMES.values(), "archive_nested"} - {None}


@pytest.mark.parametrize(("local", "central", "value"), [(8, 10, 9), (8, 10, 93), (8, 10, 97), (6, 8, 1), (6, 8, 0x41)])
def test_a_locked_archive_is_one_line_and_never_wins(local: int, central: int, value: int, tmp_path: Path) -> None:
    for name, content in (("a.zip", b"locked"), ("b.zip", b"open")):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr(f"s/{CLIP}.skeleton", content)
    change(tmp_path / "a.zip", local, central, value)
    tree = scan([tmp_path])
    (problem,) = tree.problems
    assert (problem.kind, problem.file) == ("zip_locked", f"{tmp_path / 'a.zip'}!s/{CLIP}.skeleton")
    assert "unpack" in problem.reason
    assert "download" not in problem.reason
    skeleton = tree.clips[ClipName.parse(CLIP)].skeleton
    assert skeleton is not None
    assert skeleton.read_bytes() == b"open"


def test_archives_in_an_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr(f"{CLIP}.skeleton.zip", b"")
    (problem,) = scan([tmp_path]).problems
    assert problem.kind == "archive_nested"
    assert problem.file == f"{tmp_path / 'all.zip'}!{CLIP}.skeleton.zip"


def backslashes(path: Path, *members: str) -> None:
    """An archive as Windows programs write it: folders by backslashes."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in members:
            info = zipfile.ZipInfo(name.replace("/", "\\"))
            info.create_system = 0
            archive.writestr(info, name.encode())


def test_names_with_backslashes_in_an_archive_are_read(tmp_path: Path) -> None:
    depth = f"d/{CLIP}/MDepth-00000001.png"
    backslashes(tmp_path / "a.zip", f"nturgb+d_skeletons/{CLIP}.skeleton", f"rgb/{CLIP}_rgb.avi", depth)
    tree = scan([tmp_path])
    assert tree.problems == ()
    clip = tree.clips[ClipName.parse(CLIP)]
    assert clip.missing == ()
    assert clip.skeleton is not None
    assert clip.depth is not None
    assert clip.skeleton.read_bytes() == f"nturgb+d_skeletons/{CLIP}.skeleton".encode()
    assert clip.depth.frame(1).read_bytes() == depth.encode()
    assert clip.depth.frame(1).size() == len(depth)


def test_a_member_with_slashes_wins_over_one_with_backslashes(tmp_path: Path) -> None:
    backslashes(tmp_path / "a.zip", f"s/{CLIP}.skeleton")
    with zipfile.ZipFile(tmp_path / "a.zip", "a") as archive:
        archive.writestr(f"s/{CLIP}.skeleton", b"proper")
    skeleton = scan([tmp_path]).clips[ClipName.parse(CLIP)].skeleton
    assert skeleton is not None
    assert skeleton.read_bytes() == b"proper"


def change(path: Path, local: int, central: int, value: int) -> None:
    """Overwrite a 16-bit field of the headers of an archive's only member."""
    data = bytearray(path.read_bytes())
    struct.pack_into("<H", data, data.find(b"PK\3\4") + local, value)
    struct.pack_into("<H", data, data.find(b"PK\1\2") + central, value)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "advice"),
    [
        ("method", "unpack the archive with 7z"),
        ("password", "need"),
        ("cut", "download it again if they differ"),
        ("split", "unpack it with 7z"),
    ],
)
def test_advice_fits_the_cause(damage: str, advice: str, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{CLIP}.skeleton", b"x" * 100)
    if damage == "method":
        change(path, 8, 10, 97)
    elif damage == "password":
        change(path, 6, 8, 1)
    else:
        path.write_bytes(path.read_bytes()[:-30])
        if damage == "split":
            (tmp_path / "a.z01").touch()
    kind = "zip_unreadable" if damage in ("cut", "split") else "zip_locked"
    said = [problem.reason for problem in scan([tmp_path]).problems if problem.kind == kind]
    if kind == "zip_locked":
        assert "the first of 1 recordings" in said[0]
        with pytest.raises(DataError) as caught:
            Asset(path, f"{CLIP}.skeleton").read_bytes()
        said.append(str(caught.value))
    for text in said:
        assert advice in text
        assert ("download" in text) == (damage == "cut")
