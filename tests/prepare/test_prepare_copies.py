"""Several copies of one recording: a damaged or incomplete one gives way to the next, and one line names both."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from prepare_raw_tree import CLIPS, TEST, TRAIN, RawTree, folder_hashes, prepare_options

from hcmoco_bench.cli.app import app
from hcmoco_bench.prepare.ntu import prepare_ntu
from hcmoco_bench.prepare.options import check_options
from hcmoco_bench.sources.ntu.copies import REPLACED
from hcmoco_bench.store.kinds.ntu import NtuStore
from hcmoco_bench.store.verify import verify_store

CLIP = CLIPS[1]
ALL = {*TRAIN, *TEST}
FOLDERS = {"rgb": "nturgb+d_rgb", "depth": "nturgb+d_depth_masked", "skeleton": "nturgb+d_skeletons"}


def prepare(tree: RawTree, out: Path, *roots: Path) -> NtuStore:
    store = prepare_ntu(
        list(roots), out, check_options(parts=True), annotations=tree.masks, lists=tree.root / "lists"
    ).store
    assert verify_store(store.path).passed
    return store


def stored(store: NtuStore) -> set[str]:
    return {row["sample_id"] for split in store.stored_splits for row in store.rows(split, ["sample_id"])}


def shards(store: NtuStore) -> dict[str, str]:
    return {name: entry.sha256 for name, entry in store.manifest.shards.items()}


def rows(store: NtuStore) -> list[dict]:
    return [row for split in store.stored_splits for row in store.rows(split)]


@pytest.fixture
def archives(small_tree: RawTree, tmp_path: Path) -> Path:
    """A folder with an archive of each kind of recording; the tree still has them extracted."""
    folder = tmp_path / "archives"
    folder.mkdir()
    for name in FOLDERS.values():
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
            for path in sorted((small_tree.root / name).rglob("*.*")):
                archive.write(path, path.relative_to(small_tree.root))
    return folder


def cut(path: Path, share: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])


def zeros(path: Path, share: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))] + bytes(len(data) - int(share * len(data))))


def hole(path: Path) -> None:
    """Zeros inside of an image in the middle; the images around it stay whole."""
    data = path.read_bytes()
    with av.open(str(path), format="avi") as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    packet = packets[len(packets) // 2]
    start = packet.pos + 8 + packet.size // 3
    path.write_bytes(data[:start] + bytes(packet.size // 2) + data[start + packet.size // 2 :])


def unmasked(tree: RawTree) -> None:
    for path in sorted(tree.depth(CLIP, 1).parent.iterdir()):
        path.rename(path.with_name(path.name.removeprefix("M")))


# What happens to the extracted copy: which recording it is, and whether that is seen before a shard is made.
DAMAGE: dict[str, tuple[str, Callable[[RawTree], object]]] = {
    "empty video": ("rgb", lambda tree: tree.rgb(CLIP).write_bytes(b"")),
    "half a video": ("rgb", lambda tree: cut(tree.rgb(CLIP), 0.5)),
    "a video of the full size, half written": ("rgb", lambda tree: zeros(tree.rgb(CLIP), 0.5)),
    "a video of the full size with a hole": ("rgb", lambda tree: hole(tree.rgb(CLIP))),
    "a video at half the rate": ("rgb", lambda tree: shutil.copyfile(tree._videos(6), tree.rgb(CLIP))),
    "an error page for a video": ("rgb", lambda tree: tree.rgb(CLIP).write_text("404 not found\n" * 20)),
    "depth that ends early": ("depth", lambda tree: [tree.depth(CLIP, frame).unlink() for frame in range(6, 13)]),
    "depth with a gap": ("depth", lambda tree: [tree.depth(CLIP, frame).unlink() for frame in (3, 4)]),
    "depth without its first frame": ("depth", lambda tree: tree.depth(CLIP, 1).unlink()),
    "an empty depth frame": ("depth", lambda tree: tree.depth(CLIP, 7).write_bytes(b"")),
    "half a depth frame": ("depth", lambda tree: cut(tree.depth(CLIP, 3), 0.5)),
    "a depth frame of the full size, half written": ("depth", lambda tree: zeros(tree.depth(CLIP, 3), 0.5)),
    "an empty skeleton": ("skeleton", lambda tree: tree.skeleton(CLIP).write_bytes(b"")),
    "a skeleton of no frames": ("skeleton", lambda tree: tree.skeleton(CLIP).write_text("0\n")),
    "half a skeleton": ("skeleton", lambda tree: cut(tree.skeleton(CLIP), 0.5)),
    "a skeleton of the full size, half written": ("skeleton", lambda tree: zeros(tree.skeleton(CLIP), 0.5)),
    "a garbled skeleton": ("skeleton", lambda tree: tree.skeleton(CLIP).write_text("12\n1\nno numbers\n")),
}


@pytest.mark.parametrize("name", DAMAGE)
@pytest.mark.parametrize("order", ["broken first", "whole first"])
def test_a_broken_extraction_beside_whole_archives(
    small_tree: RawTree, archives: Path, tmp_path: Path, name: str, order: str
) -> None:
    """The rows and shards are those of the archives alone, and the line names the broken copy and the one used."""
    kind, damage = DAMAGE[name]
    for other in FOLDERS.values():
        if other != FOLDERS[kind]:
            shutil.rmtree(small_tree.root / other)
    damage(small_tree)
    alone = prepare(small_tree, tmp_path / "alone", archives)
    assert alone.manifest.problems == {}
    roots = [small_tree.root, archives] if order == "broken first" else [archives, small_tree.root]
    store = prepare(small_tree, tmp_path / "store", *roots)
    assert stored(store) == ALL
    assert rows(store) == rows(alone)
    replaced = [problem for problem in store.problems() if problem.kind == REPLACED]
    assert {problem.kind for problem in store.problems()} <= {REPLACED, "duplicate_clip"}
    if order == "whole first":
        assert replaced == []
        assert shards(store) == shards(alone)
        return
    (line,) = replaced
    assert (line.id, line.kept) == (CLIP, True)
    assert line.file.startswith(f"{FOLDERS[kind]}/{CLIP}")
    assert line.file in line.reason
    assert f"{FOLDERS[kind]}.zip!{FOLDERS[kind]}/{CLIP}" in line.reason
    assert "; copy 2, " in line.reason
    assert line.reason.endswith("is used instead")
    if "full size" not in name:  # which is seen only when the shard is made; its footer says so then
        assert shards(store) == shards(alone)


def test_unmasked_depth_in_the_folder_and_masked_in_the_archive(
    small_tree: RawTree, archives: Path, tmp_path: Path
) -> None:
    unmasked(small_tree)
    store = prepare(small_tree, tmp_path / "store", small_tree.root, archives)
    assert stored(store) == ALL
    assert [problem.id for problem in store.problems() if problem.kind == "depth_not_masked"] == [CLIP]


def test_two_broken_copies_and_a_third(small_tree: RawTree, archives: Path, tmp_path: Path) -> None:
    second = tmp_path / "second"
    shutil.copytree(small_tree.root / FOLDERS["rgb"], second / FOLDERS["rgb"])
    cut(small_tree.rgb(CLIP), 0.3)
    cut(second / FOLDERS["rgb"] / f"{CLIP}_rgb.avi", 0.6)
    without = prepare(small_tree, tmp_path / "two", small_tree.root, second)
    assert set(TRAIN[2:3]) <= stored(without) & set(TRAIN[2:])  # the better one of the two is used
    store = prepare(small_tree, tmp_path / "store", small_tree.root, second, archives)
    assert stored(store) == ALL
    (line,) = [problem for problem in store.problems() if problem.kind == REPLACED]
    assert "nturgb+d_rgb.zip!" in line.reason


def test_the_calibration_uses_the_whole_copy(small_tree: RawTree, archives: Path, tmp_path: Path) -> None:
    """Of a clip that the lists do not ask for, too."""
    extra = "S001C001P005R001A003"
    small_tree.add_clip(extra)
    with zipfile.ZipFile(archives / "more.zip", "w") as archive:
        archive.write(small_tree.skeleton(extra), f"x/{extra}.skeleton")
    for name in FOLDERS.values():
        shutil.rmtree(small_tree.root / name)
    alone = prepare(small_tree, tmp_path / "alone", archives)
    broken = small_tree.root / "x" / f"{extra}.skeleton"
    broken.parent.mkdir()
    broken.write_text("12\n0\n0\n")
    store = prepare(small_tree, tmp_path / "store", small_tree.root, archives)
    assert store.manifest.calibration_sha256 == alone.manifest.calibration_sha256
    assert shards(store) == shards(alone)
    assert [problem.id for problem in store.problems() if problem.kind == REPLACED] == [extra]


def test_equal_copies_are_not_read(
    small_tree: RawTree, archives: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hcmoco_bench.prepare import copies

    def refuse(*_: object) -> None:
        raise AssertionError("read a copy of the same size")

    monkeypatch.setattr(copies, "choose", refuse)
    store = prepare(small_tree, tmp_path / "store", small_tree.root, archives)
    assert store.manifest.problems == {"duplicate_clip": 3}


def test_workers_and_resuming_change_nothing(small_tree: RawTree, archives: Path, tmp_path: Path) -> None:
    zeros(small_tree.rgb(CLIP), 0.5)
    cut(small_tree.depth(CLIP, 3), 0.5)
    roots = ("--root", str(archives), "--rows-per-shard", "1")
    for out, workers in ((tmp_path / "one", "1"), (tmp_path / "two", "2")):
        app(["prepare", "ntu", *prepare_options(small_tree, out, *roots, "--workers", workers)], standalone_mode=False)
    reference = folder_hashes(tmp_path / "one")
    assert folder_hashes(tmp_path / "two") == reference
    (tmp_path / "two" / "train-00002-of-00004.parquet").unlink()
    app(["prepare", "ntu", *prepare_options(small_tree, tmp_path / "two", *roots)], standalone_mode=False)
    assert folder_hashes(tmp_path / "two") == reference
