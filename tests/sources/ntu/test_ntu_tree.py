from __future__ import annotations

import os
import pickle
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.sources.ntu import Asset, ClipName, DepthFrames, NtuTree, scan

ONE = "S001C001P001R001A001"
TWO = "S001C002P003R002A050"
LATE = "S032C003P106R002A120"


def clip(text: str) -> ClipName:
    return ClipName.parse(text)


def put(path: Path, data: bytes = b"data") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def extracted(root: Path, *names: str) -> None:
    for name in names:
        put(root / "nturgb+d_rgb" / f"{name}_rgb.avi")
        put(root / "nturgb+d_skeletons" / f"{name}.skeleton")
        for frame in (1, 2, 60):
            put(root / "nturgb+d_depth_masked" / name / f"MDepth-{frame:08d}.png", b"%d" % frame)


def archived(path: Path, *names: str, top: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "a") as archive:
        for name in names:
            archive.writestr(f"{top}nturgb+d_rgb/{name}_rgb.avi", b"data")
            archive.writestr(f"{top}nturgb+d_skeletons/{name}.skeleton", b"data")
            archive.writestr(f"{top}nturgb+d_depth_masked/{name}/", b"")
            for frame in (1, 2, 60):
                archive.writestr(f"{top}nturgb+d_depth_masked/{name}/MDepth-{frame:08d}.png", b"%d" % frame)
    return path


def kinds(tree: NtuTree) -> list[tuple[str, str, str, bool]]:
    return [(problem.kind, problem.id, problem.file, problem.kept) for problem in tree.problems]


def assert_complete(tree: NtuTree, *names: str) -> None:
    assert list(tree.clips) == sorted(map(clip, names))
    for name, found in tree.clips.items():
        assert (found.name, found.missing) == (name, ())
        assert found.rgb is not None
        assert found.depth is not None
        assert found.skeleton is not None
        assert found.rgb.read_bytes() == found.skeleton.read_bytes() == b"data"
        assert found.depth.frame(60).read_bytes() == b"60"


@pytest.mark.parametrize("below", ["", "extra level", "mehrere Ebenen/ä/数据"])
def test_extracted_folders_at_any_depth(tmp_path: Path, below: str) -> None:
    extracted(tmp_path / below, TWO, ONE, LATE)
    put(tmp_path / "readme.txt")
    tree = scan([tmp_path])
    assert_complete(tree, ONE, TWO, LATE)
    assert tree.problems == ()
    assert tree.clips[clip(ONE)].rgb == Asset(tmp_path / below / "nturgb+d_rgb" / f"{ONE}_rgb.avi")


@pytest.mark.parametrize("top", ["", "nturgb+d/", "a b/ü/"])
def test_archives_in_place(tmp_path: Path, top: str) -> None:
    archived(tmp_path / "disk 1" / "nturgbd_s001.zip", TWO, ONE, top=top)
    archived(tmp_path / "nturgbd_s032.ZIP", LATE, top=top)
    before = sorted(tmp_path.rglob("*"))
    tree = scan([tmp_path])
    assert_complete(tree, ONE, TWO, LATE)
    assert tree.problems == ()
    assert sorted(tmp_path.rglob("*")) == before
    assert scan([tmp_path / "disk 1" / "nturgbd_s001.zip"]).clips.keys() == {clip(ONE), clip(TWO)}


