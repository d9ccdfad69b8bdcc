"""How many NTU training samples a second come out, by number of workers, and what one costs where.

    python benchmarks/data.py                       # generates a small store
    python benchmarks/data.py --store DIR           # any prepared store
    python benchmarks/data.py --copies 40           # and every shard linked so often, for a store that is not small

Samples are 320x320 with RGB, depth, foreground and joints, drawn at random, stacked into batches. "per core" counts the
processor time of everything that worked, this process and its workers; "random row" compares ways to fetch the three
images of one random row, without decoding them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from generated_store import generated_store
from rich import box
from rich.console import Console
from rich.table import Table

from hcmoco_bench.data import MixedSampler, NtuStoreDataset, collate, make_loader
from hcmoco_bench.data.shard_reader import ShardReader
from hcmoco_bench.errors import HcmocoBenchError
from hcmoco_bench.store.kinds.ntu import NTU, NtuManifest

TARGET = 250.0
"""Samples a second and core."""


def main() -> int:
    """StepMetric and print; exit code 1 if the target is missed with any number of workers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, help="prepared NTU store; without, a small one is generated")
    parser.add_argument("--split", default="train")
    parser.add_argument("--size", type=int, default=320, help="side of a crop, px")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--samples", type=int, default=1500, help="samples per measurement")
    parser.add_argument("--copies", type=int, default=1, help="link every shard so often, under other numbers")
    parser.add_argument("--json", action="store_true", help="print values instead of tables")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        try:
            store = arguments.store or generated_store(Path(folder), clips=9, seed=7, frames=30, every=2)
            if arguments.copies > 1:
                store = _multiply(store, Path(folder) / "copies", arguments.copies)
            values = _measure(store, arguments)
        except HcmocoBenchError as error:
            Console(stderr=True).print(f"[bold red]error:[/] {error}", soft_wrap=True)
            return 1
    if arguments.json:
        Console().print_json(json.dumps(values))
    else:
        _show(values)
    return 0 if min(row["per_core"] for row in values["loader"].values()) >= TARGET else 1


def _multiply(store: Path, out: Path, copies: int) -> Path:
    """A store whose shards are all linked several times; its files are as many and its rows as far apart."""
    out.mkdir(parents=True)
    for path in store.iterdir():
        if path.suffix != ".parquet":
            shutil.copy(path, out)
    manifest = NTU.open(store).manifest
    shards = {}
    total = copies * sum(name.startswith("train-") for name in manifest.shards)
    number = 0
    for _ in range(copies):
        for name, entry in sorted(manifest.shards.items()):
            if name.startswith("train-"):
                copied = f"train-{number:05d}-of-{total:05d}.parquet"
                shutil.copy(store / name, out / copied)
                shards[copied] = entry
                number += 1
    changed = NtuManifest.model_validate(manifest.model_dump(by_alias=True) | {"shards": shards})
    (out / "manifest.json").write_text(changed.to_json())
    return out


def _measure(store: Path, arguments: argparse.Namespace) -> dict[str, dict[str, Any]]:
    start = time.perf_counter()
    dataset = NtuStoreDataset(store, arguments.split, size=arguments.size)
    opening = time.perf_counter() - start
    loader = {}
    for workers in arguments.workers:
        loader[str(workers)] = _throughput(dataset, workers, arguments)
    return {
        "store": {
            "rows": float(len(dataset)),
            "open_s": opening,
            "index_bytes_per_row": dataset.index.nbytes / len(dataset),
            "mib_on_disk": sum(path.stat().st_size for path in NTU.open(store).shards()) / 2**20,
        },
        "loader": loader,
        "parts_ms": _parts(dataset, arguments),
        "random_row_ms": _random_rows(store, dataset),
    }


