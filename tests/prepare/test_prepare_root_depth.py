"""A store's bytes do not depend on which folder, of those above the data, is given as the root."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from human36m_files import raw_labels, write_mat, write_recording
from prepare_raw_tree import CLIPS, RawTree, folder_hashes, skeleton_text

from hcmoco_bench.prepare.human36m import prepare_human36m
from hcmoco_bench.prepare.ntu import prepare_ntu
from hcmoco_bench.prepare.options import check_options

FOLDERS = ("nturgb+d_rgb", "nturgb+d_depth_masked", "nturgb+d_skeletons")


@pytest.fixture
def damaged(small_tree: RawTree) -> RawTree:
    """A tree with problems of every recording in its shards."""
    video = small_tree.rgb(CLIPS[0])
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    small_tree.depth(CLIPS[1], 3).write_bytes(b"no image")
    small_tree.skeleton(CLIPS[1]).write_text(skeleton_text([[]] * 12))
    mask = next(small_tree.masks.glob(f"{CLIPS[3]}F*.png"))
    mask.write_bytes(mask.read_bytes()[:100])
    return small_tree


def ntu(tree: RawTree, out: Path, *roots: Path, masks: Path) -> dict[str, str]:
    options = check_options(parts=True)
    store = prepare_ntu(roots, out, options, annotations=masks, lists=tree.root / "lists").store
    problems = store.problems()
    assert {one.kind for one in problems} >= {"video_too_short", "depth_unreadable", "no_body", "mask_unreadable"}
    for one in problems:
        assert not one.file.startswith("/")
        assert str(tree.root.parent) not in one.reason
    return folder_hashes(out)


@pytest.mark.parametrize("generated", [False, True])
def test_ntu_from_any_root(damaged: RawTree, tmp_path: Path, generated: bool) -> None:
    root, masks = damaged.root, damaged.masks
    if generated:
        (root / "GENERATED.json").write_text("{}")
    (tmp_path / "up" / "further").mkdir(parents=True)
    (tmp_path / "up" / "further" / "link").symlink_to(root)
    want = ntu(damaged, tmp_path / "a", root, masks=masks)
    assert ntu(damaged, tmp_path / "b", root.parent, masks=root) == want
    assert ntu(damaged, tmp_path / "c", *(root / name for name in FOLDERS), masks=masks) == want
    assert ntu(damaged, tmp_path / "d", tmp_path / "up", masks=tmp_path / "up" / "further" / "link") == want


def test_ntu_in_archives_from_any_root(damaged: RawTree, tmp_path: Path) -> None:
    packed = tmp_path / "packed" / "deeper"
    packed.mkdir(parents=True)
    for name in FOLDERS:
        with zipfile.ZipFile(packed / f"{name}.zip", "w") as archive:
            for path in sorted((damaged.root / name).rglob("*")):
                archive.write(path, path.relative_to(damaged.root))
    want = ntu(damaged, tmp_path / "a", packed, masks=damaged.masks)
    assert ntu(damaged, tmp_path / "b", tmp_path / "packed", masks=damaged.masks) == want
    assert ntu(damaged, tmp_path / "c", *sorted(packed.iterdir()), masks=damaged.masks) == want


def test_human36m_from_any_root(tmp_path: Path) -> None:
    root = tmp_path / "up" / "human3.6m"
    write_recording(root, 1, "Eating.54138969", 26)
    write_recording(root, 9, "Eating.54138969", 26, labels=60)
    labels = [raw_labels(number) for number in range(26)]
    labels[25][:] = 200
    write_mat(root / "S1" / "MySegmentsMat" / "PartLabels" / "Eating.54138969.mat", labels)
    stores = []
    for number, given in enumerate((root, root.parent, tmp_path)):
        if given == tmp_path:
            (tmp_path / "link").symlink_to(root.parent)
            given = tmp_path / "link"
        out = tmp_path / "stores" / str(number)
        store = prepare_human36m(given, out).store
        assert {(one.kind, one.file.split("/")[0]) for one in store.problems()} == {
            ("mask_unknown_id", "S1"), ("lengths_differ", "S9"), ("subject_absent", "human3.6m"),
        }  # fmt: skip
        stores.append(folder_hashes(out))
    assert stores[0] == stores[1] == stores[2]
