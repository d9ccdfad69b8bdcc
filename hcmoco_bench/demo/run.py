"""The demo: generated tree, prepared, verified, published, loaded by `datasets`, pre-trained on, fine-tuned, scored."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hcmoco_bench.demo.board import add_row, write_board_page
from hcmoco_bench.demo.commands import FEATURE_SAMPLES, PREDICTION_SAMPLES, SHEET_SAMPLES, DemoCommands, DemoFolders
from hcmoco_bench.demo.page import DemoFigure, DemoPage, DemoScore, DemoStep, write_page
from hcmoco_bench.demo.settings import CLIPS, FRAMES, MASK_EVERY, PAIR_EVERY, RECIPE
from hcmoco_bench.errors import StoreError
from hcmoco_bench.leaderboard.contenders import compare_named
from hcmoco_bench.runtime.progress import Progress, no_progress

if TYPE_CHECKING:
    from hcmoco_bench.leaderboard.ties import PairComparison
    from hcmoco_bench.results.schema import Result

SETS = {"parsing4k": "the frames with part labels", "pretrain": "the frames for pre-training"}
"""The sample sets of the demo, in words."""

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
        scores: Scores of depth parsing, from scratch and from the pre-trained encoder; empty for too few samples.
        comparison: Whether the two differ; None without scores.
    """

    page: Path
    sheet: Path
    steps: tuple[DemoStep, ...]
    rows: dict[str, int]
    scores: tuple[DemoScore, ...] = ()
    comparison: PairComparison | None = None

    @property
    def seconds(self) -> float:
        """Wall-clock seconds of all steps."""
        return sum(step.seconds for step in self.steps)


@dataclass
class _Log:
    steps: list[DemoStep] = field(default_factory=list)

    @contextmanager
    def step(self, name: str, command: str) -> Iterator[Callable[[str], None]]:
        """Time a step; what the yielded function is told is the step's result."""
        said: list[str] = []
        begin = time.perf_counter()
        yield said.append
        self.steps.append(DemoStep(name, command, time.perf_counter() - begin, "; ".join(said)))


def run_demo(
    out: Path,
    *,
    clips: int = CLIPS,
    frames: int = FRAMES,
    seed: int = 0,
    workers: int = 1,
    progress: Progress = no_progress,
) -> DemoReport:
    """Run every step on generated people, and leave figures and a page.

    A demo that was interrupted continues when it is run again in the same folder.

    Args:
        out: Folder for everything.
        clips: Generated clips; three cameras see each performance.
        frames: Frames of a clip; every second, from the first, has part labels.
        seed: Seed of the people and of both trainings; the same seed gives the same dataset.
        workers: Number of processes.
        progress: Told about each step.

    Raises:
        StoreError: If the prepared store fails its checks or the published folder does not load.
    """
    from hcmoco_bench.hub.publish import publish
    from hcmoco_bench.prepare.executors import make_executor
    from hcmoco_bench.prepare.ntu import prepare_ntu
    from hcmoco_bench.prepare.options import check_options
    from hcmoco_bench.pretrain.recipes import make_pretrain_settings
    from hcmoco_bench.pretrain.run import run_pretrain
    from hcmoco_bench.store.verify import verify_store
    from hcmoco_bench.synth.ntu.ntu_tree import TreeOptions, write_tree
    from hcmoco_bench.synth.ntu.tree_plan import plan_clips
    from hcmoco_bench.training.run_files import MODEL_FILE, RESULT_FILE, seed_folder
    from hcmoco_bench.training.run_folder import CURVES_FILE

    folders = DemoFolders(out)
    tree, dataset = folders.tree, folders.dataset
    stores = {name: folders.store(name) for name in ("parsing4k", "pretrain")}
    commands = DemoCommands(folders, seed)
    log = _Log()
    with log.step("Generate people as a raw NTU RGB+D tree", commands.synth(clips=clips, frames=frames)) as say:
        plans = plan_clips(clips, seed, n_frames=frames, mask_every=MASK_EVERY)
        write_tree(tree, plans, TreeOptions(seed), workers=workers, progress=progress)
        say(f"{clips} clips, {clips * frames} frames")
    for name, path in stores.items():
        masks = tree if name == "parsing4k" else None
        options = check_options(set=name, align="registered", every=PAIR_EVERY, parts=masks is not None)
        with log.step(f"Prepare {SETS[name]}", commands.prepare(name)) as say:
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
        with log.step(f"Verify {SETS[name]}", commands.verify(name)) as say:
            checked = verify_store(path, workers=workers, progress=progress)
            if not checked.passed:
                raise StoreError(f"{path}: {checked.failures[0].reason}; remove {out} and run the demo again")
            say(f"{checked.rows} rows in {checked.shards} shards are as the manifest says")
    with log.step("Publish both as one dataset", commands.publish(*stores)) as say:
        published = publish(list(stores.values()), dataset, overwrite=dataset.exists(), progress=progress)
        say(", ".join(published.record.configurations))
    with log.step("Load it with nothing but the library datasets", commands.load()) as say:
        progress("load", 0, 1)
        rows = _load_elsewhere(dataset, out / "cache")
        progress("load", 1, 1)
        say(", ".join(f"{name} {count}" for name, count in rows.items()))
    with log.step("Pre-train the encoders", commands.pretrain()) as say:
        settings = make_pretrain_settings(RECIPE, {"stores": [str(stores["pretrain"])], "seed": seed})
        report = run_pretrain(settings, folders.run, resume=True, progress=progress)
        say(f"{report.steps} steps")
        say(f"loss {float(report.last['loss']):.2f}")
    store = stores["parsing4k"]
    with log.step("Draw the samples", commands.view()) as say:
        sheet, parts = _draw(store, out, progress)
        say(f"{sheet.file}, {parts.file}")
    checkpoint = report.checkpoint
    with log.step("Draw what the encoders learned", commands.features(checkpoint)) as say:
        features = _draw_features(checkpoint, store, out, progress)
        say(features.file)
    scores, closing = [], []
    leaderboard: Path | None = None
    starts: dict[str, Path | None] = {"from scratch": None, "pre-trained": checkpoint}
    comparison = None
    if rows.get("train_20") and rows.get("test"):
        for name, start in starts.items():
            folder = folders.finetuning(name)
            with log.step(f"Fine-tune on depth parsing, {name}", commands.finetune(name, start)) as say:
                result = _finetune(store, folder, start, name, seed, progress)
                say(f"{result.scores.main} {result.scores.mean:.1f} {result.scores.unit}")
            scores.append(DemoScore(name, result.scores.mean, result.scores.ci95, result.scores.unit))
            drawn = (folder / "result-figures" / "sheet.png").relative_to(out)
            closing.append(
                DemoFigure(drawn.as_posix(), f"Depth parsing, {name}", "Input, labels, prediction and errors.")
            )
            files = folder / RESULT_FILE, seed_folder(folder, seed) / MODEL_FILE
            with log.step(f"Check the result and add it to a leaderboard, {name}", commands.add_row(*files)) as say:
                row = add_row(folders, *files, progress)
                say(f"level {row.level.word}")
        results = [folders.finetuning(name) / RESULT_FILE for name in ("pre-trained", "from scratch")]
        (comparison,) = compare_named(list(map(str, results)))
        with log.step("Write the leaderboard's page", commands.board_page()) as say:
            leaderboard = write_board_page(folders, progress)
            say(leaderboard.relative_to(out).as_posix())
    curves = DemoFigure(
        f"{folders.run.name}/{CURVES_FILE}",
        "Losses of the pre-training",
        "Each term of the loss over the training steps.",
    )
    page = DemoPage(
        opening=(sheet, features),
        closing=(*closing, curves, parts),
        steps=log.steps,
        folder=Path.cwd(),
        by_hand=folders.by_hand.out,
        scores=scores,
        comparison=comparison,
        leaderboard="" if leaderboard is None else leaderboard.relative_to(out).as_posix(),
    )
    written = write_page(out, page)
    return DemoReport(written, out / sheet.file, tuple(log.steps), rows, tuple(scores), comparison)


