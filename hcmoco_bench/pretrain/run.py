"""A pre-training run from settings to checkpoint, curves and table of losses."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from matplotlib.figure import Figure
from torch import nn

from hcmoco_bench.data.data_record import DataRecord, SamplesRecord, record_stores
from hcmoco_bench.files.lock import folder_lock
from hcmoco_bench.plotting.curves import loss_curves
from hcmoco_bench.plotting.save import save_figure
from hcmoco_bench.pretrain.checkpoints import KIND
from hcmoco_bench.pretrain.init_report import InitReport
from hcmoco_bench.pretrain.loading import MixedBatches
from hcmoco_bench.pretrain.method import Method, PretrainData
from hcmoco_bench.pretrain.notice import NoticeBoard
from hcmoco_bench.pretrain.registry import get_method
from hcmoco_bench.pretrain.run_folder import prepare_pretraining
from hcmoco_bench.pretrain.run_problems import RunProblems
from hcmoco_bench.pretrain.settings import PretrainSettings
from hcmoco_bench.runtime.progress import Progress, listening, no_progress
from hcmoco_bench.training.checkpoint import keep_copy
from hcmoco_bench.training.device import make_accelerator
from hcmoco_bench.training.loop import TrainingLoop
from hcmoco_bench.training.loss_table import read_losses
from hcmoco_bench.training.precision import with_precision
from hcmoco_bench.training.random_state import own_randomness
from hcmoco_bench.training.run_files import CHECKPOINT_FILE, LOSSES_FILE, has_begun
from hcmoco_bench.training.run_folder import CURVES_FILE, last_state, make_folder, resuming_notes
from hcmoco_bench.training.trackers import Trackers


@dataclass(frozen=True)
class PretrainReport:
    """What a run left.

    Attributes:
        folder: Its folder.
        checkpoint: The last checkpoint.
        losses: The table of losses.
        curves: An image of it; None if the run was interrupted.
        steps: Optimizer steps done, over all calls.
        total_steps: Steps of the whole run.
        samples: Samples seen in this call.
        seconds: Duration of this call's training.
        interrupted: Whether a signal stopped it.
        last: The last line of the table, without empty cells.
        init: What a new run took from the checkpoint that it began with; None if it began with none, or was resumed.
        notes: What a user should know: of the run that was resumed, of problems with its images, and of how it stands.
    """

    folder: Path
    checkpoint: Path
    losses: Path
    curves: Path | None
    steps: int
    total_steps: int
    samples: int
    seconds: float
    interrupted: bool
    last: dict[str, str]
    init: InitReport | None = None
    notes: tuple[str, ...] = ()


def run_pretrain(
    settings: PretrainSettings,
    out: Path,
    *,
    method: str | Method | None = None,
    resume: bool = False,
    progress: Progress = no_progress,
    begun: Callable[[InitReport], None] | None = None,
    noticed: Callable[[str], None] | None = None,
) -> PretrainReport:
    """Pre-train; one process, or each process of `accelerate launch` or `torchrun`.

    Args:
        settings: The settings, of the method's model; the same in every process.
        out: Folder of the run.
        method: Name or object of the method; None for the registered one that the settings name.
        resume: Continue the run in `out` from its last good checkpoint; starts one if there is none.
        progress: Told the samples done and to do in this call; give it to the main process alone.
        begun: Told what a new run took from the checkpoint that it begins with, before its first step.
        noticed: Told by the main process, after an epoch, what a user should know before the run has ended.

    Raises:
        UsageError: If settings contradict each other, the data, or the run that is resumed; if the data of that run has
            changed since, or holds too little to compare.
        StoreError: If a store is missing, or the folder is in use or cannot be written.
        DataError: If a checkpoint or weights cannot be used.
        TrainingError: If a loss is not finite.
    """
    chosen = get_method(method or settings.method)
    chosen.check(settings)
    accelerator = make_accelerator(out, settings.trackers)
    settings = with_precision(settings, accelerator.device)
    with listening(progress):
        data = chosen.open_data(settings)
    if not (resume and has_begun(out)):  # a run that has begun had enough, and has the same data
        chosen.check_data(settings, len(data))
    record = _record(settings, data)
    with ExitStack() as stack:
        if accelerator.is_main_process:
            make_folder(out)
            stack.enter_context(folder_lock(out))
            prepare_pretraining(out, settings, record, chosen, resume=resume)
        accelerator.wait_for_everyone()
        stack.enter_context(own_randomness(settings.seed, accelerator.device))
        state = last_state(out, record) if resume else None
        problems = RunProblems(out, writes=accelerator.is_main_process)
        problems.begin(data.problems, resumed=state is not None)
        loop, init = _make_loop(chosen, settings, out, accelerator, data, record, state, problems)
        if init is not None and begun is not None:
            begun(init)
        stack.callback(loop.trackers.close)
        first, started = loop.position.step, time.perf_counter()
        board = NoticeBoard(noticed or (lambda sentence: None))

        def at_epoch_end(epoch: int) -> None:
            if accelerator.is_main_process:
                board.show(chosen.notices(settings, out / LOSSES_FILE))

        loop.run(
            batch_size=settings.batch_size,
            progress=progress,
            at_stage_end=lambda stage: _keep_stage(out, stage, accelerator),
            at_epoch_end=at_epoch_end,
        )
        seconds = time.perf_counter() - started
        report = _report(settings, out, loop, first, seconds, accelerator)
        notes = [*resuming_notes(state), *problems.notes()]
        if accelerator.is_main_process:
            notes += (notice.sentence for notice in chosen.notices(settings, report.losses))
            if not report.interrupted:
                _save_figures(chosen.figures(settings, loop.network, data, report.losses), out)
        return replace(report, init=init, notes=tuple(notes))


def _record(settings: PretrainSettings, data: PretrainData) -> DataRecord:
    fingerprints = data.fingerprints or [None] * len(data.lengths)
    samples = {
        f"data set {number}": SamplesRecord(rows=rows, ids_sha256=fingerprint)
        for number, (rows, fingerprint) in enumerate(zip(data.lengths, fingerprints, strict=True), start=1)
    }
    return DataRecord(stores=record_stores(settings.stores), samples=samples)


def _make_loop(
    method: Method,
    settings: PretrainSettings,
    out: Path,
    accelerator: Accelerator,
    data: PretrainData,
    record: DataRecord,
    state: dict[str, Any] | None,
    problems: RunProblems,
) -> tuple[TrainingLoop, InitReport | None]:
    batches = MixedBatches(
        data.dataset,
        data.lengths,
        data.collate,
        batch_size=settings.batch_size,
        accumulate=settings.accumulate,
        rank=accelerator.process_index,
        world_size=accelerator.num_processes,
        workers=settings.workers,
        seed=settings.seed,
        pin_memory=accelerator.device.type == "cuda",
        problems=problems,
    )
    model = method.build_model(settings, fresh=state is None)
    _speed_up(method, model, settings)
    objective = method.build_objective(settings, model, len(data), accelerator.device)
    init = method.continue_from(settings, model, objective) if state is None else None
    step = 0 if state is None else int(state["step"])
    saved = settings.to_dict()
    loop = TrainingLoop(
        accelerator,
        model,
        objective,
        batches,
        method.stages(settings),
        settings,
        out,
        kind=KIND,
        config=saved,
        trackers=Trackers(accelerator, settings.trackers, run=out.name, step=step, config=saved),
        plans=method.optimizers(settings),
        learned_from=record.to_dict(),
    )
    if state is not None:
        loop.load_state(state)
    return loop, init


def _speed_up(method: Method, model: nn.Module, settings: PretrainSettings) -> None:
    for encoder in method.encoders(model).values():
        if settings.channels_last:
            encoder.to(memory_format=torch.channels_last)
        if settings.compile:
            encoder.compile()


def _keep_stage(out: Path, stage: int, accelerator: Accelerator) -> None:
    if accelerator.is_main_process:
        keep_copy(out / CHECKPOINT_FILE, out / f"stage{stage + 1}.pth")


def _save_figures(figures: Mapping[str, Figure], out: Path) -> None:
    for name, figure in figures.items():
        save_figure(figure, out / name)


def _report(
    settings: PretrainSettings, out: Path, loop: TrainingLoop, first: int, seconds: float, accelerator: Accelerator
) -> PretrainReport:
    curves: Path | None = None
    last: dict[str, str] = {}
    if accelerator.is_main_process:
        table = read_losses(out / LOSSES_FILE)
        last = {name: column[-1] for name, column in table.items() if column[-1]}
        if not loop.interrupted:
            curves = out / CURVES_FILE
            save_figure(loss_curves(table), curves)
    return PretrainReport(
        folder=out,
        checkpoint=out / CHECKPOINT_FILE,
        losses=out / LOSSES_FILE,
        curves=curves,
        steps=loop.position.step,
        total_steps=loop.total_steps,
        samples=(loop.position.step - first) * settings.batch_size,
        seconds=seconds,
        interrupted=loop.interrupted,
        last=last,
    )
