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
from dataclasses import replace
from pathlib import Path

import torch
from generated_store import generated_store

from hcmoco_bench.body import part_table
from hcmoco_bench.data.parsing import ParsingSample, collate_parsing
from hcmoco_bench.metrics import SegmentationMetric
from hcmoco_bench.tasks.config import FinetuneConfig
from hcmoco_bench.tasks.parsing_prediction import class_scores, whole_prediction
from hcmoco_bench.tasks.registry import get_task
from hcmoco_bench.tasks.settings import make_finetune_config
from hcmoco_bench.tasks.task import TaskData

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


def main() -> int:
    """Measure, print, and say by the exit code whether both bounds hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, help="a parsing store; without, one is generated")
    parser.add_argument("--backbone", default="hrnet_w18")
    parser.add_argument("--size", type=int, default=473)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--protocol", default="native")
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    device = torch.device(given.device)
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        store = given.store or generated_store(Path(folder), clips=9, seed=0, frames=21, labelled=True)
        settings = {
            "stores": (str(store),),
            "backbone": given.backbone,
            "init": "scratch",
            "image_size": given.size,
            "protocol": given.protocol,
        }
        config: FinetuneConfig = make_finetune_config("depth_parsing", settings)
        task = get_task("depth_parsing")
        data = task.open_data(config, "test", train=False)
        model = task.build_model(config, fresh=False).to(device).eval()
        metric = SegmentationMetric(part_table().names, device=device)
        source = samples(data, given.samples)
        inference = scoring = 0.0
        early = 0.0
        for done in range(0, given.samples, given.batch):
            batch = collate_parsing([next(source) for _ in range(given.batch)], given.batch).to(device)
            started = now(device)
            scores = class_scores(model, batch, config, device)
            middle = now(device)
            for place, name in enumerate(batch.sample_ids):
                target = batch.labels[place]
                prediction = whole_prediction(scores[place], batch.regions[place], target, name)
                metric.update(prediction[None], target[None], [name])
            if done:  # the first batch warms up
                inference, scoring = inference + middle - started, scoring + now(device) - middle
            if done < given.samples / 3:
                early = memory()
        metric.compute()
    number = given.samples - given.batch
    growth = (memory() - early) / (given.samples * 2 / 3)
    share = scoring / inference
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"cpu, {torch.get_num_threads()} threads"
    print(f"{name}; {given.backbone}, {given.size} px, batches of {given.batch}, protocol {given.protocol}")
    print(f"inference {1000 * inference / number:8.2f} ms an image")
    print(f"metric    {1000 * scoring / number:8.2f} ms an image, {100 * share:.1f} % of inference")
    print(f"memory    {memory() / 1024:8.0f} MB at the end, {growth:.2f} kB more an image over the last two thirds")
    return int(share >= LARGEST_SHARE or growth > LARGEST_GROWTH)


if __name__ == "__main__":
    sys.exit(main())
