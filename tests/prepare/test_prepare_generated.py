"""Generated trees, which no raw tree written here resembles: everything is found, aligned and attributed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from hcmoco_bench.prepare.ntu import prepare_ntu
from hcmoco_bench.prepare.options import check_options
from hcmoco_bench.sources.ntu import decode_frames, scan
from hcmoco_bench.sources.ntu.names import SampleId
from hcmoco_bench.store.arrays.samples import decode_row
from hcmoco_bench.store.verify import verify_store
from hcmoco_bench.synth.ntu.truth import read_truth


@pytest.mark.parametrize("align", ["homography", "registered"])
def test_a_noisy_tree(generated_tree: Any, tmp_path: Path, align: str) -> None:
    """The tree's own lists are found; every sample is in the store or has a line that says why not."""
    store = prepare_ntu(
        [generated_tree.root],
        tmp_path / "store",
        check_options(parts=True, align=align),
        annotations=generated_tree.masks,
    ).store
    assert verify_store(store.path).passed
    manifest = store.manifest
    assert manifest.source.generated
    assert manifest.lists.declaration != "official"
    rows = sum(manifest.splits[name].rows for name in store.stored_splits)
    assert rows >= 0.8 * sum(manifest.splits[name].expected for name in store.stored_splits)
    classes = np.zeros(25, bool)
    for split in store.stored_splits:
        for row in store.rows(split):
            sample = decode_row(row)
            assert sample.parts is not None
            assert sample.depth is not None
            classes[np.unique(sample.parts)] = True
            person = sample.parts > 0
            assert (sample.depth[person] > 0).mean() > 0.7
    assert classes.all()


def test_colors_of_the_store_are_those_that_the_truth_names(noiseless_tree: Any, tmp_path: Path) -> None:
    """Where a depth pixel's true place in the video is known, the stored color is the video's color there."""
    store = prepare_ntu(
        [noiseless_tree.root],
        tmp_path / "store",
        check_options(parts=True, align="registered"),
        annotations=noiseless_tree.masks,
    ).store
    clips = scan([noiseless_tree.root]).clips
    compared = 0
    ratios = []
    for row in list(store.rows("train"))[:6]:
        name = SampleId.parse(row["sample_id"])
        sample = decode_row(row)
        truth = read_truth(noiseless_tree.truth, name.clip, name.frame)
        video = clips[name.clip].rgb
        assert video is not None
        ((_, image),) = decode_frames(video, [name.frame])
        inside = truth.visible & (truth.z > 0)
        smooth = cv2.blur(image, (3, 3)).astype(float)
        x, y = np.rint(truth.color_xy[inside]).astype(int).T
        there, beside = (
            np.abs(sample.rgb[inside] - smooth[y, np.clip(x + shift, 0, 1919)]).mean() for shift in (0, 12)
        )
        ratios.append(there / beside)
        compared += int(inside.sum())
    assert compared > 10_000
    assert np.mean(ratios) < 0.5  # 12 px beside, that is 4 px of the depth frame, colors are others


def test_main_bodies_lie_on_people(noiseless_tree: Any, tmp_path: Path) -> None:
    store = prepare_ntu(
        [noiseless_tree.root], tmp_path / "store", check_options(parts=True), annotations=noiseless_tree.masks
    ).store
    on_person = []
    for row in store.rows("train"):
        sample = decode_row(row)
        assert sample.parts is not None
        if len(sample.joints_depth):
            column, line = np.rint(sample.joints_depth[0, 20]).astype(int)  # spine shoulder
            if 0 <= column < 512 and 0 <= line < 424:
                on_person.append(bool(sample.parts[line, column]))
    assert len(on_person) > 3
    assert np.mean(on_person) > 0.9


def test_a_generated_tree_is_known_wherever_it_lies_below_the_root(generated_tree: Any, tmp_path: Path) -> None:
    (tmp_path / "data" / "a").mkdir(parents=True)
    (tmp_path / "data" / "a" / "tree").symlink_to(generated_tree.root)
    options = check_options(parts=True)
    below = prepare_ntu([tmp_path / "data"], tmp_path / "below", options, annotations=generated_tree.masks).store
    assert below.manifest.source.generated
    assert below.manifest.lists.declaration != "official"
    assert sum(split.rows for split in below.manifest.splits.values()) > 0
