"""Fine-tuning: from settings to trained models of one or several seeds, their scores, and one result."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from hcmoco_bench.data.data_record import DataRecord, record_stores
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.files.lock import folder_lock
from hcmoco_bench.models.weights import load_weights
from hcmoco_bench.plotting.curves import loss_curves
from hcmoco_bench.plotting.save import save_figure
from hcmoco_bench.results.schema import ModelEntry, PretrainEntry
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.runtime.settings import Bookkeeping
from hcmoco_bench.tasks.core.batches import hold_out, training_batches
from hcmoco_bench.tasks.core.best_checkpoint import BEST_FILE, BestCheckpoint
from hcmoco_bench.tasks.core.checkpoints import KIND, checkpoint_config
from hcmoco_bench.tasks.core.evaluate import chosen_note, evaluate_model, speed_up
from hcmoco_bench.tasks.core.model_version import check_model_version
from hcmoco_bench.tasks.core.provenance import run_entry, training_entry
from hcmoco_bench.tasks.core.read_settings import read_finetune_settings
from hcmoco_bench.tasks.core.registry import get_task
from hcmoco_bench.tasks.core.result import BOOTSTRAP, Writing, write_evaluations
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.core.starting_point import starting_point
from hcmoco_bench.tasks.core.task import Evaluation, Task
from hcmoco_bench.tasks.core.task_data import TaskData
from hcmoco_bench.training.batch_norm import share_batch_statistics
from hcmoco_bench.training.checkpoint import load_checkpoint, save_checkpoint
from hcmoco_bench.training.device import make_accelerator
from hcmoco_bench.training.loop import TrainingLoop
from hcmoco_bench.training.loss_table import read_losses
from hcmoco_bench.training.precision import with_precision
from hcmoco_bench.training.random_state import own_randomness
from hcmoco_bench.training.run_files import CONFIG_FILE, LOSSES_FILE, MODEL_FILE, RESULT_FILE, seed_folder
from hcmoco_bench.training.run_folder import (
    CURVES_FILE,
    last_state,
    make_folder,
    prepare_folder,
    resuming_notes,
)
from hcmoco_bench.training.trackers import Trackers


@dataclass(frozen=True)
class SeedRun:
    """The training with one seed.

    Attributes:
        seed: The seed.
        folder: Folder of the training.
        model: File with the weights that count; None if the training was interrupted.
        steps: Optimizer steps done, over all calls.
        total_steps: Steps of the whole training.
        samples: Samples seen in this call.
        seconds: Duration of the training in this call.
        eval_seconds: Duration of the last evaluation.
        interrupted: Whether a signal stopped it.
        evaluation: Scores on the test split; None if the training was interrupted.
        notes: What a user should know of the training that was resumed.
    """

    seed: int
    folder: Path
    model: Path | None
    steps: int
    total_steps: int
    samples: int
    seconds: float
    eval_seconds: float
    interrupted: bool
    evaluation: Evaluation | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class FinetuneReport:
    """What `run_finetune` left.

    Attributes:
        folder: Folder of everything.
        runs: The training of each seed; the last one may have been interrupted.
        written: The result; None if a training was interrupted, and in all processes but the main one.
    """

    folder: Path
    runs: tuple[SeedRun, ...]
    written: Writing | None

    @property
    def interrupted(self) -> bool:
        """Whether a signal stopped it."""
        return self.runs[-1].interrupted


def saved_settings(out: Path) -> FinetuneSettings:
    """The settings of the runs in a folder, of their task's own type; raises UsageError if there are none."""
    for path in sorted(out.glob(f"seed-*/{CONFIG_FILE}")):
        return read_finetune_settings(path)
    raise UsageError(f"{out}: there is no run to resume; leave --resume out to start one")


