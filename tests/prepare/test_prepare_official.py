"""With the published lists every one of the 3,926 frames is accounted for."""

from __future__ import annotations

from pathlib import Path

import pytest
from prepare_raw_tree import RawTree

from hcmoco_bench.prepare.ntu import prepare_ntu
from hcmoco_bench.prepare.options import check_options
from hcmoco_bench.store.verify import verify_store


@pytest.mark.lists
def test_a_tree_with_few_of_the_official_clips(raw_tree: RawTree, official_lists: Path, tmp_path: Path) -> None:
    train = (official_lists / "train_list_v2.txt").read_text().split()[:3]
    test = (official_lists / "val_list_v2.txt").read_text().split()[-2:]
    ids = [Path(line).stem for line in (*train, *test)]
    for sample in ids:
        frame = int(sample[21:])
        raw_tree.add_clip(sample[:20], frame + 1, [frame])
    raw_tree.depth(ids[1][:20], int(ids[1][21:])).unlink()
    store = prepare_ntu(
        [raw_tree.root], tmp_path / "store", check_options(parts=True), annotations=raw_tree.masks, lists=official_lists
    ).store
    assert verify_store(store.path).passed
    manifest = store.manifest
    assert manifest.lists.declaration == "official"
    expected = {name: split.expected for name, split in manifest.splits.items()}
    assert expected == {
        "train": 1963, "test": 1963, "v3_train": 392, "v3_test": 392,
        "train_20": 392, "train_10": 196, "train_5": 98, "train_1": 19,
        "subjects_train": 1963, "subjects_test": 1963,
    }  # fmt: skip
    rows = manifest.splits["train"].rows + manifest.splits["test"].rows
    left_out = [problem for problem in store.problems() if not problem.kept]
    assert rows == 4
    assert rows + len(left_out) == 3926
    # Other frames of the same clips are on the lists too; their depth is there only up to the frame that was made.
    assert manifest.problems["clip_missing"] + sum(
        count for kind, count in manifest.problems.items() if kind != "clip_missing"
    ) == len(left_out)
    assert [problem.kind for problem in left_out if problem.id == ids[1]] == ["depth_missing"]
    stored = {row["sample_id"] for split in store.stored_splits for row in store.rows(split, ["sample_id"])}
    assert stored == set(ids) - {ids[1]}