def _throughput(dataset: NtuStoreDataset, workers: int, arguments: argparse.Namespace) -> dict[str, float]:
    """Samples a second after a first batch that starts the workers, and again by processor time."""
    steps = max(1, arguments.samples // arguments.batch_size)
    sampler = MixedSampler(
        [len(dataset)], batch_size=arguments.batch_size, draws=(steps + 2 * workers + 2) * arguments.batch_size
    )
    loader = make_loader(dataset, sampler, batch_size=arguments.batch_size, workers=workers)
    batches = iter(loader)
    # The first epoch's reads also look up where images are; what is measured is the steady state after it.
    for _ in range(2 * workers + 2):
        next(batches)
    cpu, wall = _processor_seconds(loader), time.perf_counter()
    done = sum(len(batch) for batch in batches)
    wall, cpu = time.perf_counter() - wall, _processor_seconds(loader) - cpu
    return {"samples_per_s": done / wall, "per_core": done / cpu, "ms_of_a_core": 1e3 * cpu / done}


def _processor_seconds(loader: object) -> float:
    """Processor time of this process and of the loader's living workers."""
    total = time.process_time()
    iterator = getattr(loader, "_iterator", None)
    for worker in getattr(iterator, "_workers", []):
        fields = Path(f"/proc/{worker.pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def _parts(dataset: NtuStoreDataset, arguments: argparse.Namespace) -> dict[str, float]:
    """Milliseconds of processor time: a whole sample, and stacking it."""
    rows = np.random.default_rng(0).integers(len(dataset), size=200).tolist()
    samples = [dataset[(row, 1)] for row in rows[: arguments.batch_size]]

    def make() -> None:
        for epoch, row in enumerate(rows):
            dataset[(row, epoch)]

    return {
        "sample": _milliseconds(make) / len(rows),
        "stacking": _milliseconds(lambda: collate(samples)) / len(samples),
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _random_rows(store: Path, dataset: NtuStoreDataset) -> dict[str, float]:
    """Milliseconds of processor time to fetch the images of one random row, by three ways."""
    shards = NTU.open(store).shards()
    columns = [c for c in ("rgb", "depth", "parts") if c in pq.read_schema(shards[0]).names]
    locations = dataset.index.locations[np.random.default_rng(0).integers(len(dataset), size=200)].tolist()
    reader = ShardReader(shards)

    def by_pread() -> None:
        for shard, group, row in locations:
            for column in columns:
                reader.read(shard, group, row, column)

    files = [pq.ParquetFile(path, memory_map=True) for path in shards[:64]]

    def by_row_group() -> None:
        for shard, group, row in locations[:40]:
            table = files[shard % len(files)].read_row_group(group, columns)
            for column in columns:
                table[column][row].as_py()

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "copy.arrow"
        tables = [pq.read_table(shard, columns=columns) for shard in shards[:8]]
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, tables[0].schema) as writer:
            for table in tables:
                writer.write_table(table)
        copy = pa.ipc.open_file(pa.memory_map(str(path))).read_all()

        def by_arrow_copy(copy: pa.Table = copy) -> None:
            for shard, group, row in locations:
                where = (shard * 128 + group * 32 + row) % copy.num_rows
                for column in columns:
                    copy[column][where].as_py()

        result = {
            "first_touch_of_a_row_group": _first_touch(shards, columns),
            "pread_of_its_bytes": _milliseconds(by_pread) / len(locations),
            "its_row_group": _milliseconds(by_row_group) / 40,
            "memory_mapped_arrow_copy": _milliseconds(by_arrow_copy) / len(locations),
        }
        del copy, by_arrow_copy
    return result


def _first_touch(shards: tuple[Path, ...], columns: list[str]) -> float:
    reader = ShardReader(shards[:1])
    start = time.process_time()
    for column in columns:
        reader.read(0, 0, 0, column)
    return 1e3 * (time.process_time() - start)


def _milliseconds(work: Callable[[], object]) -> float:
    work()
    times = []
    for _ in range(3):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return 1e3 * float(np.median(times))


def _show(values: dict[str, dict[str, Any]]) -> None:
    console = Console()
    for title, rows in values.items():
        table = Table(title=title.replace("_", " "), box=box.SIMPLE_HEAD, pad_edge=False)
        first = next(iter(rows.values()))
        if isinstance(first, dict):
            table.add_column("workers")
            for name in first:
                table.add_column(name.replace("_", " "), justify="right")
            for workers, row in rows.items():
                table.add_row(workers, *(f"{value:,.1f}" for value in row.values()))
        else:
            table.add_column("what")
            table.add_column("value", justify="right")
            for name, value in rows.items():
                table.add_row(name.replace("_", " "), f"{value:,.3f}")
        console.print(table)


if __name__ == "__main__":
    sys.exit(main())
