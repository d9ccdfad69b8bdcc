"""How many pairs of views a second one core makes, beside torchvision's transforms, and where the time goes.

    python benchmarks/view_pairs.py                                  # person crops, whole images and NTU, generated
    python benchmarks/view_pairs.py --pictures DIR --store STORE     # your own
    python benchmarks/view_pairs.py --json

Every pair is made at 256 px with the augmentation of LiftedCL's release. "torchvision" is the way of the release:
Pillow decodes the image, and `torchvision.transforms.v2` changes it. Both ways take turns on the same images in one
process with one thread. Figures are processor time, for each pair the fastest of several rounds, because other work on
the machine makes some rounds slower.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from generated_store import generated_store
from PIL import Image, ImageFilter
from rich import box
from rich.console import Console
from rich.table import Table
from torchvision.transforms import v2

from hcmoco_bench.data.appearance import with_appearance
from hcmoco_bench.data.image_tensor import image_tensor
from hcmoco_bench.data.sample import VIEW_STREAM, Draw
from hcmoco_bench.data.view_pairs import ViewPairData, open_view_pairs
from hcmoco_bench.data.views import ViewOptions, plan_views, resized
from hcmoco_bench.errors import HcmocoBenchError
from hcmoco_bench.prepare.keypoints import prepare_keypoints
from hcmoco_bench.store.registry import open_store
from hcmoco_bench.synth.coco import write_coco
from hcmoco_bench.synth.photographs.photo_set import PhotoOptions

TARGET = 250.0
"""Pairs a second and core."""

SIZE = 256
"""Side of a view, px."""


def main() -> int:
    """Measure and print; exit code 1 if any of the data misses the target."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", action="append", default=[], help="prepared store; may be given several times")
    parser.add_argument(
        "--pictures", action="append", default=[], help="folder of pictures; may be given several times"
    )
    parser.add_argument("--pairs", type=int, default=40, help="pairs in a round")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true", help="print values instead of tables")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        try:
            sources = {path: open_view_pairs([path], [], ViewOptions(), seed=0) for path in given.store}
            sources |= {path: open_view_pairs([], [path], ViewOptions(), seed=0) for path in given.pictures}
            sources = sources or _generated(Path(folder))
            values = {name: _measure(data, given.pairs, given.rounds) for name, data in sources.items()}
        except HcmocoBenchError as error:
            Console(stderr=True).print(f"[bold red]error:[/] {error}", soft_wrap=True)
            return 1
    if given.json:
        Console().print_json(json.dumps(values))
    else:
        _show(values)
    return 0 if min(row["pairs_per_s"] for row in values.values()) >= TARGET else 1


def _generated(folder: Path) -> dict[str, ViewPairData]:
    """Generated people in three forms: crops as the release learns from, whole images, and frames of NTU."""
    write_coco(folder / "coco", PhotoOptions(12, 0, 640, "cpu"))
    coco = prepare_keypoints("coco", folder / "coco", folder / "coco-store").store.path
    ntu = generated_store(folder, clips=3, seed=7, frames=30, every=3)
    crops = folder / "crops"
    crops.mkdir()
    for row in open_store(coco).rows("train"):
        with Image.open(io.BytesIO(row["image"]["bytes"])) as image:
            for person in row["people"]:
                (x, y), half = person["center"], 100 * person["scale"]
                box = (max(0, x - half), max(0, y - half), min(image.width, x + half), min(image.height, y + half))
                image.convert("RGB").crop(tuple(map(round, box))).save(crops / f"{person['person_id']}.jpg", quality=95)
    options = ViewOptions()
    return {
        "folder of person crops": open_view_pairs([], [str(crops)], options, seed=0),
        "people of COCO images": open_view_pairs([str(coco)], [], options, seed=0),
        "people of NTU frames": open_view_pairs([str(ntu)], [], options, seed=0),
    }


def _measure(data: ViewPairData, pairs: int, rounds: int) -> dict[str, Any]:
    draws = [Draw(int(row), 1) for row in np.random.default_rng(0).integers(len(data.dataset), size=pairs)]
    plain = _Plain(data)
    ways: dict[str, Callable[[Draw], object]] = {
        "ours": lambda draw: data.collate([data.dataset[draw]], 1),
        "torchvision": plain,
    }
    seconds = {name: np.full((rounds + 1, len(draws)), np.inf) for name in ways}
    for turn in range(rounds + 1):
        for number, draw in enumerate(draws):
            for name, work in ways.items():
                start = time.process_time()
                work(draw)
                seconds[name][turn, number] = time.process_time() - start
    ours, theirs = (float(seconds[name].min(axis=0).mean()) for name in ways)
    images = [data.dataset.image(draw.row) for draw in draws]
    return {
        "pairs_per_s": 1 / ours,
        "torchvision_pairs_per_s": 1 / theirs,
        "faster": theirs / ours,
        "mean_image_px": [round(float(np.mean([getattr(i, n) for i in images]))) for n in ("width", "height")],
        "ms": {"a pair": 1e3 * ours} | _stages(data, draws, rounds),
    }