def test_an_archive_without_folders(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(f"{ONE}_rgb.avi", b"data")
        archive.writestr(f"{ONE}/MDepth-00000001.png", b"1")
    found = scan([tmp_path]).clips[clip(ONE)]
    assert found.rgb == Asset(tmp_path / "x.zip", f"{ONE}_rgb.avi")
    assert found.depth == DepthFrames(tmp_path / "x.zip", ONE)
    assert found.depth.frame(1).read_bytes() == b"1"
    assert found.missing == ("skeleton",)


def test_recordings_spread_over_roots_and_kinds_of_storage(tmp_path: Path) -> None:
    put(tmp_path / "a" / f"{ONE}_rgb.avi")
    put(tmp_path / "b" / f"{ONE}.skeleton")
    archived(tmp_path / "c" / "depth.zip", ONE)
    tree = scan([tmp_path / "a", tmp_path / "b", tmp_path / "c"])
    found = tree.clips[clip(ONE)]
    assert found.rgb == Asset(tmp_path / "a" / f"{ONE}_rgb.avi")
    assert found.skeleton == Asset(tmp_path / "b" / f"{ONE}.skeleton")
    assert str(found.depth) == f"{tmp_path / 'c' / 'depth.zip'}!nturgb+d_depth_masked/{ONE}"
    assert tree.roots == (tmp_path / "a", tmp_path / "b", tmp_path / "c")


def test_duplicates_in_two_roots_the_first_root_wins(tmp_path: Path) -> None:
    extracted(tmp_path / "b", ONE)
    extracted(tmp_path / "a", ONE, TWO)
    tree = scan([tmp_path / "b", tmp_path / "a"])
    assert_complete(tree, ONE, TWO)
    assert str(tree.clips[clip(ONE)].rgb).startswith(str(tmp_path / "b"))
    a = tmp_path / "a"
    assert kinds(tree) == [
        ("duplicate_clip", ONE, str(a / "nturgb+d_depth_masked" / ONE), True),
        ("duplicate_clip", ONE, str(a / "nturgb+d_rgb" / f"{ONE}_rgb.avi"), True),
        ("duplicate_clip", ONE, str(a / "nturgb+d_skeletons" / f"{ONE}.skeleton"), True),
    ]
    assert str(tmp_path / "b") in tree.problems[0].reason


def test_duplicates_in_one_root_go_by_sorted_names(tmp_path: Path) -> None:
    for folder in ("z", "a", "m"):
        put(tmp_path / folder / f"{ONE}_rgb.avi")
    tree = scan([tmp_path])
    assert tree.clips[clip(ONE)].rgb == Asset(tmp_path / "a" / f"{ONE}_rgb.avi")
    assert [Path(problem.file).parent.name for problem in tree.problems] == ["m", "z"]


def test_archives_kept_beside_what_they_were_extracted_to_are_one_line_each(tmp_path: Path) -> None:
    extracted(tmp_path, ONE, TWO)
    archive = archived(tmp_path / "nturgbd_s001.zip", ONE, TWO, LATE)
    tree = scan([tmp_path])
    assert_complete(tree, ONE, TWO, LATE)
    assert kinds(tree) == [("duplicate_clip", "", str(archive), True)] * 3
    assert all("of 2 of its clips" in problem.reason for problem in tree.problems)


def test_the_same_folder_twice_is_no_duplicate(tmp_path: Path) -> None:
    extracted(tmp_path / "data", ONE)
    archived(tmp_path / "data" / "x.zip", TWO)
    (tmp_path / "link").symlink_to(tmp_path / "data", target_is_directory=True)
    put(tmp_path / "files" / "readme")
    (tmp_path / "files" / f"{ONE}_rgb.avi").symlink_to(tmp_path / "data" / "nturgb+d_rgb" / f"{ONE}_rgb.avi")
    roots = [tmp_path / "data", tmp_path / "data" / "nturgb+d_rgb", tmp_path / "link", tmp_path / "files", tmp_path]
    tree = scan(roots)
    assert_complete(tree, ONE, TWO)
    assert tree.problems == ()


def test_links_are_followed_and_loops_end(tmp_path: Path) -> None:
    extracted(tmp_path / "elsewhere", ONE)
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "data").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "root", target_is_directory=True)
    (tmp_path / "elsewhere" / "self").symlink_to("self")
    (tmp_path / "root" / "gone").symlink_to(tmp_path / "nowhere")
    tree = scan([tmp_path / "root"])
    assert_complete(tree, ONE)
    assert tree.problems == ()


def test_names_that_do_not_parse(tmp_path: Path) -> None:
    odd = [f"{ONE}(1)_rgb.avi", f"{ONE}_RGB.AVI", "S1C1P1R1A1.skeleton", f"copy of {ONE}.skeleton", "_rgb.avi"]
    for name in odd:
        put(tmp_path / "a b" / name)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(f"ä/{odd[0]}", b"")
    tree = scan([tmp_path])
    assert len(tree.clips) == 0
    files = sorted([str(tmp_path / "a b" / name) for name in odd] + [f"{tmp_path / 'x.zip'}!ä/{odd[0]}"])
    assert kinds(tree) == [("name_unparsable", "", file, False) for file in files]


