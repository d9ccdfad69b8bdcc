"""PointNet++ on `depth_parsing` with generated people, at a size that one core trains in minutes.

    python benchmarks/points.py --out work                # data, then three seeds: some 20 minutes of one core
    python benchmarks/points.py --out work --seeds 0      # data that `tasks.py` or this program made is used again

The encoder is `pointnet` with a quarter of its points and of each level's centers: 1,024 points, about as many as a
person has pixels in a crop of 96 px. Radii, neighbors and widths stay. Full size takes five times as long.
"""

from __future__ import annotations

import argparse
import shlex
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from tasks import DATA, EXPERIMENTS, tool

from hcmoco_bench.cli.app import app
from hcmoco_bench.models.encoder import EncoderFactory, register_encoder
from hcmoco_bench.models.pointnet import PUBLISHED_LEVELS, PointNetEncoder
from hcmoco_bench.results.schema import read_result

QUARTER = tuple(replace(level, n_centers=level.n_centers // 4) for level in PUBLISHED_LEVELS)
TRAINING = (
    "--size 96 --batch-size 4 --epochs 5 --lr 0.003 --set optimizer=adam --set framing=person --set "
    "class_weights=none --precision fp32"
)


def main() -> None:
    """Make the data, train, and print the score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for data and runs")
    parser.add_argument("--seeds", default="0,1,2")
    arguments = parser.parse_args()
    console, out = Console(width=120), shlex.quote(str(arguments.out))
    experiment, runs = EXPERIMENTS["depth_parsing"], arguments.out / "runs" / "points"
    for data in experiment.data:
        for line in DATA[data]:
            tool(console, line.format(out=out), threads=1)
    register_encoder("pointnet_quarter", EncoderFactory(lambda size: PointNetEncoder(1024, QUARTER), input="points"))
    line = (
        f"finetune --task depth_parsing {experiment.place.format(out=out)} --init scratch --backbone pointnet_quarter "
        f"{TRAINING} --seeds {arguments.seeds} --sheet 0 --quiet --out {shlex.quote(str(runs))}"
    )
    console.print(f"[dim]hcmoco-bench {line}[/]", highlight=False, soft_wrap=True)
    app(shlex.split(line), standalone_mode=False)
    scores = read_result(runs / "result.json").scores
    low, high = scores.ci95 or (scores.mean, scores.mean)
    seeds = ", ".join(f"{one:.1f}" for one in scores.per_seed)
    console.print(f"{scores.main} {scores.mean:.1f} {scores.unit} ({low:.1f} to {high:.1f}); seeds {seeds}")


if __name__ == "__main__":
    main()
