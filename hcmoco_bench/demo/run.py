"""The demo: generated tree, prepared, verified, published, loaded by `datasets`, pre-trained on, fine-tuned, scored."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hcmoco_bench.demo.page import DemoFigure, DemoScore, DemoStep, write_page
from hcmoco_bench.demo.settings import CLIPS, FINETUNING, FRAMES, MASK_EVERY, PAIR_EVERY, PRETRAINING
from hcmoco_bench.errors import StoreError
from hcmoco_bench.runtime.progress import Progress, no_progress

if TYPE_CHECKING:
    from hcmoco_bench.results.schema import Result

DATASET_NAME = "nturgbd-parsing-4k"
SHEET_ROWS = 6
FEATURE_ROWS = 4
PREDICTION_ROWS = 4

_NAMED = {
    "ratio": "--ratio",
    "backbone": "--backbone",
    "init": "--init",
    "ckpt": "--ckpt",
    "image_size": "--size",
    "batch_size": "--batch-size",
    "epochs": "--epochs",
    "lr": "--lr",
    "precision": "--precision",
}
"""Settings with an option of another name or form, and that option."""

_LOAD = """
import json, sys
from datasets import load_dataset
if any(name.split(".")[0] == "hcmoco_bench" for name in sys.modules):
    raise SystemExit("hcmoco_bench was imported")
splits = load_dataset(sys.argv[1])
row = splits["train"][0]
print(json.dumps({
    "rows": {name: len(split) for name, split in splits.items()},
    "columns": splits["train"].column_names,
    "first": [row["sample_id"], row["rgb"].size, row["depth"].mode, row["parts"].mode],
}))
"""
"""What a user types who has only `datasets`; runs in a process of its own, offline."""


@dataclass(frozen=True)
class DemoReport:
    """What the demo made.

    Attributes:
        page: The page to open.
        sheet: The overlay sheet.
        steps: Each step with the command that does the same, its seconds and its result.
        rows: Rows of each split as `datasets` loaded them.
        scores: Of depth parsing, from scratch and from the pre-trained encoder; empty for too few samples.
    """

    page: Path
    sheet: Path
    steps: tuple[DemoStep, ...]
    rows: dict[str, int]
    scores: tuple[DemoScore, ...] = ()

    @property
    def seconds(self) -> float:
        """Wall-clock seconds of all steps."""
        return sum(step.seconds for step in self.steps)


@dataclass
class _Log:
    steps: list[DemoStep] = field(default_factory=list)

    @contextmanager
    def step(self, name: str, *command: str | Path) -> Iterator[Callable[[str], None]]:
        """Time a step; what the yielded function is told is the step's result."""
        said: list[str] = []
        begin = time.perf_counter()
        yield said.append
        line = shlex.join(map(str, command))
        self.steps.append(DemoStep(name, line, time.perf_counter() - begin, "; ".join(said)))


