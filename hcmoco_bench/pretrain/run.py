"""A pre-training run from settings to checkpoint, curves and table of losses."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator

from hcmoco_bench.data.batch import collate
from hcmoco_bench.files.lock import folder_lock
from hcmoco_bench.plotting.curves import loss_curves
from hcmoco_bench.plotting.save import save_figure
from hcmoco_bench.pretrain.build import build_model, build_objective
from hcmoco_bench.pretrain.config import PretrainConfig
from hcmoco_bench.pretrain.loading import MixedBatches
from hcmoco_bench.pretrain.model import MultiModalModel
from hcmoco_bench.pretrain.run_folder import prepare_pretraining
from hcmoco_bench.pretrain.stores import open_mixture
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.training.checkpoint import keep_copy
from hcmoco_bench.training.device import make_accelerator
from hcmoco_bench.training.loop import CHECKPOINT_FILE, LOSSES_FILE, TrainingLoop
from hcmoco_bench.training.loss_table import read_losses
from hcmoco_bench.training.random_state import own_randomness
from hcmoco_bench.training.run_folder import CURVES_FILE, last_state, make_folder
from hcmoco_bench.training.settings import OptimizationSettings, Stage
from hcmoco_bench.training.trackers import Trackers

STAGES = ("sample", "all")


@dataclass(frozen=True)
class PretrainReport:
    """What a run left.

    Attributes:
        folder: Its folder.
        checkpoint: The last checkpoint.
        losses: The table of losses.
        curves: A image of it; None if the run was interrupted.
        steps: Optimizer steps done, over all calls.
        total_steps: Steps of the whole run.
        samples: Samples seen in this call.
        seconds: Duration of this call's training.
        interrupted: Whether a signal stopped it.
        last: The last line of the table, without empty cells.
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


def run_pretrain(
    config: PretrainConfig, out: Path, *, resume: bool = False, progress: Progress = no_progress
) -> PretrainReport:
    """Pre-train; one process, or each process of `accelerate launch` or `torchrun`.

    Args:
        config: The settings; the same in every process.
        out: Folder of the run.
        resume: Continue the run in `out` from its last good checkpoint; starts one if there is none.
        progress: Told the samples done and to do in this call; give it to the main process alone.

    Raises:
        UsageError: If settings contradict each other, the data, or the run that is resumed.
        StoreError: If a store is missing, or the folder is in use or cannot be written.
        DataError: If a checkpoint or weights cannot be used.
        TrainingError: If a loss is not finite.
    """
    accelerator = make_accelerator(out, config.trackers)
    with ExitStack() as stack:
        if accelerator.is_main_process:
            make_folder(out)
            stack.enter_context(folder_lock(out))
            prepare_pretraining(out, config, resume=resume)
        accelerator.wait_for_everyone()
        stack.enter_context(own_randomness(config.seed, accelerator.device))
        loop = _make_loop(config, out, accelerator, resume=resume)
        stack.callback(loop.trackers.close)
        first, started = loop.position.step, time.perf_counter()
        loop.run(
            batch_size=config.batch_size,
            progress=progress,
            at_stage_end=lambda stage: _keep_stage(out, stage, accelerator),
        )
        seconds = time.perf_counter() - started
        return _report(config, out, loop, first, seconds, accelerator)


def _make_loop(config: PretrainConfig, out: Path, accelerator: Accelerator, *, resume: bool) -> TrainingLoop:
    dataset = open_mixture(config)
    data = MixedBatches(
        dataset,
        dataset.lengths,
        collate,
        batch_size=config.batch_size,
        accumulate=config.accumulate,
        rank=accelerator.process_index,
        world_size=accelerator.num_processes,
        workers=config.workers,
        seed=config.seed,
        pin_memory=accelerator.device.type == "cuda",
    )
    state = last_state(out) if resume else None
    model = build_model(config, fresh=state is None)
    _speed_up(model, config)
    objective = build_objective(config, model, len(dataset), accelerator.device)
    step = 0 if state is None else int(state["step"])
    plain = config.to_dict()
    loop = TrainingLoop(
        accelerator,
        model,
        objective,
        data,
        [Stage(STAGES[0], config.stage1_epochs), Stage(STAGES[1], config.stage2_epochs)],
        OptimizationSettings(
            optimizer=config.optimizer,
            lr=config.lr,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
            final_lr=config.final_lr,
            warmup_epochs=config.warmup_epochs,
            clip=config.clip,
            precision=config.precision,
            accumulate=config.accumulate,
            seed=config.seed,
            log_every=config.log_every,
            checkpoint_minutes=config.checkpoint_minutes,
            checkpoint_every=config.checkpoint_every,
        ),
        out,
        kind="pretrain",
        config=plain,
        trackers=Trackers(accelerator, config.trackers, run=out.name, step=step, config=plain),
    )
    if state is not None:
        loop.load_state(state)
    return loop


def _speed_up(model: MultiModalModel, config: PretrainConfig) -> None:
    for encoder in (model.rgb_encoder, model.depth_encoder):
        if config.channels_last:
            encoder.to(memory_format=torch.channels_last)
        if config.compile:
            encoder.compile()


def _keep_stage(out: Path, stage: int, accelerator: Accelerator) -> None:
    if accelerator.is_main_process:
        keep_copy(out / CHECKPOINT_FILE, out / f"stage{stage + 1}.pth")


def _report(
    config: PretrainConfig, out: Path, loop: TrainingLoop, first: int, seconds: float, accelerator: Accelerator
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
        samples=(loop.position.step - first) * config.batch_size,
        seconds=seconds,
        interrupted=loop.interrupted,
        last=last,
    )