def test_junk_of_other_systems_is_ignored(tmp_path: Path) -> None:
    put(tmp_path / "__MACOSX" / f"{ONE}_rgb.avi")
    put(tmp_path / f"._{ONE}_rgb.avi")
    put(tmp_path / "._x.zip")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(f"__MACOSX/{ONE}/MDepth-00000001.png", b"")
        archive.writestr(f"__MACOSX/a/._{ONE}_rgb.avi", b"")
        archive.writestr(f"a/._{ONE}.skeleton", b"")
        archive.writestr(f"a/{ONE}/._MDepth-00000001.png", b"")
    tree = scan([tmp_path])
    assert (len(tree.clips), tree.problems, tree.generated) == (0, (), False)


@pytest.mark.parametrize("data", [b"", b"PK\5\6", b"no archive", bytes(3000)])
def test_unreadable_archives_are_problems(tmp_path: Path, data: bytes) -> None:
    extracted(tmp_path, ONE)
    put(tmp_path / "nturgbd_rgb_s002.zip", data)
    tree = scan([tmp_path])
    assert_complete(tree, ONE)
    assert kinds(tree) == [("zip_unreadable", "", str(tmp_path / "nturgbd_rgb_s002.zip"), False)]


def test_a_cut_off_archive_is_a_problem(tmp_path: Path) -> None:
    path = archived(tmp_path / "x.zip", ONE, TWO)
    path.write_bytes(path.read_bytes()[:-200])
    assert [kind for kind, *_ in kinds(scan([tmp_path]))] == ["zip_unreadable"]


def test_unreadable_roots(tmp_path: Path) -> None:
    put(tmp_path / "file.txt")
    (tmp_path / "loop").symlink_to("loop")
    for root in (tmp_path / "missing", tmp_path / "file.txt", tmp_path / "loop"):
        with pytest.raises(DataError, match="check --root") as caught:
            scan([root])
        assert (caught.value.kind, caught.value.file) == ("root_unreadable", str(root))


@pytest.fixture
def as_nobody() -> Iterator[Path]:
    """A folder of our own, read without the rights of root."""
    folder = Path(tempfile.mkdtemp())
    root = os.geteuid() == 0
    try:
        if root:
            os.chown(folder, 65534, 65534)
            os.seteuid(65534)
        yield folder
    finally:
        if root:
            os.seteuid(0)
        for inner in folder.rglob("*"):
            if inner.is_dir():
                inner.chmod(0o755)
        shutil.rmtree(folder)


def test_folders_without_permission(as_nobody: Path) -> None:
    extracted(as_nobody, ONE)
    closed = as_nobody / "closed"
    put(closed / f"{TWO}_rgb.avi")
    archive = archived(as_nobody / "x.zip", LATE)
    closed.chmod(0)
    archive.chmod(0)
    tree = scan([as_nobody])
    assert_complete(tree, ONE)
    assert kinds(tree) == [
        ("folder_unreadable", "", str(closed), False),
        ("zip_unreadable", "", str(archive), False),
    ]
    with pytest.raises(DataError) as caught:
        scan([closed])
    assert caught.value.kind == "root_unreadable"
    closed.chmod(0o755)


def test_depth_folders_that_cannot_be_listed_are_no_problem_yet(as_nobody: Path) -> None:
    extracted(as_nobody, ONE, TWO, LATE)
    closed = as_nobody / "nturgb+d_depth_masked" / LATE
    closed.chmod(0)
    tree = scan([as_nobody])
    assert tree.problems == ()
    assert tree.clips[clip(LATE)].depth == DepthFrames(closed)
    assert tree.clips[clip(LATE)].depth.extent() is None


def test_unmasked_depth_is_not_taken_for_masked(tmp_path: Path) -> None:
    for name in (ONE, TWO):
        put(tmp_path / "nturgb+d_depth" / name / "Depth-00000001.png")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(f"nturgb+d_depth/{ONE}/Depth-00000001.png", b"")
    tree = scan([tmp_path])
    assert len(tree.clips) == 0
    assert kinds(tree) == [
        ("depth_not_masked", "", str(tmp_path / "nturgb+d_depth"), True),
        ("depth_not_masked", ONE, str(tmp_path / "x.zip"), True),
    ]
    assert "of 2 clips" in tree.problems[0].reason
    extracted(tmp_path, ONE)
    assert_complete(scan([tmp_path]), ONE)


def test_one_folder_a_clip(tmp_path: Path) -> None:
    for name in (ONE, TWO):
        put(tmp_path / name / f"{name}_rgb.avi")
        put(tmp_path / name / f"{name}.skeleton")
        put(tmp_path / name / "MDepth-00000060.png", b"60")
    tree = scan([tmp_path])
    assert_complete(tree, ONE, TWO)
    assert tree.problems == ()


