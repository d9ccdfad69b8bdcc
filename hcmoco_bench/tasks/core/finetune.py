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

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.files.lock import folder_lock
from hcmoco_bench.models.weights import load_weights
from hcmoco_bench.plotting.curves import loss_curves
from hcmoco_bench.plotting.save import save_figure
from hcmoco_bench.pretrain.config import read_config
from hcmoco_bench.results.schema import ModelEntry, PretrainEntry
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.runtime.settings import validated
from hcmoco_bench.tasks.core.batches import hold_out, training_batches
from hcmoco_bench.tasks.core.best_checkpoint import BEST_FILE, BestCheckpoint
from hcmoco_bench.tasks.core.checkpoints import KIND, checkpoint_config, pretrain_entry
from hcmoco_bench.tasks.core.config import FREE_TO_CHANGE, FinetuneConfig
from hcmoco_bench.tasks.core.evaluate import chosen_note, evaluate_model, speed_up
from hcmoco_bench.tasks.core.provenance import run_entry
from hcmoco_bench.tasks.core.registry import get_task
from hcmoco_bench.tasks.core.result import BOOTSTRAP, Writing, write_evaluations
from hcmoco_bench.tasks.core.task import Evaluation, Task, TaskData
from hcmoco_bench.training.batch_norm import share_batch_statistics
from hcmoco_bench.training.checkpoint import load_checkpoint, save_checkpoint
from hcmoco_bench.training.device import make_accelerator
from hcmoco_bench.training.loop import LOSSES_FILE, TrainingLoop
from hcmoco_bench.training.loss_table import read_losses
from hcmoco_bench.training.random_state import own_randomness
from hcmoco_bench.training.run_folder import CONFIG_FILE, CURVES_FILE, last_state, make_folder, prepare_folder
from hcmoco_bench.training.settings import OptimizationSettings
from hcmoco_bench.training.trackers import Trackers

MODEL_FILE, RESULT_FILE = "model.pth", "result.json"


@dataclass(frozen=True)
class SeedRun:
    """One training.

    Attributes:
        seed: Its seed.
        folder: Its folder.
        model: The weights that count; None if it was interrupted.
        steps: Optimizer steps done, over all calls.
        total_steps: Steps of the whole training.
        samples: Samples seen in this call.
        seconds: Of training in this call.
        eval_seconds: Of the last evaluation.
        interrupted: Whether a signal stopped it.
        evaluation: On the test split; None if it was interrupted.
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


@dataclass(frozen=True)
class FinetuneReport:
    """What `run_finetune` left.

    Attributes:
        folder: Of all seeds.
        runs: Of each seed; the last may have been interrupted.
        written: The result; None if interrupted, and in all processes but the main one.
    """

    folder: Path
    runs: tuple[SeedRun, ...]
    written: Writing | None

    @property
    def interrupted(self) -> bool:
        """Whether a signal stopped it."""
        return self.runs[-1].interrupted


def seed_folder(out: Path, seed: int) -> Path:
    """The folder of a seed's training."""
    return out / f"seed-{seed}"


def saved_settings(out: Path) -> FinetuneConfig:
    """Settings of the runs in a folder; raises UsageError if there are none."""
    for path in sorted(out.glob(f"seed-*/{CONFIG_FILE}")):
        return validated(FinetuneConfig, read_config(str(path)), str(path))
    raise UsageError(f"{out}: there is no run to resume; leave --resume out to start one")


def run_finetune(
    config: FinetuneConfig,
    out: Path,
    *,
    seeds: Sequence[int] | None = None,
    resume: bool = False,
    name: str = "",
    command: str | None = None,
    progress: Progress = no_progress,
    sheet_size: int = 8,
    bootstrap: int = BOOTSTRAP,
) -> FinetuneReport:
    """Fine-tune once a seed and score; one process, or each process of `accelerate launch` or `torchrun`.

    Args:
        config: The settings; the same in every process.
        out: Folder of everything: a folder a seed, `result.json`, evidence and images.
        seeds: Take the place of `config.seed`, one training each; None for that one.
        resume: Continue what is in `out`; starts if there is nothing.
        name: The model's name in the result.
        command: As it was typed.
        progress: Told samples done and to do; give it to the main process alone.
        sheet_size: Samples on the prediction sheet, of the first seed.
        bootstrap: Draws of the interval; 0 for none.

    Raises:
        UsageError: If settings contradict each other, the data, or the run that is resumed; if `out` has a result.
        StoreError: If a store is missing, or the folder is in use or cannot be written.
        DataError: If a checkpoint, weights or samples cannot be used.
        TrainingError: If a loss is not finite.
    """
    seeds = tuple(seeds) if seeds else (config.seed,)
    if len(set(seeds)) != len(seeds):
        raise UsageError(f"seeds {', '.join(map(str, seeds))}: each only once")
    task = get_task(config.task)
    task.check(config)
    if config.choose == "best" and not config.validation_share and config.protocol != "published":
        raise UsageError("choose = best needs a validation_share of the training data to choose on, e.g. 0.1")
    result = out / RESULT_FILE
    if result.exists():
        raise UsageError(f"{result}: these runs are finished; give another --out, or score again with eval")
    pretrain = pretrain_entry(config)
    runs: list[SeedRun] = []
    for number, seed in enumerate(seeds):
        run = _train(
            task,
            config.model_copy(update={"seed": seed}),
            seed_folder(out, seed),
            pretrain,
            resume=resume,
            progress=progress,
            sheet_size=sheet_size if number == 0 else 0,
        )
        runs.append(run)
        if run.interrupted:
            return FinetuneReport(out, tuple(runs), None)
    accelerator = make_accelerator(out)
    written = None
    if accelerator.is_main_process:
        written = _write(task, config, result, runs, pretrain, accelerator.device, name, command, bootstrap)
    return FinetuneReport(out, tuple(runs), written)