def run_demo(
    out: Path,
    *,
    clips: int = CLIPS,
    frames: int = FRAMES,
    seed: int = 0,
    workers: int = 1,
    progress: Progress = no_progress,
) -> DemoReport:
    """Run every step on generated people and leave figures and a page.

    Every step can be continued: a demo that was interrupted goes on when it is run again in the same folder.

    Args:
        out: Folder for everything.
        clips: Generated clips; three cameras see each performance.
        frames: Frames of a clip; every second, from the first, has part labels.
        seed: Of the people; the same seed gives the same dataset.
        workers: Processes.
        progress: Told about each step.

    Raises:
        StoreError: If the prepared store fails its checks or the published folder does not load.
    """
    from hcmoco_bench.hub.publish import publish
    from hcmoco_bench.prepare.executors import make_executor
    from hcmoco_bench.prepare.ntu import prepare_ntu
    from hcmoco_bench.prepare.options import check_options
    from hcmoco_bench.prepare.verify import verify_store
    from hcmoco_bench.pretrain.config import make_config
    from hcmoco_bench.pretrain.run import run_pretrain
    from hcmoco_bench.synth.ntu.ntu_tree import TreeOptions, write_tree
    from hcmoco_bench.synth.ntu.tree_plan import plan_clips

    tree, dataset = out / "ntu", out / DATASET_NAME
    stores = {name: out / "stores" / name for name in ("parsing4k", "pretrain")}
    log = _Log()
    tool = "hcmoco-bench"
    sizes = ("--clips", str(clips), "--frames", str(frames), "--mask-every", str(MASK_EVERY), "--seed", str(seed))
    with log.step("generate people as a raw NTU tree", tool, "synth", "ntu", "--out", tree, *sizes) as say:
        plans = plan_clips(clips, seed, n_frames=frames, mask_every=MASK_EVERY)
        write_tree(tree, plans, TreeOptions(seed), workers=workers, progress=progress)
        say(f"{clips} clips, {clips * frames} frames")
    for name, path in stores.items():
        masks = tree if name == "parsing4k" else None
        options = check_options(set=name, align="registered", every=PAIR_EVERY, parts=masks is not None)
        given = ("--every", str(PAIR_EVERY)) if masks is None else ("--annotations", str(masks))
        command = (tool, "prepare", "ntu", "--root", tree, "--set", name, "--align", "registered", "--out", path)
        with log.step(f"prepare {name}", *command, *given) as say:
            executor = make_executor("local", workers=workers)
            prepared = prepare_ntu(
                [tree],
                path,
                options,
                annotations=masks,
                executor=executor,
                calibration_workers=workers,
                progress=progress,
            )
            manifest = prepared.store.manifest
            say(f"{sum(entry.rows for entry in manifest.shards.values())} samples")
            say(f"{sum(manifest.problems.values())} problem lines")
        with log.step(f"verify {name}", tool, "verify", path) as say:
            checked = verify_store(path, workers=workers, progress=progress)
            if not checked.passed:
                raise StoreError(f"{path}: {checked.failures[0].reason}; remove {out} and run the demo again")
            say(f"{checked.rows} rows in {checked.shards} shards are as the manifest says")
    with log.step("publish", tool, "publish", *stores.values(), "--to", dataset) as say:
        published = publish(list(stores.values()), dataset, overwrite=dataset.exists(), progress=progress)
        say(", ".join(published.record.configurations))
    with log.step("load it with nothing but datasets", "python", "-c", "load_dataset(...)") as say:
        progress("load", 0, 1)
        rows = _load_elsewhere(dataset, out / "cache")
        progress("load", 1, 1)
        say(", ".join(f"{name} {count}" for name, count in rows.items()))
    with log.step("pre-train", *_pretrain_command(stores["pretrain"], out / "run")) as say:
        config = make_config(None, {"stores": (str(stores["pretrain"]),), "seed": seed, **PRETRAINING})
        report = run_pretrain(config, out / "run", resume=True, progress=progress)
        say(f"{report.steps} steps")
        say(f"loss {float(report.last['loss']):.2f}")
    store = stores["parsing4k"]
    with log.step("draw", tool, "view", store, "--out", out / "sheet.png", "--frequencies", out / "parts.png") as say:
        figures = _draw(store, out, progress)
        say(", ".join(figure.file for figure in figures))
    checkpoint = out / "run" / "checkpoint.pth"
    features = out / "features.png"
    with log.step("see what was learned", tool, "view", store, "--features", checkpoint, "--out", features) as say:
        figures += _draw_features(checkpoint, store, out, progress)
        say(", ".join(figure.file for figure in figures[-2:]))
    scores = []
    if rows.get("train_20") and rows.get("test"):
        scratch = {name: PRETRAINING[name] for name in ("init", "backbone")}
        for name, start in {"from scratch": scratch, "pre-trained": {"ckpt": str(checkpoint)}}.items():
            folder = out / "finetune" / name.replace(" ", "-")
            with log.step(f"fine-tune {name}", *_finetune_command(store, folder, start)) as say:
                result = _finetune(store, folder, start, name, seed, progress)
                say(f"{result.scores.main} {result.scores.mean:.1f} {result.scores.unit}")
            scores.append(DemoScore(name, result.scores.mean, result.scores.ci95, result.scores.unit))
            sheet = (folder / "result-figures" / "sheet.png").relative_to(out)
            figures.append(DemoFigure(str(sheet), f"Depth parsing, {name}: input, labels, prediction, errors"))
    page = write_page(out, dataset, log.steps, figures, scores)
    return DemoReport(page, out / "sheet.png", tuple(log.steps), rows, tuple(scores))


