"""Pairs of augmented views of people, from prepared stores and from folders of pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from torch.utils.data import Dataset

from hcmoco_bench.data.batch import empty_views, fill_view
from hcmoco_bench.data.image_source import ImageSource, SourceImage
from hcmoco_bench.data.overlap import Overlap, is_labeled
from hcmoco_bench.data.person_images import PersonImages
from hcmoco_bench.data.picture_folder import PictureFolder
from hcmoco_bench.data.record import BatchRecord, TensorRecord
from hcmoco_bench.data.sample import VIEW_STREAM, Draw, DrawLike, as_draw
from hcmoco_bench.data.views import View, ViewBatch, ViewOptions, make_view, plan_views
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.runtime.progress import Progress, current_progress
from hcmoco_bench.store.manifest import MANIFEST_FILE
from hcmoco_bench.store.registry import open_store

_TRIES: Final = 10
"""Pictures in a row that may be damaged; more are a folder that nobody should learn from."""


@dataclass(frozen=True, eq=False)
class ViewPair(TensorRecord):
    """Two views of one image.

    Attributes:
        sample_id: Id of the person, the sample or the picture.
        query: The first view.
        key: The second view.
        problems: Damaged pictures whose place this one takes; see `ViewPairDataset`.
    """

    sample_id: str
    query: View
    key: View
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, eq=False)
class ViewPairBatch(BatchRecord):
    """Two views of each of B images.

    Attributes:
        query: The first views.
        key: The second views.
        problems: Damaged pictures, whose places others take.
    """

    query: ViewBatch
    key: ViewBatch
    problems: tuple[Problem, ...] = ()


class ViewPairDataset(Dataset[ViewPair]):
    """The images of several sources, one after the other; a draw gives two views of an image.

    A picture of a folder may be found to be damaged only now that it is decoded. The next picture of the folder that
    can be decoded then takes its place, with the randomness of the same draw, and the pair names both. A draw therefore
    gives the same pair every time, and the ids of a batch are those of what it shows.

    Args:
        sources: One or more sources.
        options: How to draw views; their number must be 2.
        seed: Seed of the views, which depend on nothing else but the draw.

    Attributes:
        sources: The sources.
        options: How views are drawn.
        lengths: Number of images of each source.
    """

    def __init__(self, sources: Sequence[ImageSource], options: ViewOptions, *, seed: int) -> None:
        self.options, self.seed = options, seed
        self.lengths = tuple(len(source) for source in sources)
        self.sources = tuple(sources)
        self._starts = np.concatenate([[0], np.cumsum(self.lengths)])
        self._epoch = 0

    def __len__(self) -> int:
        return int(self._starts[-1])

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of keys that are bare rows."""
        self._epoch = epoch

    def __getitem__(self, key: DrawLike) -> ViewPair:
        draw = as_draw(key, self._epoch)
        source, first = self._place(draw.row)
        problems: list[Problem] = []
        for step in range(min(_TRIES, len(source))):
            image = source.image((first + step) % len(source))
            try:
                query, other = self._views(image, draw)
            except DataError as error:
                problems.append(Problem.from_error(image.sample_id, error))
            else:
                return ViewPair(image.sample_id, query, other, tuple(problems))
        raise DataError(
            f"{len(problems)} pictures in a row are damaged: {problems[0].reason}",
            kind=problems[0].kind,
            file=problems[0].file,
        )

    def image(self, row: int) -> SourceImage:
        """The image of a row of all sources; raises as `ImageSource.image` does."""
        source, place = self._place(row)
        return source.image(place)

    def _place(self, row: int) -> tuple[ImageSource, int]:
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} is outside the {len(self)} rows")
        which = int(np.searchsorted(self._starts, row, side="right")) - 1
        return self.sources[which], row - int(self._starts[which])

    def _views(self, image: SourceImage, draw: Draw) -> tuple[View, ...]:
        size, rng = self.options.size, draw.generator(self.seed, stream=VIEW_STREAM)
        plans = plan_views(image.width, image.height, self.options, rng, within=image.within)
        factor = image.reduction((plan.region for plan in plans), size)
        if factor > 1:
            plans = tuple(plan.on_grid(factor, image.width, image.height) for plan in plans)
        pixels = image.decode(factor)
        return tuple(make_view(pixels, plan, size, factor=factor) for plan in plans)


