"""Batches mark what is missing; any number of workers gives the same; the sampler knows what was handed over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from torch.utils.data import Dataset

from hcmoco_bench.data import (
    Batch,
    KeypointImagesDataset,
    MixedDataset,
    MixedSampler,
    NtuStoreDataset,
    collate,
    make_loader,
)
from hcmoco_bench.data.loader import make_loader_with
from hcmoco_bench.errors import DataError


def mixture(*stores: Path, size: int = 48) -> MixedDataset:
    return MixedDataset([NtuStoreDataset(stores[0], size=size), KeypointImagesDataset(stores[1], size=size)])


def assert_same(one: list[Batch], other: list[Batch]) -> None:
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        for field in fields(Batch):
            left, right = getattr(a, field.name), getattr(b, field.name)
            assert torch.equal(left, right) if isinstance(left, torch.Tensor) else left == right, field.name


def test_a_batch_marks_what_is_missing(parsing_store: Path, mpii_store: Path) -> None:
    mixed = mixture(parsing_store, mpii_store)
    whole = [mixed[0], mixed[len(mixed) - 1]]
    batch = collate(whole)
    assert len(batch) == 2
    assert batch.sources == ("ntu", "mpii")
    assert batch.index.tolist() == [0, len(mixed) - 1]
    assert batch.rgb.shape == (2, 3, 48, 48)
    assert batch.rgb.dtype == torch.uint8
    assert batch.depth.shape == (2, 1, 48, 48)
    assert batch.joints.shape == (2, 16, 2)
    assert batch.has_rgb.tolist() == [True, True]
    assert batch.has_depth.tolist() == batch.has_foreground.tolist() == batch.has_parts.tolist() == [True, False]
    assert batch.has_keypoints.tolist() == [True, True]
    assert batch.depth[0].any()
    for missing in (batch.depth, batch.foreground, batch.parts):
        assert not missing[1].any()
    assert batch.intrinsics[1].tolist() == [1, 1, 0, 0]
    assert torch.equal(batch.depth[0], whole[0].depth)
    moved = batch.to("meta")
    assert moved.rgb.device.type == "meta"
    assert moved.sample_ids == batch.sample_ids


def test_batches_that_cannot_be(parsing_store: Path) -> None:
    sample = NtuStoreDataset(parsing_store, size=48)[0]
    with pytest.raises(ValueError, match="at least one"):
        collate([])
    with pytest.raises(ValueError, match="has no image"):
        collate([replace(sample, rgb=None, depth=None, foreground=None, parts=None)])
    with pytest.raises(ValueError, match="differ in size"):
        collate([sample, NtuStoreDataset(parsing_store, size=64)[0]])
    assert not collate([replace(sample, rgb=None)]).has_rgb.any()


def test_any_number_of_workers_gives_the_same_batches(pretrain_store: Path, mpii_store: Path) -> None:
    mixed = mixture(pretrain_store, mpii_store)
    state = torch.get_rng_state()
    runs = []
    for workers in (0, 2):
        sampler = MixedSampler(mixed.lengths, batch_size=5, seed=2)
        loader = make_loader(mixed, sampler, batch_size=5, workers=workers)
        assert len(loader) == sampler.steps_per_epoch
        runs.append([*loader, *loader])
    assert_same(*runs)
    # Two epochs, two crops.
    assert not torch.equal(runs[0][0].rgb, runs[0][len(runs[0]) // 2].rgb)
    # Loading leaves the random numbers of training alone.
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("stop", [1, 3, "end"])
def test_a_loader_continues_exactly(pretrain_store: Path, mpii_store: Path, stop: int | str) -> None:
    mixed = mixture(pretrain_store, mpii_store)
    sampler = MixedSampler(mixed.lengths, batch_size=4)
    loader = make_loader(mixed, sampler, batch_size=4)
    seen: list[Batch] = []
    states = []
    for _ in range(2):
        for batch in loader:
            seen.append(batch)
            states.append(sampler.state_dict())
    steps = sampler.steps_per_epoch
    assert len(seen) == 2 * steps
    taken = steps if stop == "end" else int(stop)
    assert states[taken - 1]["epoch"] == 0
    assert states[taken - 1]["position"] == taken

    other = MixedSampler(mixed.lengths, batch_size=4)
    other.load_state_dict(states[taken - 1])
    other.set_epoch(0)
    again = make_loader(mixed, other, batch_size=4)
    assert_same([*again, *again], seen[taken:])
    assert (other.epoch, other.position) == (2, 0)


def test_without_a_sampler_every_row_in_order(parsing_store: Path) -> None:
    dataset = NtuStoreDataset(parsing_store, "test", size=32, train=False)
    batches = list(make_loader(dataset, batch_size=4))
    assert [row for batch in batches for row in batch.index.tolist()] == list(range(len(dataset)))
    chosen = list(make_loader(dataset, [3, 1], batch_size=4))
    assert chosen[0].index.tolist() == [3, 1]
    with pytest.raises(ValueError, match="batches of 4"):
        make_loader(dataset, MixedSampler([len(dataset)], batch_size=4), batch_size=2)


class Damaged(Dataset[int]):
    """Rows of which one cannot be read."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __len__(self) -> int:
        return 6

    def __getitem__(self, row: int) -> int:
        if row == 3:
            raise self.error
        return row


def as_list(samples: Iterable[int], number: int) -> list[int]:
    return list(samples)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_of_a_loading_process_is_the_one_that_was_raised(workers: int) -> None:
    error = DataError("a.parquet, row 3: cannot be decoded", kind="image_damaged", file="a.parquet")
    batches = iter(make_loader_with(as_list, Damaged(error), batch_size=2, workers=workers))
    assert next(batches) == [0, 1]
    with pytest.raises(DataError) as found:
        next(batches)
    assert (str(found.value), found.value.kind, found.value.file) == (str(error), error.kind, error.file)
