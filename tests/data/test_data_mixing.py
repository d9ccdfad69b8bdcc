"""Equal shares, the same draws for any number of processes, and going on exactly where it stopped."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcmoco_bench.data import Draw, KeypointImagesDataset, MixedDataset, MixedSampler, NtuStoreDataset
from hcmoco_bench.data.color_jitter import ColorJitter
from hcmoco_bench.errors import UsageError
from hcmoco_bench.pretrain.methods.hcmoco import HCMoCoSettings
from hcmoco_bench.pretrain.multimodal.stores import open_mixture


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=4),
    per_rank=st.integers(1, 3),
    world=st.sampled_from([1, 2, 3, 4]),
    seed=st.integers(0, 5),
    epoch=st.integers(0, 3),
)
def test_shares_and_processes(lengths: list[int], per_rank: int, world: int, seed: int, epoch: int) -> None:
    batch = per_rank * world
    if batch > sum(lengths):
        return
    ranks = [
        MixedSampler(lengths, batch_size=per_rank, rank=rank, world_size=world, seed=seed) for rank in range(world)
    ]
    alone = MixedSampler(lengths, batch_size=batch, seed=seed)
    for sampler in (*ranks, alone):
        sampler.set_epoch(epoch)
    parts = [list(rank) for rank in ranks]
    whole = list(alone)
    assert len(whole) == len(alone) == sum(lengths) // batch * batch
    # Each global batch is the processes' batches side by side.
    for step in range(alone.steps_per_epoch):
        together = [draw for part in parts for draw in part[step * per_rank : (step + 1) * per_rank]]
        assert together == whole[step * batch : (step + 1) * batch]
    # Shares differ by one at most; within a share, rows are drawn equally often, up to one, and repeats are told apart.
    starts = np.cumsum([0, *lengths])
    share = [sum(starts[i] <= d.row < starts[i + 1] for d in whole) for i in range(len(lengths))]
    assert max(share) - min(share) <= 1
    assert len(set(whole)) == len(whole)
    for i, length in enumerate(lengths):
        times = Counter(dict.fromkeys(range(starts[i], starts[i] + length), 0))
        times.update(d.row for d in whole if starts[i] <= d.row < starts[i + 1])
        assert len(times) == length
        assert max(times.values()) - min(times.values()) <= 1
    assert all(d.epoch == epoch for d in whole)


def test_epochs_and_seeds_differ() -> None:
    sampler, other = MixedSampler([50, 50], batch_size=10), MixedSampler([50, 50], batch_size=10, seed=1)
    first = [d.row for d in sampler]
    assert [d.row for d in sampler] == first
    assert [d.row for d in other] != first
    sampler.end_epoch()
    assert [d.row for d in sampler] != first


def test_continues_where_it_stopped_with_other_processes() -> None:
    one = MixedSampler([30, 7], batch_size=6, seed=3)
    one.set_epoch(2)
    draws = list(one)
    one.advance()
    one.advance()
    state = one.state_dict()
    one.set_epoch(2)
    assert list(one) == draws[12:]
    halves = [MixedSampler([30, 7], batch_size=3, rank=rank, world_size=2, seed=3) for rank in (0, 1)]
    for half in halves:
        half.load_state_dict(state)
    again = [list(half) for half in halves]
    assert [*again[0][:3], *again[1][:3]] == draws[12:18]


def test_refuses_to_continue_with_other_draws() -> None:
    state = MixedSampler([30, 7], batch_size=6, seed=3).state_dict()
    for other in (
        MixedSampler([30, 8], batch_size=6, seed=3),
        MixedSampler([30, 7], batch_size=5, seed=3),
        MixedSampler([30, 7], batch_size=6, seed=4),
        MixedSampler([30, 7], batch_size=6, seed=3, draws=12),
    ):
        with pytest.raises(UsageError, match="cannot continue"):
            other.load_state_dict(state)


@pytest.mark.parametrize(
    "options",
    [
        {"lengths": [], "batch_size": 1},
        {"lengths": [5, 0], "batch_size": 1},
        {"lengths": [5], "batch_size": 6},
        {"lengths": [5], "batch_size": 3, "world_size": 2},
        {"lengths": [5], "batch_size": 1, "rank": 1},
        {"lengths": [5], "batch_size": 0},
    ],
)
def test_impossible_samplers(options: dict) -> None:
    with pytest.raises(UsageError):
        MixedSampler(options.pop("lengths"), **options)


def test_a_mixture_counts_rows_through(pretrain_store: Path, mpii_store: Path) -> None:
    ntu = NtuStoreDataset(pretrain_store, size=64)
    mpii = KeypointImagesDataset(mpii_store, size=64)
    mixed = MixedDataset([ntu, mpii])
    assert mixed.lengths == (len(ntu), len(mpii))
    last = mixed[Draw(len(mixed) - 1, 4)]
    assert last.index == len(mixed) - 1
    assert last.source == "mpii"
    own = mpii[Draw(len(mpii) - 1, 4)]
    assert np.array_equal(last.rgb, own.rgb)
    assert mixed[0].source == "ntu"
    mixed.set_epoch(4)
    assert np.array_equal(mixed[len(ntu)].rgb, mpii[(0, 4)].rgb)
    for row in (-1, len(mixed)):
        with pytest.raises(IndexError):
            mixed[row]
    with pytest.raises(UsageError):
        MixedDataset([])
    with pytest.raises(UsageError, match="agree"):
        MixedDataset([ntu, KeypointImagesDataset(mpii_store, size=96)])
    with pytest.raises(UsageError, match="agree"):
        MixedDataset([ntu, KeypointImagesDataset(mpii_store, size=64, joints="shared13")])


def test_colors_change_with_every_draw_and_nothing_else_does(pretrain_store: Path, mpii_store: Path) -> None:
    stores = (str(pretrain_store), str(mpii_store))
    plain = open_mixture(HCMoCoSettings(stores=stores, image_size=64))
    changed = open_mixture(HCMoCoSettings(stores=stores, image_size=64, color_jitter=0.4))
    differing = 0
    for row in (0, 1, len(plain) - 1):
        for epoch in range(6):
            before, after = plain[Draw(row, epoch)], changed[Draw(row, epoch)]
            assert before.rgb is not None
            assert after.rgb is not None
            assert np.array_equal(after.rgb, changed[Draw(row, epoch)].rgb)
            differing += not np.array_equal(before.rgb, after.rgb)
            for name in ("depth", "parts", "foreground", "joints", "visible", "intrinsics"):
                one, other = getattr(before, name), getattr(after, name)
                assert (one is None and other is None) or np.array_equal(one, other), name
    assert 9 <= differing < 18, "with probability 0.8"
    jitter = ColorJitter(0.4, seed=0)
    same_crop = [jitter(plain[0], Draw(0, epoch)).rgb for epoch in range(8)]
    assert len({image.numpy().tobytes() for image in same_crop if image is not None}) > 4
    hidden = open_mixture(HCMoCoSettings(stores=stores[:1], image_size=64, color_jitter=0.4, hide=("rgb",)))
    assert hidden[0].rgb is None