@dataclass(frozen=True)
class ViewPairData:
    """What a method learns from pairs of views.

    Attributes:
        dataset: Gives the pair of a `Draw` (row, epoch, repeat).
        lengths: Number of images of each store and folder, in the order given, stores first.
        problems: What was left out of the folders.
        fingerprints: Of each of `lengths`, a hash of the names and sizes of its pictures; None for a store, whose
            manifest has its own.
    """

    dataset: ViewPairDataset
    lengths: tuple[int, ...]
    problems: tuple[Problem, ...] = ()
    fingerprints: tuple[str | None, ...] = ()

    @staticmethod
    def collate(samples: Iterable[ViewPair], size: int) -> ViewPairBatch:
        """See `collate_view_pairs`."""
        return collate_view_pairs(samples, size)


def open_view_pairs(
    stores: Sequence[str],
    pictures: Sequence[str],
    options: ViewOptions,
    *,
    seed: int,
    overlap: Literal["leave_out", "keep"] = "leave_out",
    progress: Progress | None = None,
) -> ViewPairData:
    """Open prepared stores and folders of pictures as pairs of views.

    Of every store the split `train` is used. Where a store holds labeled frames, unlabeled samples of its clips, and of
    the performers of its test split, are left out of the other stores.

    Args:
        stores: Folders of prepared stores of any kind that has color images.
        pictures: Folders of pictures.
        options: How to draw views; their number must be 2.
        seed: Seed of the views.
        overlap: What becomes of the unlabeled samples that a labeled store overlaps: leave_out or keep.
        progress: Told how many files of a folder have been checked; None for the listener of `listening`.

    Raises:
        UsageError: If there is neither a store nor a folder, one is given as the other, a store has no color images, or
            `options` are for another number of views.
        StoreError: If a store is missing or not finished, or all of it is left out.
        DataError: If a folder cannot be read, or holds no picture.
    """
    if not stores and not pictures:
        raise UsageError("no images to learn from; give --store or --pictures")
    if options.number != 2:
        raise UsageError(f"a pair has 2 views, not {options.number}")
    opened = [open_store(Path(store)) for store in stores]
    # The ids of stores with tracked skeletons name clip and performer.
    labeled = [store for store in opened if is_labeled(store) and store.capabilities.bodies]
    without = Overlap.with_stores(labeled) if labeled and overlap == "leave_out" else None
    people = [
        PersonImages(
            store,
            region=options.region,
            without=without if store.capabilities.bodies and not is_labeled(store) else None,
        )
        for store in opened
    ]
    for folder in pictures:
        if (Path(folder) / MANIFEST_FILE).is_file():
            raise UsageError(f"{folder}: a prepared store; give it with --store")
    folders = [PictureFolder(Path(folder), progress=progress or current_progress()) for folder in pictures]
    dataset = ViewPairDataset([*people, *folders], options, seed=seed)
    problems = tuple(problem for folder in folders for problem in folder.problems)
    fingerprints = (*(None for _ in people), *(folder.fingerprint for folder in folders))
    return ViewPairData(dataset, dataset.lengths, problems, fingerprints)


def collate_view_pairs(samples: Iterable[ViewPair], size: int) -> ViewPairBatch:
    """Stack `size` >= 1 pairs of views of one size, taking them one by one.

    Raises:
        ValueError: If there is no pair, or if pairs differ in size.
    """
    ids: list[str] = []
    problems: list[Problem] = []
    batches: tuple[ViewBatch, ViewBatch] | None = None
    for row, sample in enumerate(samples):
        if batches is None:
            batches = empty_views(size, sample.query), empty_views(size, sample.key)
        for batch, view in zip(batches, (sample.query, sample.key), strict=True):
            fill_view(batch, row, view)
        ids.append(sample.sample_id)
        problems += sample.problems
    if batches is None:
        raise ValueError("a batch needs at least one pair of views")
    return ViewPairBatch(tuple(ids), *batches, tuple(problems))