def _finetune(store: Path, folder: Path, start: Path | None, name: str, seed: int, progress: Progress) -> Result:
    """The result of depth parsing on a fifth of the labels; made once, read again afterwards."""
    from hcmoco_bench.results.schema import read_result
    from hcmoco_bench.tasks.core.finetune import run_finetune
    from hcmoco_bench.tasks.core.make_settings import make_finetune_settings
    from hcmoco_bench.training.run_files import RESULT_FILE

    path = folder / RESULT_FILE
    if not path.is_file():
        given = {"stores": [str(store)], "seed": seed, "ckpt": None if start is None else str(start)}
        run_finetune(
            make_finetune_settings(None, given, recipe=RECIPE),
            folder,
            resume=True,
            name=name,
            progress=lambda label, done, total: progress(f"{name}: {label}", done, total),
            sheet_size=PREDICTION_SAMPLES,
        )
    return read_result(path)


def _load_elsewhere(dataset: Path, cache: Path) -> dict[str, int]:
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(cache), "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    command = [sys.executable, "-I", "-c", _LOAD, str(dataset.resolve())]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StoreError(f"{dataset}: load_dataset failed: {done.stderr.strip().splitlines()[-1]}")
    rows: dict[str, int] = json.loads(done.stdout.splitlines()[-1])["rows"]
    return rows


def _draw_features(checkpoint: Path, store_path: Path, out: Path, progress: Progress) -> DemoFigure:
    from hcmoco_bench.plotting.features import features_figure
    from hcmoco_bench.plotting.save import save_figure
    from hcmoco_bench.pretrain.feature_samples import feature_samples
    from hcmoco_bench.store.registry import open_store

    ids = open_store(store_path).spread(FEATURE_SAMPLES)
    save_figure(features_figure(feature_samples(checkpoint, store_path, ids, progress=progress)), out / "features.png")
    return DemoFigure(
        "features.png",
        "What the encoders learned before they saw part labels",
        "Dense features drawn as colors. Equal colors mean similar features, also between the image and the depth.",
    )


def _draw(store_path: Path, out: Path, progress: Progress) -> tuple[DemoFigure, DemoFigure]:
    """Draw the sheet of samples and the frequency of the parts."""
    from hcmoco_bench.plotting.overlay_sheet import overlay_sheet
    from hcmoco_bench.plotting.part_frequency import part_frequency
    from hcmoco_bench.plotting.save import save_figure
    from hcmoco_bench.store.arrays.samples import decode_row
    from hcmoco_bench.store.part_counts import count_parts
    from hcmoco_bench.store.registry import open_store

    store = open_store(store_path)
    sheet = DemoFigure(
        "sheet.png",
        "The prepared samples",
        "Color, depth, skeleton and body parts in one pixel grid. Red lines in the last column are the edges of the "
        "depth: where they follow the person in the color image, both are aligned.",
    )
    rows = [decode_row(store.find(sample_id)) for sample_id in store.spread(SHEET_SAMPLES)]
    save_figure(overlay_sheet(rows), out / sheet.file)
    parts = DemoFigure("parts.png", "The body parts", "How often each part is seen, in frames and in pixels.")
    counts = count_parts(store, progress=progress)
    save_figure(part_frequency(counts.pixels, counts.frames, counts.n_frames), out / parts.file)
    return sheet, parts
