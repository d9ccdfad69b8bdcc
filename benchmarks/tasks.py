"""The downstream tasks on generated people: trained by the command line until they work, then scored once more.

    python benchmarks/tasks.py                                  # all of them: some 75 minutes of one core
    python benchmarks/tasks.py itop_pose densepose --out work   # some of them; what was generated in work is used again

For each task, the commands that make its data and train it, as a user would type them; then `eval` of the checkpoint.
Exit code 1 if a score's 95 % interval reaches down to chance, or if `eval` gives any other figure, or evidence, than
the training's last evaluation.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich import box
from rich.console import Console
from rich.table import Table
from torch import nn

from hcmoco_bench.errors import UsageError
from hcmoco_bench.results.schema import Result, read_result
from hcmoco_bench.tasks.core.evaluate import evaluate_model
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings
from hcmoco_bench.tasks.core.registry import get_task, task_names
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.core.task import Task
from hcmoco_bench.tasks.itop_pose.task import mean_pose as mean_of_itop
from hcmoco_bench.tasks.pose2d.mean_pose import mean_pose as mean_of_coco
from hcmoco_bench.tasks.pose2d.settings import Pose2dSettings
from hcmoco_bench.tasks.pose3d.task import mean_pose as mean_of_human36m
from hcmoco_bench.tasks.shape.references import mean_body

TOOL = (sys.executable, "-m", "hcmoco_bench.cli.app")

DATA = {
    "labeled": (
        "synth ntu --out {out}/people --clips 150 --frames 4 --mask-every 3 --seed 1",
        "prepare ntu --root {out}/people --lists {out}/people/lists --annotations {out}/people --out {out}/labeled",
    ),
    "pairs": (
        "synth ntu --out {out}/others --clips 180 --frames 6 --seed 3",
        "prepare ntu --root {out}/others --set pretrain --every 2 --out {out}/pairs",
    ),
    "itop": ("synth itop --out {out}/itop --clips 60 --frames 24 --seed 1",),
    "densepose": ("synth densepose --out {out}/densepose --images 260 --long-side 192",),
    "photographs": (
        "synth coco --out {out}/raw-coco --images 800 --seed 1 --long-side 160",
        "prepare coco --root {out}/raw-coco --out {out}/coco",
    ),
    "human36m": (
        "synth human36m --out {out}/raw-human36m --clips 224 --frames 21 --width 128 --seed 1",
        "prepare human36m --root {out}/raw-human36m --every 5 --out {out}/human36m",
    ),
    "bodies": ("synth shape --out {out}/bodies --clips 400 --images 4 --long-side 192 --seed 1",),
}
"""Commands that make each data set; all can be given again."""

PARSING_CHANCE = 3.9
"""mIoU of everything background, the commonest class: its IoU over 25 classes."""

SHORT = "--init scratch --backbone hrnet_w18_small"
DENSEPOSE_SIZES = (
    "--set pooling=average --set width=64 --set levels=3 --set box_width=256 --set decoder_width=64 --set "
    "convolutions=3 --set head_width=64 --set pooled=14 --set boxes_per_picture=64 --set regions_per_picture=12 --set "
    "proposals_before=[300,150] --set proposals_after=[100,50]"
)
SHARED_EMBEDDING = (
    "--size 64 --batch-size 16 --epochs 20 --lr 0.001 --precision fp32 --channels-last --set optimizer=adam --set "
    "crops=person --set class_weights=none --set negatives=512 --set points=100 --set eval_batch_size=25"
)


@dataclass(frozen=True)
class Experiment:
    """A task, what it is trained on, and how.

    Attributes:
        place: Where its data is, as options of `finetune` and `eval`.
        data: Keys of `DATA`.
        training: Further options of `finetune`.
        chance: Its main score without any skill, or what measures that.
        start: Options of `finetune` that say what the training starts from, unless a recipe does.
    """

    place: str
    data: tuple[str, ...]
    training: str
    chance: float | Callable[[str, Experiment, Path], float]
    start: str = SHORT


def mean_joints(name: str, experiment: Experiment, out: Path) -> float:
    """Main score of the mean pose of the training crops in every test crop."""
    task, config = get_task(name), settings_of(name, experiment, out)
    train = task.open_data(config, "train", train=False)
    model = mean_of_coco(train, config) if isinstance(config, Pose2dSettings) else mean_of_itop(train)
    return evaluated(task, config, model)


def mean_skeleton(name: str, experiment: Experiment, out: Path) -> float:
    """Main score of the mean pose of the training people, about the root, for every test frame."""
    task, config = get_task(name), settings_of(name, experiment, out)
    pose = mean_of_human36m(task.open_data(config, "train", train=False))
    test = task.open_data(config, task.test_split(config), train=False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mean.npz"
        np.savez(path, ids=np.array(test.ids), joints=np.broadcast_to(pose, (len(test), *pose.shape)))
        found = task.score_predictions(path, test, config)
    return float(found.scores[task.record.main_score_of(config.protocol)])


def mean_shape(name: str, experiment: Experiment, out: Path) -> float:
    """Main score of the mean body of the training people for every test image."""
    task, config = get_task(name), settings_of(name, experiment, out)
    return evaluated(task, config, mean_body(task.open_data(config, "train", train=False)))


def settings_of(name: str, experiment: Experiment, out: Path) -> FinetuneSettings:
    """The settings that say how the data of an experiment is cut and scored."""
    words = shlex.split(experiment.place.format(out=shlex.quote(str(out))))
    place = {"stores": (words[1],)} if words[0] == "--store" else {"root": words[1]}
    options = shlex.split(experiment.training)
    recipe = options[options.index("--config") + 1] if "--config" in options else None
    size = {"image_size": int(options[options.index("--size") + 1])} if "--size" in options else {}
    return make_finetune_settings(name, {**place, **size, "init": "scratch"}, recipe=recipe)


def evaluated(task: Task[Any], config: FinetuneSettings, model: nn.Module) -> float:
    """Main score of a model on the test split."""
    data = task.open_data(config, task.test_split(config), train=False)
    found = evaluate_model(task, model, data, config, torch.device("cpu"))
    return float(found.scores[task.record.main_score_of(config.protocol)])


EXPERIMENTS = {
    "depth_parsing": Experiment(
        "--store {out}/labeled",
        ("labeled",),
        "--size 96 --batch-size 8 --epochs 40 --lr 0.003 --set optimizer=adam --set framing=person --set "
        "class_weights=none --precision bf16 --channels-last",
        PARSING_CHANCE,
    ),
    "rgb_parsing": Experiment(
        "--store {out}/labeled",
        ("labeled",),
        "--size 192 --batch-size 8 --epochs 50 --lr 0.001 --set optimizer=adam --set class_weights=none --precision "
        "bf16 --channels-last",
        PARSING_CHANCE,
    ),
    "itop_pose": Experiment(
        "--root {out}/itop",
        ("itop",),
        "--size 64 --batch-size 16 --epochs 14 --lr 0.002 --set head_width=32 --set augmentation=0.4 --set "
        "schedule=cosine --set warmup_epochs=0.5",
        mean_joints,
    ),
    "densepose": Experiment(
        "--root {out}/densepose",
        ("densepose",),
        "--size 96 --batch-size 4 --epochs 24 --lr 0.001 --set optimizer=adam --set schedule=cosine --set "
        f"weight_decay=1e-5 --set clip=5 {DENSEPOSE_SIZES}",
        0.0,
    ),
    "cross_modality": Experiment(
        "--store {out}/labeled --store {out}/pairs", ("labeled", "pairs"), SHARED_EMBEDDING, PARSING_CHANCE
    ),
    "missing_modality": Experiment(
        "--store {out}/labeled --store {out}/pairs", ("labeled", "pairs"), SHARED_EMBEDDING, PARSING_CHANCE
    ),
    "pose2d": Experiment("--store {out}/coco", ("photographs",), "--config pose2d-small", mean_joints, start=""),
    "pose3d": Experiment("--store {out}/human36m", ("human36m",), "--config pose3d-small", mean_skeleton, start=""),
    "shape": Experiment("--root {out}/bodies", ("bodies",), "--config shape-small", mean_shape, start=""),
}


@dataclass(frozen=True)
class Trained:
    """What came of an experiment.

    Attributes:
        result: Of the training's last evaluation.
        again: Of `eval` of its checkpoint.
        chance: Main score without any skill.
        seconds: Processor time of the training with its evaluation.
    """

    result: Result
    again: Result
    chance: float
    seconds: float

    @property
    def same(self) -> bool:
        """Whether both evaluations gave the same figures and the same evidence, to the last bit."""
        evidence = [[entry.sha256 for entry in one.evidence] for one in (self.result, self.again)]
        return self.result.scores == self.again.scores and evidence[0] == evidence[1]

    @property
    def works(self) -> bool:
        """Whether the score is better than chance beyond doubt."""
        scores = self.result.scores
        low, high = scores.ci95 or (scores.mean, scores.mean)
        better = get_task(self.result.task.id).record.higher_is_better
        return low > self.chance if better else high < self.chance


def tool(console: Console, line: str, threads: int) -> float:
    """Run a command of the tool; returns the processor seconds that it took."""
    console.print(f"[dim]hcmoco-bench {line}[/]", highlight=False, soft_wrap=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    done = subprocess.run([*TOOL, *shlex.split(line), "--quiet"], env=environment, stdout=subprocess.DEVNULL)
    if done.returncode:
        sys.exit(f"exit code {done.returncode}; the command is the last one above")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def run(name: str, out: Path, threads: int, console: Console) -> Trained:
    """Make the data of a task, train, and score the checkpoint again."""
    experiment, folder = EXPERIMENTS[name], out / "runs" / name
    if folder.exists():
        raise UsageError(f"{folder}: there is a run already; delete it, or choose another --out")
    console.rule(name)
    where = experiment.place.format(out=shlex.quote(str(out)))
    for data in experiment.data:
        for line in DATA[data]:
            tool(console, line.format(out=shlex.quote(str(out))), threads)
    place = shlex.quote(str(folder))
    seconds = tool(
        console, f"finetune --task {name} {where} {experiment.start} {experiment.training} --out {place}", threads
    )
    again = folder / "again.json"
    checkpoint = shlex.quote(str(folder / "seed-0" / "model.pth"))
    tool(console, f"eval --task {name} {where} --ckpt {checkpoint} --out {shlex.quote(str(again))}", threads)
    level = experiment.chance
    chance = level(name, experiment, out) if callable(level) else level
    return Trained(read_result(folder / "result.json"), read_result(again), chance, seconds)


def score_table(found: dict[str, Trained]) -> Table:
    """One line a task."""
    table = Table(title="Tasks on generated people", box=box.SIMPLE)
    for heading in ("task", "score", "95 %", "chance", "scored", "processor time", "eval of the checkpoint"):
        table.add_column(heading, justify="left" if heading == "task" else "right")
    for name, one in found.items():
        scores = one.result.scores
        low, high = scores.ci95 or (scores.mean, scores.mean)
        table.add_row(
            name,
            f"{scores.main} {scores.mean:.1f} {scores.unit}",
            f"{low:.1f} to {high:.1f}",
            f"{one.chance:.1f}",
            f"{one.result.data.n_scored:,}",
            f"{one.seconds:.0f} s",
            "the same" if one.same else "DIFFERS",
        )
    return table


def main() -> None:
    """Run the experiments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", choices=[*task_names(), []], default=[], help="all, if none is given")
    parser.add_argument("--out", type=Path, help="folder for data and runs; otherwise they are thrown away")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    arguments = parser.parse_args()
    console = Console(width=120)
    with tempfile.TemporaryDirectory() as name:
        out: Path = arguments.out or Path(name)
        found = {task: run(task, out, arguments.threads, console) for task in arguments.tasks or task_names()}
    console.print(score_table(found))
    if arguments.json:
        lines = {
            task: {"scores": one.result.scores.all, "chance": one.chance, "seconds": one.seconds, "same": one.same}
            for task, one in found.items()
        }
        arguments.json.write_text(json.dumps(lines, indent=2))
    met = all(one.same and one.works for one in found.values())
    console.print(f"Goals {'met' if met else 'MISSED'}.")
    sys.exit(not met)


if __name__ == "__main__":
    main()