LAYOUTS = {
    "masked": ["MDepth-00000001.png", "MDepth-00000002.png"],
    "unmasked": ["Depth-00000001.png", "Depth-00000002.png"],
    "both": ["MDepth-00000001.png", "MDepth-00000002.png", "Depth-00000001.png"],
    "without its first frame": ["MDepth-00000002.png", "Depth-00000001.png"],
    "another thing": ["preview.gif"],
    "its video as well": ["MDepth-00000001.png", f"{ONE}_rgb.avi"],
    "a folder further down": [f"more/{ONE}_rgb.avi"],
    "hidden files": [".DS_Store", "MDepth-00000001.png"],
}
"""What a clip's folder holds."""


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("place", ["first", "last"])
@pytest.mark.parametrize("zipped", [False, True])
def test_each_clip_is_judged_by_its_own_folder(tmp_path: Path, layout: str, place: str, zipped: bool) -> None:
    """Whichever of 40 folders is unlike the others, and whether they are extracted or not: no other clip suffers."""
    others = [f"S001C001P{number:03d}R001A060" for number in range(2, 41)]
    odd = ONE if place == "first" else LATE
    names = {odd: [name.replace(ONE, odd) for name in LAYOUTS[layout]]} | dict.fromkeys(others, LAYOUTS["masked"])
    members = [f"depth/{folder}/{name}" for folder, files in sorted(names.items()) for name in files]
    if zipped:
        with zipfile.ZipFile(tmp_path / "depth.zip", "w") as archive:
            for member in members:
                archive.writestr(member, b"data")
    else:
        for member in members:
            put(tmp_path / member)
    tree = scan([tmp_path])
    assert all(tree.clips[clip(name)].depth is not None for name in others)
    found = dict(tree.clips).get(clip(odd))
    masked = sum(name.startswith("MDepth-") for name in LAYOUTS[layout])
    assert (0 if found is None or found.depth is None else found.depth.extent().present) == masked
    assert (found is not None and found.rgb is not None) == any("_rgb.avi" in name for name in LAYOUTS[layout])
    where = tmp_path / ("depth.zip" if zipped else "depth")
    assert kinds(tree) == ([("depth_not_masked", odd, str(where), True)] if layout == "unmasked" else [])


def test_empty_clip_folders_hold_no_depth(tmp_path: Path) -> None:
    (tmp_path / "depth" / ONE).mkdir(parents=True)
    put(tmp_path / f"{ONE}_rgb.avi")
    assert scan([tmp_path]).clips[clip(ONE)].missing == ("depth", "skeleton")


def test_a_clip_folder_may_be_the_root(tmp_path: Path) -> None:
    extracted(tmp_path, ONE)
    tree = scan([tmp_path / "nturgb+d_depth_masked" / ONE])
    assert tree.clips[clip(ONE)].depth.frame(60).read_bytes() == b"60"
    assert tree.problems == ()


def test_further_copies_are_kept_in_order(tmp_path: Path) -> None:
    extracted(tmp_path / "a", ONE)
    archived(tmp_path / "b.zip", ONE)
    extracted(tmp_path / "c", ONE)
    tree = scan([tmp_path])
    found = tree.clips[clip(ONE)]
    assert tree.clips.has_copies(clip(ONE))
    assert [copy.path for copy in (found.skeleton, *found.spare.skeleton)] == [
        tmp_path / "a" / "nturgb+d_skeletons" / f"{ONE}.skeleton",
        tmp_path / "b.zip",
        tmp_path / "c" / "nturgb+d_skeletons" / f"{ONE}.skeleton",
    ]
    other = tree.clips.using({clip(ONE): {"depth": 2, "rgb": 1}})[clip(ONE)]
    assert other.skeleton == found.skeleton
    assert other.depth == found.spare.depth[1]
    assert other.depth.frame(60).read_bytes() == b"60"
    assert other.spare.depth == (found.depth, found.spare.depth[0])
    assert other.rgb == found.spare.rgb[0]