def run_finetune(
    config: FinetuneSettings,
    out: Path,
    *,
    task: str | Task[Any] | None = None,
    seeds: Sequence[int] | None = None,
    resume: bool = False,
    name: str = "",
    command: str | None = None,
    progress: Progress = no_progress,
    sheet_size: int = 8,
    bootstrap: int = BOOTSTRAP,
) -> FinetuneReport:
    """Fine-tune once for each seed and score; to be called in every process of `accelerate launch` or `torchrun`.

    Args:
        config: The settings, of the task's own type; the same in every process.
        out: Folder of everything: one folder for each seed, `result.json`, evidence and images.
        task: The task; None for the one that `config.task` names.
        seeds: Seeds in place of `config.seed`, one training each; None for that one.
        resume: Continue what is in `out`; starts anew if there is nothing.
        name: Name of the model in the result; empty for the folder's.
        command: The command line as it was typed.
        progress: Told how many samples are done and how many there are; give it to the main process alone.
        sheet_size: Number of samples on the prediction sheet of the first seed.
        bootstrap: Number of draws of the interval; 0 for no interval.

    Raises:
        UsageError: If settings contradict each other, the data, or the run that is resumed; if the data of that run has
            changed since; if `out` has a result.
        StoreError: If a store is missing, or the folder is in use or cannot be written.
        DataError: If a checkpoint, weights or samples cannot be used.
        TrainingError: If a loss is not finite.
    """
    seeds = tuple(seeds) if seeds else (config.seed,)
    if len(set(seeds)) != len(seeds):
        raise UsageError(f"seeds {', '.join(map(str, seeds))}: give each only once")
    chosen = get_task(config.task if task is None else task)
    if chosen.record.id != config.task:
        raise UsageError(f"these are settings of {config.task}, not of {chosen.record.id}; make them for this task")
    chosen.check(config)
    if config.choose == "best" and not config.validation_share and not chosen.protocol(config).chooses_on_test:
        raise UsageError(
            f"choose = best needs a validation_share of the training data to choose on, e.g. 0.1: the protocol "
            f"{config.protocol} of {config.task} does not choose on the test split"
        )
    result = out / RESULT_FILE
    if result.exists():
        raise UsageError(f"{result}: these runs are finished; give another --out, or score again with eval")
    accelerator = make_accelerator(out)
    config = with_precision(config, accelerator.device)
    start = starting_point(config)
    runs: list[SeedRun] = []
    for number, seed in enumerate(seeds):
        run = _train(
            chosen,
            config.model_copy(update={"seed": seed}),
            seed_folder(out, seed),
            start.entry,
            resume=resume,
            progress=progress,
            sheet_size=sheet_size if number == 0 else 0,
        )
        runs.append(run)
        if run.interrupted:
            return FinetuneReport(out, tuple(runs), None)
    written = None
    if accelerator.is_main_process:
        entry = ModelEntry(
            name=name or out.name,
            backbone=config.backbone,
            weights_sha256=None if runs[0].model is None else file_sha256(runs[0].model),
            pretrain=start.entry,
            training=training_entry(chosen, config),
        )
        written = _write(chosen, config, result, runs, entry, start.notes, accelerator.device, command, bootstrap)
    return FinetuneReport(out, tuple(runs), written)


def _train(
    task: Task[Any],
    config: FinetuneSettings,
    folder: Path,
    pretrain: PretrainEntry,
    *,
    resume: bool,
    progress: Progress,
    sheet_size: int,
) -> SeedRun:
    accelerator = make_accelerator(folder, config.trackers)
    train, choice = _training_data(task, config)
    test = task.open_data(config, task.test_split(config), train=False)
    record = DataRecord(
        stores=record_stores(config.stores), samples={data.split: data.record for data in (test, train)}
    )
    with ExitStack() as stack:
        if accelerator.is_main_process:
            make_folder(folder)
            stack.enter_context(folder_lock(folder))
            path = folder / CONFIG_FILE
            prepare_folder(
                folder,
                config.to_dict(),
                record,
                before=read_finetune_settings(path).to_dict() if path.is_file() else None,
                resume=resume,
                free_to_change=config.marked(Bookkeeping),
            )
        accelerator.wait_for_everyone()
        stack.enter_context(own_randomness(config.seed, accelerator.device))
        state = last_state(folder, record) if resume else None
        if state is not None:
            check_model_version(task.record, state["config"], str(folder))
        loop = _make_loop(task, config, folder, accelerator, train, record, pretrain, state)
        stack.callback(loop.trackers.close)
        chooser = BestCheckpoint(task, config, choice or test, loop) if config.choose == "best" else None
        first, started = loop.position.step, time.perf_counter()
        loop.run(
            batch_size=config.batch_size,
            progress=progress,
            at_epoch_end=(lambda epoch: None) if chooser is None else chooser.at_epoch_end,
        )
        seconds = time.perf_counter() - started
        evaluation, eval_seconds = None, 0.0
        if not loop.interrupted:
            model = _final_model(loop, first < loop.position.step, folder)
            accelerator.wait_for_everyone()
            started = time.perf_counter()
            evaluation = evaluate_model(
                task, model, test, config, accelerator.device, progress=progress, sheet_size=sheet_size
            )
            eval_seconds = time.perf_counter() - started
            if accelerator.is_main_process:
                save_figure(loss_curves(read_losses(folder / LOSSES_FILE)), folder / CURVES_FILE)
        return SeedRun(
            seed=config.seed,
            folder=folder,
            model=None if loop.interrupted else folder / MODEL_FILE,
            steps=loop.position.step,
            total_steps=loop.total_steps,
            samples=(loop.position.step - first) * config.batch_size,
            seconds=seconds,
            eval_seconds=eval_seconds,
            interrupted=loop.interrupted,
            evaluation=evaluation,
            notes=resuming_notes(state),
        )


