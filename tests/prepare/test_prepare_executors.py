"""Local processes and a Dask cluster write the same bytes, also when one of the processes is killed at work."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from prepare_raw_tree import CLIPS, RawTree, folder_hashes

from hcmoco_bench.errors import StoreError, UsageError
from hcmoco_bench.prepare.executors import LocalExecutor, make_executor
from hcmoco_bench.prepare.executors.dask_cluster import DaskExecutor
from hcmoco_bench.prepare.executors.local import RESTARTS
from hcmoco_bench.prepare.ntu import prepare_ntu
from hcmoco_bench.prepare.ntu_rows import NtuRows
from hcmoco_bench.prepare.options import check_options
from hcmoco_bench.store.kinds.ntu import NtuStore, store_schema
from hcmoco_bench.store.paths import PortablePaths
from hcmoco_bench.store.shard_writer import ShardTask
from hcmoco_bench.store.verify import verify_store


def task(folder: Path, number: int) -> ShardTask:
    path = folder / f"train-{number:05d}-of-00006.parquet"
    rows = NtuRows(path.name, "", check_options(), (), {}, None, {})
    return ShardTask(path, "", store_schema(parts=False), 32, (), rows, PortablePaths(()))


def note_and_die_once(job: ShardTask) -> int:
    """Leaves a file for each finished task; the first process to come to task 2 kills itself."""
    if job.file.startswith("train-00002"):
        try:
            (job.path.parent / "died").touch(exist_ok=False)
        except FileExistsError:
            pass
        else:
            os.kill(os.getpid(), signal.SIGKILL)
    job.path.touch()
    return 1


def always_die(job: ShardTask) -> int:
    with (job.path.parent / "deaths").open("a") as handle:
        handle.write("x")
    os._exit(9)


def fail(job: ShardTask) -> int:
    if job.file.startswith("train-00001"):
        raise StoreError("no room")
    time.sleep(0.1)
    job.path.touch()
    return 1


def prepare(tree: RawTree, out: Path, executor: object = None) -> NtuStore:
    options = check_options(parts=True, rows_per_shard=1)
    return prepare_ntu(
        [tree.root], out, options, annotations=tree.masks, lists=tree.root / "lists", executor=executor
    ).store


def test_a_local_process_that_dies_is_replaced(tmp_path: Path) -> None:
    tasks = [task(tmp_path, i) for i in range(6)]
    assert sum(LocalExecutor(2).run(note_and_die_once, tasks)) == 6
    assert (tmp_path / "died").exists()
    assert len(list(tmp_path.glob("train-*"))) == 6


def test_local_processes_that_die_again_and_again_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"died 3 times.*continue"):
        list(LocalExecutor(2).run(always_die, [task(tmp_path, i) for i in range(6)]))
    assert len((tmp_path / "deaths").read_text()) <= 2 * (RESTARTS + 1)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_first_error_stops_the_run(tmp_path: Path, workers: int) -> None:
    tasks = [task(tmp_path, i) for i in range(200)]
    with pytest.raises(StoreError, match="no room"):
        list(LocalExecutor(workers).run(fail, tasks))
    assert len(list(tmp_path.glob("train-*"))) < 20


def test_no_tasks() -> None:
    assert list(LocalExecutor(1).run(fail, [])) == []
    assert list(LocalExecutor(2).run(fail, [])) == []


@pytest.fixture
def cluster():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as running,
        distributed.Client(running) as client,
    ):
        client.wait_for_workers(2)
        yield running


@pytest.mark.slow
def test_dask_workers_one_of_which_is_killed_at_work_write_the_same_bytes(
    small_tree: RawTree, tmp_path: Path, cluster
) -> None:
    n_frames = 40
    for clip in CLIPS:
        small_tree.add_clip(clip, n_frames, range(1, n_frames + 1, 2))
    ids = [f"{clip}F{frame:03d}" for clip in CLIPS for frame in range(1, n_frames + 1, 2)]
    small_tree.write_lists(ids[:40], ids[40:])
    reference = folder_hashes(prepare(small_tree, tmp_path / "local").path)
    killed = []

    def kill_one(step: str, done: int, total: int | None) -> None:
        if step == "preparing samples" and done >= 5 and not killed:
            killed.append(next(iter(cluster.workers.values())).pid)
            os.kill(killed[0], signal.SIGKILL)

    options = check_options(parts=True, rows_per_shard=1)
    store = prepare_ntu(
        [small_tree.root],
        tmp_path / "dask",
        options,
        annotations=small_tree.masks,
        lists=small_tree.root / "lists",
        executor=DaskExecutor(cluster.scheduler_address, 2),
        progress=kill_one,
    ).store
    assert killed
    assert folder_hashes(store.path) == reference
    assert verify_store(store.path).passed


@pytest.mark.slow
def test_a_dask_cluster_started_for_the_run(small_tree: RawTree, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    reference = folder_hashes(prepare(small_tree, tmp_path / "local").path)
    store = prepare(small_tree, tmp_path / "dask", make_executor("dask", workers=2))
    assert folder_hashes(store.path) == reference


@pytest.mark.slow
def test_dask_hands_errors_on(tmp_path: Path, cluster) -> None:
    with pytest.raises(StoreError, match="no room"):
        list(DaskExecutor(cluster.scheduler_address, 2).run(fail, [task(tmp_path, i) for i in range(6)]))


def test_choosing_an_executor() -> None:
    assert make_executor("local", workers=3) == LocalExecutor(3)
    assert make_executor("dask", scheduler="tcp://a:1") == DaskExecutor("tcp://a:1", make_executor("local").workers)
    for arguments, words in (
        ({"name": "slurm"}, "slurm"),
        ({"name": "local", "workers": 0}, "at least one"),
        ({"name": "local", "scheduler": "tcp://a:1"}, "executor dask"),
        ({"name": "dask", "scheduler": "tcp://a:1", "workers": 2}, "its own"),
    ):
        with pytest.raises(UsageError, match=words):
            make_executor(**arguments)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense://x"])
def test_a_scheduler_that_does_not_answer(tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("hcmoco_bench.prepare.executors.dask_cluster.CONNECT_SECONDS", 1)
    with pytest.raises(UsageError, match=f"{address}.*no Dask scheduler"):
        list(DaskExecutor(address, 1).run(fail, [task(tmp_path, 0)]))


def test_tasks_hold_no_more_than_their_shard(small_tree: RawTree, tmp_path: Path) -> None:
    """What travels to a worker does not grow with the tree."""
    import pickle

    sizes = []

    class StepMetric:
        def run(self, work, tasks):
            sizes.extend(len(pickle.dumps(job)) for job in tasks)
            return map(work, tasks)

    prepare(small_tree, tmp_path / "few", StepMetric())
    few = max(sizes)
    sizes.clear()
    rng = np.random.default_rng(0)
    for _ in range(200):
        name = f"S001C001P{rng.integers(1000):03d}R{rng.integers(1000):03d}A{rng.integers(1000):03d}"
        (small_tree.root / "nturgb+d_rgb" / f"{name}_rgb.avi").touch()
    prepare(small_tree, tmp_path / "many", StepMetric())
    assert max(sizes) < few + 50
