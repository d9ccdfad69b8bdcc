"""A prepared store of generated people, for benchmarks that are given none."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from hcmoco_bench.prepare.ntu import prepare_ntu
from hcmoco_bench.prepare.options import check_options
from hcmoco_bench.synth.ntu.ntu_tree import TreeOptions, write_tree
from hcmoco_bench.synth.ntu.tree_plan import plan_clips


def generated_store(
    folder: Path,
    *,
    clips: int,
    seed: int,
    frames: int,
    every: int = 1,
    align: Literal["homography", "registered"] = "homography",
    labeled: bool = False,
) -> Path:
    """Generate a tree and prepare it.

    Args:
        folder: For `tree-SEED` and `store-SEED`.
        clips: Three cameras see each performance.
        seed: Of the people.
        frames: Of each clip.
        every: Of so many frames of a clip, the middle one becomes a sample; not for `labeled`.
        align: How RGB is brought onto depth.
        labeled: Whether it is a store of part labels, of every tenth frame.

    Returns:
        The store.
    """
    plans = plan_clips(clips, seed, n_frames=frames, mask_every=10 if labeled else 1000)
    tree = write_tree(folder / f"tree-{seed}", plans, TreeOptions(seed=seed))
    options = check_options(set="parsing4k" if labeled else "pretrain", every=every, align=align, parts=labeled)
    masks = tree if labeled else None
    return prepare_ntu([tree], folder / f"store-{seed}", options, annotations=masks).store.path
