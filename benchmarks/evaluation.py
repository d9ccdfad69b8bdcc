"""Scoring depth parsing: what the metric costs beside inference, and whether memory grows with the number of images.

    python benchmarks/evaluation.py                           # HRNet-W18 at 473x473 on generated frames
    python benchmarks/evaluation.py --device cuda --batch 16 --samples 2000

The metric's part is everything after the network: enlarging the class scores to the frame, the largest of each pixel,
and the counts. Exit code 1 if it takes 5 % of the inference or more, or if memory grows by more than 10 kB an image.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from generated_store import generated_store

from hcmoco_bench.body import part_table
from hcmoco_bench.data.parsing import ParsingSample, collate_parsing
from hcmoco_bench.metrics import SegmentationMetric
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings
from hcmoco_bench.tasks.core.registry import get_task
from hcmoco_bench.tasks.core.task_data import TaskData
from hcmoco_bench.tasks.parsing.prediction import class_scores, whole_prediction
from hcmoco_bench.tasks.parsing.protocols import ParsingProtocol

LARGEST_SHARE = 0.05
LARGEST_GROWTH = 10.0  # kB an image; evidence is 0.3 kB


def samples(data: TaskData, number: int) -> Iterator[ParsingSample]:
    """So many samples, each with an id of its own."""
    for i in range(number):
        yield replace(data.dataset[i % len(data)], sample_id=f"{i}")


def now(device: torch.device) -> float:
    """Seconds of this process's CPU; on a GPU wall-clock seconds when all that was asked for is done."""
    if device.type == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def memory() -> float:
    """Resident memory at present, kB; where the system does not tell, the most so far."""
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text("ascii").splitlines() if line.startswith("VmRSS"))
        return float(line.split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024 if sys.platform == "darwin" else float(peak)


@dataclass(frozen=True)
class Scoring:
    """What scoring cost.

    Attributes:
        inference: Seconds per image of the network.
        metric: Seconds per image of all that follows.
        growth: Memory that each image of the last two thirds added, kB.
    """

    inference: float
    metric: float
    growth: float


def score(store: Path, settings: dict[str, object], *, number: int, batch_size: int, device: torch.device) -> Scoring:
    """Score so many frames as `eval` does; the first batch warms up."""
    config = make_finetune_settings("depth_parsing", {"stores": (str(store),), **settings})
    task = get_task("depth_parsing")
    protocol = task.record.protocol_of_type(config.protocol, ParsingProtocol)
    data = task.open_data(config, "test", train=False)
    model = task.build_model(config, fresh=False).to(device).eval()
    metric = SegmentationMetric(part_table().names, device=device)
    source = samples(data, number)
    inference = scoring = early = 0.0
    for done in range(0, number, batch_size):
        batch = collate_parsing([next(source) for _ in range(batch_size)], batch_size).to(device)
        started = now(device)
        scores = class_scores(model, batch, config, device, protocol=protocol)
        middle = now(device)
        for place, name in enumerate(batch.sample_ids):
            target = batch.labels[place]
            prediction = whole_prediction(scores[place], batch.regions[place], target, name)
            metric.update(prediction[None], target[None], [name])
        if done:
            inference, scoring = inference + middle - started, scoring + now(device) - middle
        if done < number / 3:
            early = memory()
    metric.compute()
    timed = number - batch_size
    return Scoring(inference / timed, scoring / timed, (memory() - early) / (number * 2 / 3))


def main() -> int:
    """StepMetric, print, and say by the exit code whether both bounds hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, help="a parsing store; without, one is generated")
    parser.add_argument("--backbone", default="hrnet_w18")
    parser.add_argument("--size", type=int, default=473)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--samples", type=int, default=64, help="frames that are timed")
    parser.add_argument(
        "--many", type=int, default=800, help="frames that memory is watched over, with a small network"
    )
    parser.add_argument("--protocol", default="native")
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    device = torch.device(given.device)
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        store = given.store or generated_store(Path(folder), clips=9, seed=0, frames=21, labeled=True)
        shared = {"init": "scratch", "protocol": given.protocol}
        settings = {"backbone": given.backbone, "image_size": given.size, **shared}
        timed = score(store, settings, number=given.samples, batch_size=given.batch, device=device)
        small = {"backbone": "hrnet_w18_small", "image_size": 128, **shared}
        watched = score(store, small, number=given.many, batch_size=given.batch, device=device)
    share = timed.metric / timed.inference
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"cpu, {torch.get_num_threads()} threads"
    print(f"{name}; {given.backbone}, {given.size} px, batches of {given.batch}, protocol {given.protocol}")
    print(f"inference {1000 * timed.inference:8.2f} ms per image")
    print(f"metric    {1000 * timed.metric:8.2f} ms per image, {100 * share:.1f} % of inference")
    print(f"memory    {memory() / 1024:8.0f} MB at the end; {watched.growth:.2f} kB more per image of {given.many}")
    return int(share >= LARGEST_SHARE or watched.growth > LARGEST_GROWTH)


if __name__ == "__main__":
    sys.exit(main())