def _finetune_command(store: Path, folder: Path, start: dict[str, str]) -> tuple[str | Path, ...]:
    place = ("--store", store, "--out", folder)
    return ("hcmoco-bench", "finetune", "--task", "depth_parsing", *_options({**start, **FINETUNING}), *place)


def _finetune(store: Path, folder: Path, start: dict[str, str], name: str, seed: int, progress: Progress) -> Result:
    """The result of depth parsing on a fifth of the labels; made once, read again afterwards."""
    from hcmoco_bench.results.schema import read_result
    from hcmoco_bench.tasks.core.finetune import RESULT_FILE, run_finetune
    from hcmoco_bench.tasks.core.make_settings import make_finetune_settings

    path = folder / RESULT_FILE
    if not path.is_file():
        given = {"stores": (str(store),), "seed": seed, **start, **FINETUNING}
        run_finetune(
            make_finetune_settings("depth_parsing", given),
            folder,
            resume=True,
            name=name,
            progress=lambda label, done, total: progress(f"{name}: {label}", done, total),
            sheet_size=PREDICTION_ROWS,
        )
    return read_result(path)


def _pretrain_command(store: Path, run: Path) -> tuple[str | Path, ...]:
    return ("hcmoco-bench", "pretrain", "--store", store, *_options(PRETRAINING), "--out", run)


def _options(settings: Mapping[str, Any]) -> Iterator[str]:
    """Settings as they are typed; those without an option of their own by `--set`."""
    for name, value in settings.items():
        if name in _NAMED:
            yield from (_NAMED[name], str(value))
        elif value is True:
            yield f"--{name.replace('_', '-')}"
        else:
            yield from ("--set", f"{name}={value if isinstance(value, str) else json.dumps(value)}")


def _load_elsewhere(dataset: Path, cache: Path) -> dict[str, int]:
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(cache), "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    command = [sys.executable, "-I", "-c", _LOAD, str(dataset.resolve())]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StoreError(f"{dataset}: load_dataset failed: {done.stderr.strip().splitlines()[-1]}")
    rows: dict[str, int] = json.loads(done.stdout.splitlines()[-1])["rows"]
    return rows


def _draw_features(checkpoint: Path, store_path: Path, out: Path, progress: Progress) -> list[DemoFigure]:
    from hcmoco_bench.plotting.features import features_figure
    from hcmoco_bench.plotting.save import save_figure
    from hcmoco_bench.prepare.store import Store
    from hcmoco_bench.pretrain.feature_samples import feature_samples
    from hcmoco_bench.training.run_folder import CURVES_FILE

    ids = Store.open(store_path).spread(FEATURE_ROWS)
    save_figure(features_figure(feature_samples(checkpoint, store_path, ids, progress=progress)), out / "features.png")
    return [
        DemoFigure("features.png", "Dense features as colors: the same color in both means the same feature"),
        DemoFigure(f"run/{CURVES_FILE}", "Losses of the pre-training"),
    ]


def _draw(store_path: Path, out: Path, progress: Progress) -> list[DemoFigure]:
    from hcmoco_bench.plotting.overlay_sheet import overlay_sheet
    from hcmoco_bench.plotting.part_frequency import part_frequency
    from hcmoco_bench.plotting.save import save_figure
    from hcmoco_bench.prepare.part_counts import count_parts
    from hcmoco_bench.prepare.sample_arrays import decode_row
    from hcmoco_bench.prepare.store import Store

    store = Store.open(store_path)
    save_figure(
        overlay_sheet([decode_row(store.find(sample_id)) for sample_id in store.spread(SHEET_ROWS)]), out / "sheet.png"
    )
    counts = count_parts(store, progress=progress)
    save_figure(part_frequency(counts.pixels, counts.frames, counts.n_frames), out / "parts.png")
    return [
        DemoFigure("sheet.png", "Prepared samples; the red lines in the last column are the depth's edges"),
        DemoFigure("parts.png", "How often each part is seen"),
    ]
