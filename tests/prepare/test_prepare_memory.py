"""A worker's memory stays far under 1 GiB, however much it is given to do."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from prepare_raw_tree import CLIPS, RawTree

from hcmoco_bench.prepare.ntu import prepare_ntu
from hcmoco_bench.prepare.options import check_options
from hcmoco_bench.store.executor import Work
from hcmoco_bench.store.shard_writer import ShardTask, write_shard

LIMIT = 1024  # MiB


def peak_memory(task: ShardTask) -> float:
    """Peak resident memory of this process after writing a shard, MiB."""
    write_shard(task)
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


class Measured:
    """Writes each shard in a fresh process of its own."""

    def __init__(self) -> None:
        self.peaks: list[float] = []

    def run(self, work: Work, tasks: Sequence[ShardTask]) -> Iterator[int]:
        with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
            for task in tasks:
                self.peaks.append(pool.apply(peak_memory, (task,)))
                yield len(task.rows)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory from /proc")
def test_a_long_clip_with_every_frame_asked_for(raw_tree: RawTree, tmp_path: Path) -> None:
    """300 frames, as long as NTU's longest clips, in one shard, against 10 frames of the same clip."""
    n_frames = 300
    raw_tree.add_clip(CLIPS[0], n_frames, range(1, n_frames + 1))
    peaks = []
    for asked in (10, n_frames):
        lists = raw_tree.write_lists([f"{CLIPS[0]}F{frame:03d}" for frame in range(1, asked + 1)], [])
        measured = Measured()
        prepare_ntu(
            [raw_tree.root],
            tmp_path / f"store-{asked}",
            check_options(parts=True, align="registered", rows_per_shard=1000),
            annotations=raw_tree.masks,
            lists=lists,
            executor=measured,
        )
        peaks.append(max(measured.peaks))
    assert peaks[1] < LIMIT / 2
    assert peaks[1] - peaks[0] < 250