def _training_data(task: Task[Any], config: FinetuneSettings) -> tuple[TaskData, TaskData | None]:
    """The rows to train on, and those to choose the epoch on."""
    split = task.training_split(config)
    data = task.open_data(config, split, train=True)
    if not len(data):
        raise DataError(f"{data.name}: split {split} has no sample to train on", kind="nothing_to_train")
    if not config.validation_share:
        return data, None
    kept, held = hold_out(data, config.validation_share, config.seed)
    choice = task.open_data(config, split, train=False).subset(held, split=f"{split}, held out")
    return data.subset(kept, split=f"{split}, without what is held out"), choice


def chosen_on(config: FinetuneSettings) -> str:
    """What the epoch is chosen on: `last epoch`, `validation` or `test`."""
    if config.choose == "last":
        return "last epoch"
    return "validation" if config.validation_share else "test"


def _make_loop(
    task: Task[Any],
    config: FinetuneSettings,
    folder: Path,
    accelerator: Accelerator,
    train: TaskData,
    record: DataRecord,
    pretrain: PretrainEntry,
    state: dict[str, Any] | None,
) -> TrainingLoop:
    model = task.build_model(config, fresh=state is None)
    if config.sync_batch_norm:
        share_batch_statistics(model)
    speed_up(model, config)
    plain = config.to_dict()
    loop = TrainingLoop(
        accelerator,
        model,
        task.build_objective(config, model, train),
        training_batches(
            train,
            config,
            rank=accelerator.process_index,
            processes=accelerator.num_processes,
            pin_memory=accelerator.device.type == "cuda",
        ),
        task.stages(config),
        config,
        folder,
        kind=KIND,
        config=checkpoint_config(task.record, config, pretrain, chosen_on(config)),
        trackers=Trackers(
            accelerator,
            config.trackers,
            run=f"{folder.parent.name}-{folder.name}",
            step=0 if state is None else int(state["step"]),
            config=plain,
        ),
        plans=task.optimizers(config),
        learned_from=record.to_dict(),
    )
    if state is not None:
        loop.load_state(state)
    return loop


def _final_model(loop: TrainingLoop, trained: bool, folder: Path) -> nn.Module:
    """The model with the weights that count, which are also written on their own."""
    model = loop.network
    if (folder / BEST_FILE).is_file():
        load_weights(model, load_checkpoint(folder / BEST_FILE)["model"], file=str(folder / BEST_FILE))
    path = folder / MODEL_FILE
    if loop.accelerator.is_main_process and (trained or not path.is_file()):
        state = {name: value.detach().cpu() for name, value in model.state_dict().items()}
        save_checkpoint(path, {"kind": KIND, "config": loop.config, "data": loop.learned_from, "model": state})
    return model


def _write(
    task: Task[Any],
    config: FinetuneSettings,
    path: Path,
    runs: Sequence[SeedRun],
    model: ModelEntry,
    origin: Sequence[str],
    device: torch.device,
    command: str | None,
    bootstrap: int,
) -> Writing:
    test = task.open_data(config, task.test_split(config), train=False)
    notes = [
        f"trained on {task.training_split(config)}",
        *origin,
        *task.notes(config),
        *chosen_note(chosen_on(config)),
        *dict.fromkeys(note for run in runs for note in run.notes),
    ]
    return write_evaluations(
        path,
        task,
        test,
        config.protocol,
        [run.evaluation for run in runs if run.evaluation is not None],
        model=model,
        run=run_entry(config, seeds=tuple(run.seed for run in runs), device=device, command=command),
        variant=task.variant(config),
        notes=notes,
        bootstrap=bootstrap,
    )