def _stages(data: ViewPairData, draws: list[Draw], rounds: int) -> dict[str, float]:
    """Milliseconds of processor time that each step takes of a pair, one step after the other over all draws."""
    options = data.dataset.options
    times: dict[str, list[float]] = {}

    @contextmanager
    def timed(name: str) -> Iterator[None]:
        start = time.process_time()
        yield
        times.setdefault(name, []).append(1e3 * (time.process_time() - start) / len(draws))

    for _ in range(rounds + 1):
        with timed("read, look up the person"):
            images = [data.dataset.image(draw.row) for draw in draws]
        with timed("draw what is random"):
            rngs = [draw.generator(0, stream=VIEW_STREAM) for draw in draws]
            plans = [
                plan_views(one.width, one.height, options, rng, within=one.within)
                for one, rng in zip(images, rngs, strict=True)
            ]
        with timed("decode"):
            pixels = [image.decode(1) for image in images]
        views = [(plan, image) for image, two in zip(pixels, plans, strict=True) for plan in two]
        regions = [plan.region for plan, _ in views]
        looks = [plan.appearance for plan, _ in views]
        shown = [
            image[top : top + height, left : left + width]
            for (left, top, width, height), (_, image) in zip(regions, views, strict=True)
        ]
        with timed("resize"):
            shown = [resized(image, options.size) for image in shown]
        with timed("color jitter"):
            pairs = zip(shown, looks, strict=True)
            shown = [with_appearance(image, replace(look, gray=False, blur=None)) for image, look in pairs]
        with timed("gray, blur"):
            shown = [with_appearance(image, replace(look, jitter=())) for image, look in zip(shown, looks, strict=True)]
        with timed("flip, channels first"):
            for image, (plan, _) in zip(shown, views, strict=True):
                image_tensor(np.asarray(cv2.flip(image, 1), np.uint8) if plan.flipped else image)
    return {name: min(found) for name, found in times.items()}


class _Plain:
    """The transforms of the release, on the same images and regions."""

    def __init__(self, data: ViewPairData) -> None:
        self.data = data
        options = data.dataset.options
        reach = (options.brightness, options.contrast, options.saturation, options.hue)
        self.change = v2.Compose(
            [
                v2.RandomResizedCrop(options.size, options.scale, options.ratio),
                v2.RandomApply([v2.ColorJitter(*reach)], options.jitter_probability),
                v2.RandomGrayscale(options.gray_probability),
                v2.RandomApply([v2.Lambda(self._blur)], options.blur_probability),
                v2.RandomHorizontalFlip(options.flip_probability),
                v2.PILToTensor(),
            ]
        )

    def _blur(self, image: Image.Image) -> Image.Image:
        sigma = float(torch.empty(()).uniform_(*self.data.dataset.options.blur_sigma))
        return image.filter(ImageFilter.GaussianBlur(sigma))

    def __call__(self, draw: Draw) -> tuple[torch.Tensor, torch.Tensor]:
        image = self.data.dataset.image(draw.row)
        with Image.open(io.BytesIO(image.data)) as file:
            whole = file.convert("RGB")
        if image.within is not None:
            left, top, width, height = image.within
            whole = whole.crop((left, top, left + width, top + height))
        return self.change(whole), self.change(whole)


def _show(values: dict[str, dict[str, Any]]) -> None:
    console = Console()
    table = Table("", "image, px", "pairs a second", "torchvision", "faster", box=box.SIMPLE_HEAD, pad_edge=False)
    for name, row in values.items():
        rates = (f"{row[key]:,.0f}" for key in ("pairs_per_s", "torchvision_pairs_per_s"))
        table.add_row(name, "x".join(map(str, row["mean_image_px"])), *rates, f"{row['faster']:.1f}x")
    console.print(table)
    steps = list(next(iter(values.values()))["ms"])
    table = Table("ms of a core", *values, box=box.SIMPLE_HEAD, pad_edge=False)
    for step in steps:
        table.add_row(step, *(f"{row['ms'][step]:.2f}" for row in values.values()))
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
