"""Pairs of views of a few images, with the images, for a sheet."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hcmoco_bench.data.sample import Draw
from hcmoco_bench.data.view_pairs import open_view_pairs
from hcmoco_bench.data.views import View, ViewOptions
from hcmoco_bench.plotting.view_pairs import ShownPair, ShownView
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.store.manifest import MANIFEST_FILE
from hcmoco_bench.store.store import spread


def view_pair_samples(
    place: Path,
    number: int,
    *,
    options: ViewOptions | None = None,
    seed: int = 0,
    progress: Progress = no_progress,
) -> list[ShownPair]:
    """Draw pairs of views as a run's first epoch does, of images spread evenly over a store or a folder of pictures.

    Args:
        place: Folder of a prepared store or of pictures.
        number: Number of pairs; fewer if there are fewer images.
        options: How to draw views; None for the published way.
        seed: Seed of the views.
        progress: Told how many files of a folder of pictures have been checked.

    Raises:
        UsageError: If the store has no color images.
        StoreError: If the store is not finished, or an image of it is damaged.
        DataError: If the folder cannot be read or holds no picture, or too many of them are damaged.
    """
    is_store = (place / MANIFEST_FILE).is_file()
    stores, pictures = ([str(place)], []) if is_store else ([], [str(place)])
    dataset = open_view_pairs(stores, pictures, options or ViewOptions(), seed=seed, progress=progress).dataset
    shown = []
    for row in spread([str(row) for row in range(len(dataset))], number):
        pair = dataset[Draw(int(row))]
        # The pair may be that of a later picture, if the one that was drawn is damaged.
        image = dataset.image((int(row) + len(pair.problems)) % len(dataset))
        shown.append(ShownPair(pair.sample_id, image.decode(1), _shown(pair.query), _shown(pair.key)))
    return shown


def _shown(view: View) -> ShownView:
    left, top, width, height = view.region
    return ShownView(np.ascontiguousarray(view.image.permute(1, 2, 0)), (left, top, width, height), view.flipped)