def _train(
    task: Task,
    config: FinetuneConfig,
    folder: Path,
    pretrain: PretrainEntry,
    *,
    resume: bool,
    progress: Progress,
    sheet_size: int,
) -> SeedRun:
    accelerator = make_accelerator(folder, config.trackers)
    with ExitStack() as stack:
        if accelerator.is_main_process:
            make_folder(folder)
            stack.enter_context(folder_lock(folder))
            path = folder / CONFIG_FILE
            before = read_config(str(path)) if path.is_file() else None
            prepare_folder(folder, config.to_dict(), before=before, resume=resume, free_to_change=FREE_TO_CHANGE)
        accelerator.wait_for_everyone()
        stack.enter_context(own_randomness(config.seed, accelerator.device))
        train, choice = _training_data(task, config)
        test = task.open_data(config, task.test_split(config), train=False)
        state = last_state(folder) if resume else None
        loop = _make_loop(task, config, folder, accelerator, train, pretrain, state)
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
        )


def _training_data(task: Task, config: FinetuneConfig) -> tuple[TaskData, TaskData | None]:
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


def chosen_on(config: FinetuneConfig) -> str:
    """What the epoch is chosen on: `last epoch`, `validation` or `test`."""
    if config.choose == "last":
        return "last epoch"
    return "validation" if config.validation_share else "test"


def _make_loop(
    task: Task,
    config: FinetuneConfig,
    folder: Path,
    accelerator: Accelerator,
    train: TaskData,
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
        _loop_options(config),
        folder,
        kind=KIND,
        config=checkpoint_config(config, pretrain, chosen_on(config)),
        trackers=Trackers(
            accelerator,
            config.trackers,
            run=f"{folder.parent.name}-{folder.name}",
            step=0 if state is None else int(state["step"]),
            config=plain,
        ),
    )
    if state is not None:
        loop.load_state(state)
    return loop


def _loop_options(config: FinetuneConfig) -> OptimizationSettings:
    same = OptimizationSettings.model_fields.keys() & FinetuneConfig.model_fields.keys()
    return OptimizationSettings(**{name: getattr(config, name) for name in same})


def _final_model(loop: TrainingLoop, trained: bool, folder: Path) -> nn.Module:
    """The model with the weights that count, which are also written on their own."""
    model: nn.Module = loop.accelerator.unwrap_model(loop.model)
    if (folder / BEST_FILE).is_file():
        load_weights(model, load_checkpoint(folder / BEST_FILE)["model"], file=str(folder / BEST_FILE))
    path = folder / MODEL_FILE
    if loop.accelerator.is_main_process and (trained or not path.is_file()):
        state = {name: value.detach().cpu() for name, value in model.state_dict().items()}
        save_checkpoint(path, {"kind": KIND, "config": loop.config, "model": state})
    return model


def _write(
    task: Task,
    config: FinetuneConfig,
    path: Path,
    runs: Sequence[SeedRun],
    pretrain: PretrainEntry,
    device: torch.device,
    name: str,
    command: str | None,
    bootstrap: int,
) -> Writing:
    test = task.open_data(config, task.test_split(config), train=False)
    notes = [f"trained on {task.training_split(config)}", *task.notes(config), *chosen_note(chosen_on(config))]
    weights = runs[0].model
    return write_evaluations(
        path,
        task,
        test,
        config.protocol,
        [run.evaluation for run in runs if run.evaluation is not None],
        model=ModelEntry(
            name=name or path.parent.name,
            backbone=config.backbone,
            weights_sha256=None if weights is None else file_sha256(weights),
            pretrain=pretrain,
        ),
        run=run_entry(config, seeds=tuple(run.seed for run in runs), device=device, command=command),
        tier="reproduced",
        notes=notes,
        bootstrap=bootstrap,
    )
