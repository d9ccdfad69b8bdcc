"""Scoring a model, a checkpoint, or another program's predictions."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hcmoco_bench.errors import DataError
from hcmoco_bench.models.weights import load_weights
from hcmoco_bench.results.schema import ModelEntry
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.runtime.ranks import broadcast_buffers
from hcmoco_bench.tasks.core.checkpoints import TaskCheckpoint
from hcmoco_bench.tasks.core.data_notes import data_notes
from hcmoco_bench.tasks.core.plausibility import AS_GIVEN_NOTE
from hcmoco_bench.tasks.core.provenance import run_entry, training_entry
from hcmoco_bench.tasks.core.registry import get_task
from hcmoco_bench.tasks.core.result import BOOTSTRAP, Writing, check_free, write_evaluations
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.core.task import Evaluation, Task
from hcmoco_bench.tasks.core.task_data import TaskData
from hcmoco_bench.training.device import make_accelerator
from hcmoco_bench.training.library_errors import library_errors


@dataclass(frozen=True)
class EvalReport:
    """What an evaluation gave.

    Attributes:
        evaluation: Scores and evidence.
        seconds: Duration of scoring, without opening the data.
        written: The result; None if none was asked for, and in all processes but the main one.
        notes: What a reader should know about the data; the result says it too.
    """

    evaluation: Evaluation
    seconds: float
    written: Writing | None
    notes: tuple[str, ...] = ()


def evaluate_model(
    task: str | Task[Any],
    model: nn.Module,
    data: TaskData,
    config: FinetuneSettings,
    device: torch.device,
    *,
    progress: Progress = no_progress,
    sheet_size: int = 0,
    choosing: bool = False,
) -> Evaluation:
    """Score a model on its device; every process scores with the main process's statistics.

    The model is left in evaluation mode.

    Args:
        task: Name of the task, or the task.
        model: The model.
        data: The split, opened with `train=False`.
        config: The settings; their protocol says how to score.
        device: Device of the model.
        progress: Told how many samples are done and how many there are.
        sheet_size: Number of samples on the prediction sheet.
        choosing: Score by the rules with which the protocol compares epochs; without progress and sheet.

    Raises:
        DataError: If the split has no sample (`nothing_scored`), or an output is not finite.
        TrainingError: If memory ran out, or a loading process died.
    """
    chosen = get_task(task)
    if not len(data):
        raise DataError(f"{data.name}: split {data.split} has no sample to score", kind="nothing_scored")
    model.eval()
    broadcast_buffers(model)
    with library_errors(), torch.inference_mode():
        if choosing:
            return chosen.evaluate_epoch(model, data, config, device=device)
        return chosen.evaluate(model, data, config, device=device, progress=progress, sheet_size=sheet_size)


def speed_up(model: nn.Module, config: FinetuneSettings) -> None:
    """Apply the memory layout and the compilation that the settings ask for."""
    if config.channels_last:
        model.to(memory_format=torch.channels_last)
    if config.compile:
        model.compile()


def evaluate_checkpoint(
    task: str | Task[Any],
    checkpoint: TaskCheckpoint,
    config: FinetuneSettings,
    *,
    split: str | None = None,
    out: Path | None = None,
    name: str = "",
    command: str | None = None,
    progress: Progress = no_progress,
    sheet_size: int = 0,
    bootstrap: int = BOOTSTRAP,
) -> EvalReport:
    """Score a fine-tuned model, of this tool or of another program.

    Args:
        task: Name of the task, or the task.
        checkpoint: The model.
        config: Its settings, as `scoring_settings` gives them.
        split: The split to score; None for the task's test split.
        out: The result file; None for none.
        name: Name of the model in the result; empty for the file's.
        command: The command line as it was typed.
        progress: Told how many samples are done and how many there are.
        sheet_size: Number of samples on the prediction sheet.
        bootstrap: Number of draws of the interval; 0 for no interval.

    Raises:
        UsageError: If the result file exists, or there is no such split.
        StoreError: If a store is missing.
        DataError: If the weights do not fit, or the split cannot be scored.
    """
    chosen = get_task(task)
    if out is not None:
        check_free(out)
    accelerator = make_accelerator(Path())
    data = chosen.open_data(config, split or chosen.test_split(config), train=False)
    about_data = [] if checkpoint.origin is not None else data_notes(checkpoint.data, config, data)
    model = chosen.build_model(config, fresh=False)
    load_weights(model, checkpoint.model, file=str(checkpoint.path))
    model.to(accelerator.device)
    speed_up(model, config)
    started = time.perf_counter()
    evaluation = evaluate_model(
        chosen, model, data, config, accelerator.device, progress=progress, sheet_size=sheet_size if out else 0
    )
    seconds = time.perf_counter() - started
    written = None
    if out is not None and accelerator.is_main_process:
        written = write_evaluations(
            out,
            chosen,
            data,
            config.protocol,
            [evaluation],
            model=ModelEntry(
                name=name or checkpoint.path.stem,
                backbone=config.backbone,
                weights_sha256=checkpoint.sha256,
                pretrain=checkpoint.pretrain,
                training=training_entry(chosen, checkpoint.config) if checkpoint.origin is None else None,
            ),
            variant=chosen.variant(config),
            run=run_entry(
                checkpoint.config if checkpoint.origin is None else None,
                seeds=(config.seed,) if checkpoint.origin is None else (),
                device=accelerator.device,
                command=command,
                scoring=config,
            ),
            notes=[
                *([] if checkpoint.origin is None else [checkpoint.origin]),
                *chosen.notes(config, own=checkpoint.origin is None),
                *chosen_note(checkpoint.chosen_on),
                *about_data,
            ],
            bootstrap=bootstrap,
        )
    return EvalReport(evaluation, seconds, written, tuple(about_data))


def evaluate_predictions(
    task: str | Task[Any],
    path: Path,
    config: FinetuneSettings,
    *,
    split: str | None = None,
    out: Path | None = None,
    name: str = "",
    command: str | None = None,
    progress: Progress = no_progress,
    sheet_size: int = 0,
    bootstrap: int = BOOTSTRAP,
    as_given: bool = False,
) -> EvalReport:
    """Score another program's predictions; see `evaluate_checkpoint` for the arguments.

    Predictions that look like another unit, other axes or other classes are refused; `as_given` insists on scoring
    them, and the result says so.

    Raises:
        UsageError: If the result file exists, or there is no such split.
        DataError: If the predictions are not those of the whole split, or damaged, or look like something else than
            the task documents (`predictions_implausible`).
    """
    chosen = get_task(task)
    if out is not None:
        check_free(out)
    data = chosen.open_data(config, split or chosen.test_split(config), train=False)
    started = time.perf_counter()
    if not as_given:
        chosen.check_predictions(path, data, config)
    evaluation = chosen.score_predictions(path, data, config, progress=progress, sheet_size=sheet_size if out else 0)
    seconds = time.perf_counter() - started
    written = None
    if out is not None:
        written = write_evaluations(
            out,
            chosen,
            data,
            config.protocol,
            [evaluation],
            model=ModelEntry(name=name or path.stem),
            variant=chosen.variant(config, own=False),
            run=run_entry(None, seeds=(), device=None, command=command),
            notes=[*chosen.notes(config, own=False), *([AS_GIVEN_NOTE] if as_given else [])],
            bootstrap=bootstrap,
        )
    return EvalReport(evaluation, seconds, written)


def chosen_note(chosen_on: str) -> list[str]:
    """What readers of a result should know about how the epoch was chosen."""
    if chosen_on == "test":
        return ["the epoch was chosen on the test split: a leak"]
    return ["the epoch was chosen on a share of the training data"] if chosen_on == "validation" else []