@pytest.mark.parametrize("folder", ["..", "../..", "a/../..", "/", "/data", "C:/data"])
def test_members_that_lead_out_of_their_archive_come_last(tmp_path: Path, folder: str) -> None:
    """They are read where nothing else is there, and never before a proper copy, even one of a later root."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in (ONE, TWO):
            prefix = folder if folder.endswith("/") else f"{folder}/"
            archive.writestr(f"{prefix}{name}_rgb.avi", b"outside")
            archive.writestr(f"{prefix}{name}.skeleton", b"outside")
            archive.writestr(f"{prefix}{name}/MDepth-00000060.png", b"outside")
    extracted(tmp_path / "later", ONE)
    tree = scan([tmp_path / "a.zip", tmp_path / "later"])
    found, alone = tree.clips[clip(ONE)], tree.clips[clip(TWO)]
    assert found.rgb.read_bytes() == found.skeleton.read_bytes() == b"data"
    assert found.depth.frame(60).read_bytes() == b"60"
    assert alone.rgb.read_bytes() == alone.skeleton.read_bytes() == alone.depth.frame(60).read_bytes() == b"outside"
    (line,) = [problem for problem in tree.problems if problem.kind == "member_outside"]
    assert "of 6 recordings" in line.reason
    assert line.file.startswith(f"{tmp_path / 'a.zip'}!{folder}")


def test_generated_only_if_everything_is(tmp_path: Path) -> None:
    extracted(tmp_path / "synthetic" / "tree", ONE)
    archived(tmp_path / "synthetic" / "tree" / "x.zip", TWO)
    assert not scan([tmp_path]).generated
    put(tmp_path / "synthetic" / "tree" / "GENERATED.json", b"{}")
    assert scan([tmp_path]).generated
    assert scan([tmp_path / "synthetic" / "tree"]).generated
    extracted(tmp_path / "disk", LATE)
    assert not scan([tmp_path]).generated
    assert not scan([tmp_path / "synthetic", tmp_path / "disk"]).generated
    put(tmp_path / "disk" / "nturgb+d_rgb" / "GENERATED.json", b"{}")
    assert not scan([tmp_path]).generated


def test_nothing_found(tmp_path: Path) -> None:
    tree = scan([tmp_path])
    assert (dict(tree.clips), tree.problems, tree.generated) == ({}, (), False)


def test_a_tree_is_a_small_picklable_mapping(tmp_path: Path) -> None:
    names = [f"S001C001P{p:03d}R001A{a:03d}" for p in range(10) for a in range(60)]
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in names:
            archive.writestr(f"nturgb+d_rgb/{name}_rgb.avi", b"")
            archive.writestr(f"nturgb+d_skeletons/{name}.skeleton", b"")
            archive.writestr(f"nturgb+d_depth_masked/{name}/MDepth-00000001.png", b"")
    tree = scan([tmp_path])
    assert len(tree.clips) == len(names)
    stored = pickle.dumps(tree)
    assert pickle.loads(stored) == tree
    assert len(stored) / len(names) < 150
    assert clip(LATE) not in tree.clips
    with pytest.raises(KeyError):
        tree.clips[clip(LATE)]


def test_progress_ends_complete(tmp_path: Path) -> None:
    extracted(tmp_path, ONE)
    calls: list[tuple[str, int, int | None]] = []
    scan([tmp_path], progress=lambda label, done, total: calls.append((label, done, total)))
    assert calls[-1] == ("scanning", 4, 4)
    assert [done for _, done, _ in calls[:-1]] == [1, 2, 3, 4]


@settings(max_examples=25, deadline=None)
@given(order=st.permutations(range(9)))
def test_the_order_of_creation_does_not_matter(order: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder) / "top"
        steps = [
            lambda: extracted(top / "b", ONE),
            lambda: extracted(top / "a", TWO, ONE),
            lambda: archived(top / "x.zip", ONE, LATE),
            lambda: archived(top / "c" / "x.zip", LATE),
            lambda: put(top / "c" / "bad_rgb.avi"),
            lambda: put(top / "bad.skeleton"),
            lambda: put(top / "z.zip"),
            lambda: put(top / "c" / f"{ONE}_rgb.avi"),
            lambda: put(top / "a" / "GENERATED.json"),
        ]
        for index in order:
            steps[index]()
        tree = scan([top])
        found = [str(part) for name in tree.clips.values() for part in (name.rgb, name.depth, name.skeleton)]
        lines = [*found, *map(Problem.to_json, tree.problems), str(tree.generated)]
        assert "\n".join(lines).replace(folder, "") == REFERENCE.setdefault(
            "lines", "\n".join(lines).replace(folder, "")
        )


REFERENCE: dict[str, str] = {}
