"""Several data sets as one, each drawn equally often regardless of its size and of the number of processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset, Sampler

from hcmoco_bench.data.color_jitter import ColorJitter
from hcmoco_bench.data.sample import Draw, DrawLike, Joints, Sample, SampleSource, as_draw
from hcmoco_bench.errors import UsageError


class MixedDataset(Dataset[Sample]):
    """The concatenation of data sets; the `index` of a sample counts through all of them.

    Args:
        datasets: One or more data sets with the same joint set and crop size.
        colors: How to change the colors of each draw; None leaves them.

    Attributes:
        datasets: The data sets.
        lengths: Number of samples of each data set, for `MixedSampler`.
        joints: Joint set of all samples.
        size: Side of all crops in px.

    Raises:
        UsageError: If there is no data set, or if they differ in joint set or crop size.
    """

    def __init__(self, datasets: Sequence[SampleSource], *, colors: ColorJitter | None = None) -> None:
        if not datasets:
            raise UsageError("a mixture needs at least one data set")
        forms = {(dataset.joints, dataset.size) for dataset in datasets}
        if len(forms) > 1:
            raise UsageError(f"data sets of a mixture must agree in joints and crop size; theirs are {sorted(forms)}")
        self.datasets = tuple(datasets)
        self._colors = colors
        self.lengths = tuple(len(dataset) for dataset in datasets)
        self.joints: Joints = datasets[0].joints
        self.size = datasets[0].size
        self._starts = np.concatenate([[0], np.cumsum(self.lengths)])
        self._epoch = 0

    def __len__(self) -> int:
        return int(self._starts[-1])

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of keys that are bare rows."""
        self._epoch = epoch

    def __getitem__(self, key: DrawLike) -> Sample:
        draw = as_draw(key, self._epoch)
        if not 0 <= draw.row < len(self):
            raise IndexError(f"row {draw.row} is outside the mixture's {len(self)} rows")
        which = int(np.searchsorted(self._starts, draw.row, side="right")) - 1
        sample = self.datasets[which][draw._replace(row=draw.row - int(self._starts[which]))]
        if self._colors is not None:
            sample = self._colors(sample, draw)
        return replace(sample, index=draw.row)


class MixedSampler(Sampler[Draw]):
    """The draws of an epoch: equally many from each data set, shuffled; each process gets a part of each global batch.

    Within an epoch the sampler goes through each data set in random order, as many times as its share needs. The rows
    of a data set are therefore drawn equally often (give or take one), and repeated draws are numbered. The draws
    depend only on the seed, the epoch, the lengths and the size of the *global* batch: 1 process with batches of 8 and
    4 processes with batches of 2 see the same global batches.

    The sampler is made for `make_loader`, which counts the batches that it delivers, so that `state_dict` is correct
    between any two steps. Do not pass it to `Accelerator.prepare`, which would split it again.

    Args:
        lengths: Number of samples of each data set, in the order of the mixture.
        batch_size: Samples per batch of one process.
        rank: Rank of this process, from 0.
        world_size: Number of processes.
        seed: Seed of the draws.
        draws: Draws in an epoch over all processes, rounded down to whole global batches; None for the sum of the
            lengths.

    Attributes:
        epoch: The current epoch, from 0.
        position: Number of batches of the epoch that were delivered.

    Raises:
        UsageError: If a data set is empty, or if an epoch is smaller than one global batch.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        *,
        batch_size: int,
        rank: int = 0,
        world_size: int = 1,
        seed: int = 0,
        draws: int | None = None,
    ) -> None:
        if not lengths or min(lengths) < 1:
            raise UsageError(f"every data set of a mixture needs samples; theirs are {', '.join(map(str, lengths))}")
        if batch_size < 1 or not 0 <= rank < world_size:
            raise UsageError(f"batch size {batch_size}, process {rank} of {world_size}: not possible")
        self.lengths = tuple(int(length) for length in lengths)
        self.batch_size, self.rank, self.world_size, self.seed = batch_size, rank, world_size, seed
        self.global_batch = batch_size * world_size
        self.steps_per_epoch = (sum(self.lengths) if draws is None else draws) // self.global_batch
        if self.steps_per_epoch < 1:
            raise UsageError(
                f"a global batch of {self.global_batch} is larger than an epoch of "
                f"{sum(self.lengths) if draws is None else draws} draws; make the batch smaller"
            )
        self.epoch = 0
        self.position = 0

    def __len__(self) -> int:
        """The number of draws of this process in a whole epoch."""
        return self.steps_per_epoch * self.batch_size

    def __iter__(self) -> Iterator[Draw]:
        """The draws of this process from the current position to the end of the epoch."""
        rows, repeats = self.global_draws(self.epoch)
        start = self.rank * self.batch_size
        part = slice(start, start + self.batch_size)
        mine = (values.reshape(-1, self.global_batch)[self.position :, part].ravel() for values in (rows, repeats))
        epoch = self.epoch
        return (Draw(row, epoch, repeat) for row, repeat in zip(*(v.tolist() for v in mine), strict=True))

    def global_draws(self, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The rows of the mixture drawn in an epoch, (steps x global batch,), and how often each was drawn before."""
        rng = np.random.default_rng((self.seed, epoch))
        total = self.steps_per_epoch * self.global_batch
        n = len(self.lengths)
        # The remainder of an uneven division goes to another data set each epoch.
        shares = [total // n + ((which + epoch) % n < total % n) for which in range(n)]
        rows, repeats = [], []
        for length, share, start in zip(self.lengths, shares, np.cumsum([0, *self.lengths[:-1]]), strict=True):
            rounds = -(-share // length)
            order = [rng.permutation(length) for _ in range(rounds)]
            rows.append(np.concatenate([*order, np.empty(0, np.int64)])[:share].astype(np.int64) + start)
            repeats.append(np.repeat(np.arange(rounds), length)[:share])
        order_of_all = rng.permutation(total)
        return np.concatenate(rows)[order_of_all], np.concatenate(repeats)[order_of_all].astype(np.int64)

    def set_epoch(self, epoch: int) -> None:
        """Go to the start of an epoch; keep the position if it is the current epoch."""
        if epoch != self.epoch:
            self.epoch, self.position = epoch, 0

    def advance(self) -> None:
        """Count one batch as delivered."""
        self.position += 1

    def end_epoch(self) -> None:
        """Go to the start of the next epoch."""
        self.set_epoch(self.epoch + 1)

    def state_dict(self) -> dict[str, Any]:
        """The sampler's position and everything that its draws depend on, as plain numbers."""
        return {"epoch": self.epoch, "position": self.position} | self._identity()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue at the position of another sampler of the same global batch, on any number of processes.

        Raises:
            UsageError: If the draws would differ.
        """
        for name, value in self._identity().items():
            if state.get(name) != value:
                raise UsageError(
                    f"cannot continue: {name.replace('_', ' ')} was {state.get(name)} and is {value}; give the same "
                    "data, seed and global batch as before"
                )
        self.epoch, self.position = int(state["epoch"]), int(state["position"])

    def _identity(self) -> dict[str, Any]:
        return {
            "lengths": list(self.lengths),
            "global_batch": self.global_batch,
            "steps_per_epoch": self.steps_per_epoch,
            "seed": self.seed,
        }
