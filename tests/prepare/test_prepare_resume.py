"""Interrupted at any moment and started again, a store ends the same; and nothing half-written is ever to be seen."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from forked import fork_server
from prepare_raw_tree import CLIPS, TEST, TRAIN, RawTree, folder_hashes, prepare_arguments, prepare_options

from hcmoco_bench.cli.app import app
from hcmoco_bench.errors import StoreError, StoreLockedError
from hcmoco_bench.files.lock import folder_lock
from hcmoco_bench.prepare.ntu import prepare_ntu
from hcmoco_bench.prepare.options import check_options
from hcmoco_bench.runtime.progress import no_progress
from hcmoco_bench.store.kinds.ntu import NTU
from hcmoco_bench.store.prepare import Prepared
from hcmoco_bench.store.verify import verify_store


def prepare(tree: RawTree, out: Path, *, overwrite: bool = False, progress=no_progress, **options: object) -> Prepared:
    chosen = check_options(parts=True, **({"rows_per_shard": 1} | options))
    return prepare_ntu(
        [tree.root],
        out,
        chosen,
        annotations=tree.masks,
        lists=tree.root / "lists",
        overwrite=overwrite,
        progress=progress,
    )


def check_visible_files(store: Path) -> None:
    """Whatever has its final name is whole; a manifest is there only when everything else is."""
    visible = [path for path in store.iterdir() if not path.name.startswith(".")]
    for path in visible:
        if path.suffix == ".parquet":
            with pq.ParquetFile(path) as file:
                assert sum(1 for _ in file.iter_batches()) == file.num_row_groups
        elif path.suffix == ".jsonl":
            [json.loads(line) for line in path.read_text().splitlines()]
        else:
            json.loads(path.read_text())
    if (store / "manifest.json").exists():
        assert verify_store(store).passed


def wait_for(path: Path, running: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not path.exists() and running():
        assert time.monotonic() < end
        time.sleep(0.001)


def is_running(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is None


def prepare_command(arguments: list[str]) -> None:
    """What a process of its own does: the command `prepare ntu`."""
    app(["prepare", "ntu", *arguments])


@pytest.mark.slow
def test_killed_twenty_times_it_ends_with_the_same_bytes(small_tree: RawTree, tmp_path: Path) -> None:
    """Half of the kills come at any moment of a run, half while shards are being written, with one and two workers."""
    reference = folder_hashes(prepare(small_tree, tmp_path / "reference").store.path)
    rng = np.random.default_rng(7)
    kills = runs = halfway = 0
    store = tmp_path / "store-0"
    span: dict[str, float] = {}  # seconds of work in a run that nobody disturbs, by number of workers
    while kills < 20:
        workers = "1112"[runs // 2 % 4]
        runs += 1
        arguments = prepare_options(small_tree, store, "--rows-per-shard", "1", "--workers", workers)
        process = fork_server().Process(target=prepare_command, args=(arguments,))
        process.start()
        wait_for(store / ".lock", process.is_alive)
        started = time.monotonic()
        if workers not in span:
            process.join()
            span[workers] = time.monotonic() - started
        elif runs % 2:
            process.join(rng.uniform(0, span[workers]))
        else:
            wanted = len(list(store.glob("*.parquet"))) + int(rng.integers(1, 4))
            while process.is_alive() and len(list(store.glob("*.parquet"))) < wanted:
                time.sleep(0.001)
            process.join(rng.uniform(0, 0.03))
        if process.is_alive():
            process.kill()
            process.join()
            kills += 1
            halfway += 0 < len(list(store.glob("*.parquet"))) < 8
            check_visible_files(store)
            continue
        assert process.exitcode == 0
        assert folder_hashes(store) == reference
        store = tmp_path / f"store-{runs}"
    prepare(small_tree, store)
    assert folder_hashes(store) == reference
    assert halfway >= 3  # or the kills came at moments that test nothing


@pytest.mark.parametrize("label", ["calibrating rigs", "preparing samples", "hashing shards"])
def test_what_was_finished_is_kept(small_tree: RawTree, tmp_path: Path, label: str) -> None:
    """Stopped in each step by an exception, as Ctrl-C is one, it continues and does not start over."""
    reference = folder_hashes(prepare(small_tree, tmp_path / "reference").store.path)
    store = tmp_path / "store"

    def stop(step: str, done: int, total: int | None) -> None:
        if step == label and done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(small_tree, store, progress=stop)
    assert not (store / "manifest.json").exists()
    assert not list(store.glob(".*.tmp"))
    assert not (store / ".lock").exists()
    with pytest.raises(StoreError, match="no finished store"):
        NTU.open(store)
    before = {path.name: path.stat().st_mtime_ns for path in store.glob("*.parquet")}
    prepared = prepare(small_tree, store)
    assert prepared.kept == len(before) == {"calibrating rigs": 0, "preparing samples": 2, "hashing shards": 8}[label]
    assert {name: (store / name).stat().st_mtime_ns for name in before} == before
    assert folder_hashes(store) == reference


def test_a_finished_store_is_left_alone(small_tree: RawTree, tmp_path: Path) -> None:
    first = prepare(small_tree, tmp_path / "store")
    stamps = {path.name: path.stat().st_mtime_ns for path in first.store.path.iterdir()}
    again = prepare(small_tree, tmp_path / "store")
    assert again.nothing_to_do
    assert not first.nothing_to_do
    assert again.store.manifest == first.store.manifest
    assert {path.name: path.stat().st_mtime_ns for path in first.store.path.iterdir()} == stamps


def test_damaged_or_missing_files_of_a_finished_store_are_made_again(small_tree: RawTree, tmp_path: Path) -> None:
    store = prepare(small_tree, tmp_path / "store").store.path
    reference = folder_hashes(store)
    shards = sorted(store.glob("*.parquet"))
    shards[0].unlink()
    shards[1].write_bytes(shards[1].read_bytes()[:-100])
    (store / "problems.jsonl").unlink()
    (store / "calibration.json").unlink()
    assert not prepare(small_tree, store).nothing_to_do
    assert folder_hashes(store) == reference


def test_other_options_or_inputs_are_refused_unless_overwritten(small_tree: RawTree, tmp_path: Path) -> None:
    store = prepare(small_tree, tmp_path / "store").store.path
    with pytest.raises(StoreError, match=r"other options.*--overwrite"):
        prepare(small_tree, store, rows_per_shard=3)
    assert verify_store(store).passed
    prepare(small_tree, store, rows_per_shard=3, overwrite=True)
    assert len(list(store.glob("*.parquet"))) == 4
    small_tree.depth(CLIPS[0], 3).unlink()
    with pytest.raises(StoreError, match="other inputs"):
        prepare(small_tree, store, rows_per_shard=3)
    prepare(small_tree, store, rows_per_shard=3, overwrite=True)
    fresh = prepare(small_tree, tmp_path / "fresh", rows_per_shard=3).store.path
    assert folder_hashes(store) == folder_hashes(fresh)
    assert verify_store(store).passed


def test_an_unfinished_store_of_other_options_is_refused_too(small_tree: RawTree, tmp_path: Path) -> None:
    def stop(step: str, done: int, total: int | None) -> None:
        if step == "preparing samples" and done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(small_tree, tmp_path / "store", progress=stop)
    with pytest.raises(StoreError, match="--overwrite"):
        prepare(small_tree, tmp_path / "store", seed=1)
    prepare(small_tree, tmp_path / "store", seed=1, overwrite=True)
    fresh = prepare(small_tree, tmp_path / "fresh", seed=1).store.path
    assert folder_hashes(tmp_path / "store") == folder_hashes(fresh)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_with_other_things_is_never_touched(small_tree: RawTree, tmp_path: Path, overwrite: bool) -> None:
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "chapter-1.tex").write_text("the only copy")
    with pytest.raises(StoreError, match=r"chapter-1\.tex"):
        prepare(small_tree, folder, overwrite=overwrite)
    assert [path.name for path in folder.iterdir()] == ["chapter-1.tex"]


def test_what_dead_processes_left_is_removed(small_tree: RawTree, tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    (store / ".train-00000-of-00004.parquet.123-abc.tmp").write_bytes(b"half")
    (store / ".lock").write_text("process 1 on nowhere")
    prepare(small_tree, store)
    assert not [path for path in store.iterdir() if path.name.startswith(".")]


def children(process: int) -> set[int]:
    found = set()
    for thread in Path(f"/proc/{process}/task").iterdir():
        found |= set(map(int, (thread / "children").read_text().split()))
    return found


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at processes in /proc")
def test_workers_end_with_the_process_that_started_them(small_tree: RawTree, tmp_path: Path) -> None:
    process = subprocess.Popen(
        prepare_arguments(small_tree, tmp_path / "store", "--rows-per-shard", "1", "--workers", "2")
    )
    workers: set[int] = set()
    while len(workers) < 3 and process.poll() is None:  # two workers, and the resource tracker of multiprocessing
        workers = children(process.pid)
    process.kill()
    process.wait()
    end = time.monotonic() + 30
    while any(map(alive, workers)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not [worker for worker in workers if alive(worker)]


@pytest.mark.slow
def test_ctrl_c_is_one_sentence_and_the_run_can_be_continued(small_tree: RawTree, tmp_path: Path) -> None:
    for workers in ("1", "2"):
        store = tmp_path / f"store-{workers}"
        command = prepare_arguments(small_tree, store, "--rows-per-shard", "1", "--workers", workers)
        process = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
        wait_for(store / ".plan.json", functools.partial(is_running, process))
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the whole group gets it
        message = process.communicate(timeout=60)[1].decode()
        if process.returncode == 0:
            continue
        assert process.returncode == 130
        assert message.strip() == "stopped; run the same command again to continue where it was"
        prepare(small_tree, store)
        assert verify_store(store).passed
        opened = NTU.open(store)
        assert {row["sample_id"] for row in opened.rows("train", ["sample_id"])} == set(TRAIN)
        assert {row["sample_id"] for row in opened.rows("test", ["sample_id"])} == set(TEST)


def test_a_second_writer_is_told_so(small_tree: RawTree, tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    with folder_lock(store), pytest.raises(StoreLockedError, match=f"process {os.getpid()} .* is writing here"):
        prepare(small_tree, store)
    assert not prepare(small_tree, store).nothing_to_do


def test_killed_between_the_manifest_and_the_end(small_tree: RawTree, tmp_path: Path) -> None:
    store = prepare(small_tree, tmp_path / "store").store.path
    reference = folder_hashes(store)
    plan = json.loads((store / "manifest.json").read_text())["plan_sha256"]
    (store / ".plan.json").write_text(json.dumps({"plan_sha256": plan}))
    (store / ".calibration-problems.jsonl").touch()
    assert prepare(small_tree, store).nothing_to_do
    assert folder_hashes(store) == reference


@pytest.mark.parametrize("text", ["{}", "no JSON", '{"schema": 2}'])
def test_a_manifest_that_cannot_be_read_is_not_overwritten_by_accident(
    small_tree: RawTree, tmp_path: Path, text: str
) -> None:
    store = prepare(small_tree, tmp_path / "store").store.path
    reference = folder_hashes(store)
    (store / "manifest.json").write_text(text)
    with pytest.raises(StoreError, match="--overwrite"):
        prepare(small_tree, store)
    prepare(small_tree, store, overwrite=True)
    assert folder_hashes(store) == reference
