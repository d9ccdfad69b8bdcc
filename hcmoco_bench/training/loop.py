"""The one training loop: CPU, a GPU, or many under `accelerate launch` and `torchrun`; resumes exactly."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor, nn

from hcmoco_bench.errors import StoreError, TrainingError
from hcmoco_bench.files.atomic import write_atomic
from hcmoco_bench.models.weights import load_weights
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.training.checkpoint import save_checkpoint
from hcmoco_bench.training.interruption import StopRequest, stop_on_signal
from hcmoco_bench.training.library_errors import library_errors
from hcmoco_bench.training.loss_table import LossTable
from hcmoco_bench.training.objective import AlternatingObjective, LoopBatch, LoopData, Objective, StepResult
from hcmoco_bench.training.optimizers import OptimizerPlan, PlannedOptimizer
from hcmoco_bench.training.precision import autocast
from hcmoco_bench.training.random_state import random_state, restore_random_state
from hcmoco_bench.training.run_files import CHECKPOINT_FILE, LOSSES_FILE
from hcmoco_bench.training.settings import OptimizationSettings, Stage
from hcmoco_bench.training.step_figures import StepFigures
from hcmoco_bench.training.trackers import Trackers

_NAMED_IDS = 16


@dataclass
class _Position:
    """Where a run is: `step` optimizer steps in all, of which `stage_step` in the present stage."""

    stage: int = 0
    stage_step: int = 0
    step: int = 0


class TrainingLoop:
    """Trains a model in stages, with a table of losses and checkpoints in the run's folder.

    Killed at any moment and run again from its last checkpoint, the losses that follow are those of a run that was
    never killed: on the CPU bit by bit.

    Args:
        accelerator: Of the process; it wraps the model for several processes.
        model: On any device; trained in place.
        objective: The method; its state is kept in checkpoints as `bank`.
        data: This process's batches.
        stages: In their order; each starts with a fresh optimizer and schedule.
        settings: How to optimize, how often to write.
        folder: The run's folder; only the main process writes there.
        kind: Of the checkpoint: `pretrain` or `task`.
        config: Plain values; written into every checkpoint.
        trackers: Listeners to the losses.
        plans: The optimizers, in the order of their turns; None for one, of all parameters, by `settings`. Several need
            an objective with `turns`.
        learned_from: The data, as `DataRecord.to_dict` gives it; written into every checkpoint as `data`.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        model: nn.Module,
        objective: Objective[Any],
        data: LoopData[LoopBatch],
        stages: Sequence[Stage],
        settings: OptimizationSettings,
        folder: Path,
        *,
        kind: str,
        config: dict[str, Any],
        trackers: Trackers,
        plans: Sequence[OptimizerPlan] | None = None,
        learned_from: Mapping[str, Any] | None = None,
    ) -> None:
        if data.batches_per_epoch < settings.accumulate:
            raise TrainingError(
                f"an epoch has {data.batches_per_epoch} batches a process, fewer than the {settings.accumulate} of one "
                "step; use smaller batches or more data"
            )
        self.accelerator, self.objective, self.data, self.trackers = accelerator, objective, data, trackers
        self.stages, self.settings, self.folder = tuple(stages), settings, folder
        self.kind, self.config = kind, config
        self.learned_from = None if learned_from is None else dict(learned_from)
        self.plans = tuple(plans) if plans else (OptimizerPlan("model", settings),)
        self.network = model  # under its own names, whatever wraps it
        self.model: nn.Module = accelerator.prepare_model(model)
        self.generator = torch.Generator(device=accelerator.device).manual_seed(settings.seed)
        self.position = _Position()
        self.figures = StepFigures(objective.columns, accelerator)
        self.steps_per_epoch = data.batches_per_epoch // settings.accumulate
        self.interrupted = False
        self._learned = False
        self._start_stage()

    @property
    def total_steps(self) -> int:
        """Optimizer steps of all stages."""
        return sum(stage.epochs for stage in self.stages) * self.steps_per_epoch

    def run(
        self,
        *,
        batch_size: int,
        progress: Progress = no_progress,
        at_stage_end: Callable[[int], None] = lambda stage: None,
        at_epoch_end: Callable[[int], None] = lambda epoch: None,
    ) -> None:
        """Train to the end, or until a signal asks to stop (`interrupted` is then true); ends with a checkpoint.

        Args:
            batch_size: Samples a step over all processes, for the progress.
            progress: Called with samples done and to do in this call.
            at_stage_end: Called in every process after each stage, with its number.
            at_epoch_end: Called in every process after each epoch, with the number of epochs done in all stages; once
                more for the same epoch by a run that continues there. May not draw from the loop's generators.

        Raises:
            TrainingError: If a loss or gradient is not finite, naming the samples; if nothing counted in an epoch; if
                memory ran out, a loading process died, or a batch is too small for batch norm.
            StoreError: If the folder cannot be written.
        """
        first, total = self.position.step, self.total_steps

        def report() -> None:
            progress("training, samples", (self.position.step - first) * batch_size, (total - first) * batch_size)

        with ExitStack() as stack:
            stack.enter_context(library_errors())
            stop = stack.enter_context(stop_on_signal())
            table = stack.enter_context(self._open_table())
            while True:
                if self.stages[self.position.stage].epochs:
                    self._run_stage(table, stop, report, at_epoch_end)
                    if self.interrupted:
                        return
                    at_stage_end(self.position.stage)
                if self.position.stage + 1 == len(self.stages):
                    return
                self.position.stage += 1
                self.position.stage_step = 0
                self._start_stage()

    def state(self) -> dict[str, Any]:
        """Everything that a resumed run needs; to be called in every process."""
        states = gather_object([random_state(self.generator)])
        return {
            "kind": self.kind,
            "config": self.config,
            "data": self.learned_from,
            "model": self.network.state_dict(),
            **self._optimizer_states(),
            "rng": states,
            "step": self.position.step,
            "stage": self.position.stage,
            "stage_step": self.position.stage_step,
            "total_steps": self.total_steps,
            "bank": self.objective.state_dict(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from a state of `state`, with any number of processes (exact if their number is the same).

        Raises:
            TrainingError: If it was made with other stages or another number of steps.
            DataError: If its model is another one.
        """
        if state["total_steps"] != self.total_steps:
            raise TrainingError(
                f"the checkpoint is of a run of {state['total_steps']} steps, this one would have {self.total_steps}; "
                "give the same data, batch size and epochs, or start a new run with another --out"
            )
        self.position = _Position(state["stage"], state["stage_step"], state["step"])
        load_weights(self.network, state["model"], file="the checkpoint")
        self._start_stage()
        self._load_optimizers(state)
        self.objective.load_state_dict(state["bank"])
        if len(state["rng"]) == self.accelerator.num_processes:
            restore_random_state(state["rng"][self.accelerator.process_index], self.generator)
        else:
            self.generator.manual_seed(self.settings.seed + self.position.step)

    def _start_stage(self) -> None:
        epochs = self.stages[self.position.stage].epochs
        self.optimizers = [
            PlannedOptimizer(plan, self.model, self.network, epochs=epochs, steps_per_epoch=self.steps_per_epoch)
            for plan in self.plans
        ]

    def _optimizer_states(self) -> dict[str, Any]:
        """`optimizer` and `scheduler`: the states of the one optimizer, or those of each by its name."""
        states = {optimizer.plan.name: optimizer.state_dict() for optimizer in self.optimizers}
        if len(states) == 1:
            return next(iter(states.values()))
        return {key: {name: state[key] for name, state in states.items()} for key in ("optimizer", "scheduler")}

    def _load_optimizers(self, state: dict[str, Any]) -> None:
        for optimizer in self.optimizers:
            name = optimizer.plan.name
            own = {
                key: state[key] if len(self.optimizers) == 1 else state[key][name] for key in ("optimizer", "scheduler")
            }
            optimizer.load_state_dict(own)

    def _open_table(self) -> AbstractContextManager[LossTable | None]:
        if not self.accelerator.is_main_process:
            return nullcontext(None)
        others = [f"{column}/{plan.name}" for plan in self.plans[1:] for column in ("lr", "loss", "grad_norm")]
        columns = ("step", "stage", "epoch", "lr", "loss", "grad_norm", *others, *self.objective.columns)
        return LossTable(self.folder / LOSSES_FILE, columns, step=self.position.step)

    def _run_stage(
        self,
        table: LossTable | None,
        stop: StopRequest,
        report: Callable[[], None],
        at_epoch_end: Callable[[int], None],
    ) -> None:
        stage = self.stages[self.position.stage]
        before = sum(earlier.epochs for earlier in self.stages[: self.position.stage])
        saved, saved_step = time.monotonic(), self.position.step
        if self.position.stage_step and self.position.stage_step % self.steps_per_epoch == 0:
            at_epoch_end(before + self.position.stage_step // self.steps_per_epoch)
        report()
        while self.position.stage_step < stage.epochs * self.steps_per_epoch:
            self.model.train()
            epoch, done = divmod(self.position.stage_step, self.steps_per_epoch)
            batches = self.data.batches(before + epoch, done * self.settings.accumulate)
            self._learned = False
            for _ in range(done, self.steps_per_epoch):
                due = self._due(saved, saved_step)
                asked, due = self._step(
                    list(itertools.islice(batches, self.settings.accumulate)), epoch, table, stop, due
                )
                report()
                if asked or due:
                    self._save()
                    saved, saved_step = time.monotonic(), self.position.step
                if asked:
                    self.interrupted = True
                    return
            if not done:
                self._check_learned(stage.name, epoch)
            at_epoch_end(before + epoch + 1)
        self._save()

    def _step(
        self, batches: Sequence[LoopBatch], epoch: int, table: LossTable | None, stop: StopRequest, due: bool
    ) -> tuple[bool, bool]:
        """One optimizer step; returns whether any process was asked to stop, and whether a checkpoint is due."""
        started = time.perf_counter()
        row: dict[str, float] = {}
        flags: tuple[bool, ...] = (bool(stop), due)
        turns = [self._turns(batch) for batch in batches]
        for turn, optimizer in enumerate(self.optimizers):
            suffix = f"/{optimizer.plan.name}" if turn else ""
            row[f"lr{suffix}"] = optimizer.lr
            norm = self._backward(turns, optimizer)
            figures, flags = self.figures.collect(norm, flags=flags)
            row |= {f"{name}{suffix}" if name in ("loss", "grad_norm") else name: x for name, x in figures.items()}
            self._learned = self._learned or any(name in figures for name in self.objective.columns)
            self._check_finite(row, batches)
            optimizer.step(self.position.step)
        self._end_turns(turns)
        self.position.step += 1
        self.position.stage_step += 1
        if table is not None and (self.position.step % self.settings.log_every == 0 or self.position.step == 1):
            place: dict[str, float | int | str] = {
                "step": self.position.step,
                "stage": self.stages[self.position.stage].name,
                "epoch": epoch + 1,
            }
            table.append(place | row)
            self.trackers.log({"seconds_per_step": time.perf_counter() - started} | row, self.position.step)
        return flags[0], flags[1]

    def _turns(self, batch: LoopBatch) -> Iterator[StepResult]:
        """The objective's result of a micro-batch for each optimizer, computed when its turn comes."""
        arguments: dict[str, Any] = {"stage": self.position.stage, "generator": self.generator}
        on_device = batch.to(self.accelerator.device)
        if len(self.optimizers) > 1:
            objective = cast("AlternatingObjective[Any]", self.objective)
            yield from objective.turns(self.model, on_device, **arguments)
        else:
            yield self.objective(self.model, on_device, **arguments)

    def _backward(self, turns: Sequence[Iterator[StepResult]], optimizer: PlannedOptimizer) -> Tensor:
        """Gradients of an optimizer's turn over all micro-batches, clipped; returns their norm before that."""
        optimizer.optimizer.zero_grad(set_to_none=True)
        for number, results in enumerate(turns, start=1):
            with nullcontext() if number == len(turns) else self.accelerator.no_sync(self.model):
                with autocast(self.settings.precision, self.accelerator.device):
                    result = next(results)
                if optimizer.is_due(self.position.step):
                    self.accelerator.backward(result.loss / len(turns))
            self.figures.add(result)
        return optimizer.clip_gradients(self.accelerator.device)

    def _end_turns(self, turns: Sequence[Iterator[StepResult]]) -> None:
        """Let objectives finish what they do after the last turn."""
        for results in turns:
            if next(results, None) is not None:
                raise ValueError(f"the objective has more turns than the run has optimizers ({len(self.optimizers)})")

    def _check_learned(self, stage: str, epoch: int) -> None:
        """Raise TrainingError after an epoch in which no sample counted for any of the objective's figures."""
        if self._learned or not self.objective.columns:
            return
        raise TrainingError(
            f"stage {stage}, epoch {epoch + 1}: in all {self.steps_per_epoch} steps no sample counted for "
            f"{', '.join(self.objective.columns[:3])} or any other term, and the loss was 0; check that the data has "
            "the modalities and labels that are compared, and that a batch holds at least two samples with them"
        )

    def _check_finite(self, row: dict[str, float], batches: Sequence[LoopBatch]) -> None:
        wrong = [name for name, value in row.items() if value != value or value in (float("inf"), float("-inf"))]
        if not wrong:
            return
        ids = [sample_id for batch in batches for sample_id in batch.sample_ids]
        listed = self.folder / f"not-finite-{self.accelerator.process_index}.txt"
        more = f" and {len(ids) - _NAMED_IDS} more" if len(ids) > _NAMED_IDS else ""
        try:
            write_atomic(listed, "".join(f"{sample_id}\n" for sample_id in ids))
        except StoreError:  # a full disk must not hide what is wrong
            pass
        else:
            more = more and f"{more} (all in {listed})"
        raise TrainingError(
            f"step {self.position.step + 1}: {', '.join(wrong)} is not finite; look at the batch's samples "
            f"{' '.join(ids[:_NAMED_IDS])}{more}, or lower the learning rate (--lr), or clip the gradient (--clip)"
        )

    def _due(self, saved: float, saved_step: int) -> bool:
        every = self.settings.checkpoint_every
        return (time.monotonic() - saved >= 60 * self.settings.checkpoint_minutes) or (
            every is not None and self.position.step + 1 - saved_step >= every
        )

    def _save(self) -> None:
        state = self.state()
        if self.accelerator.is_main_process:
            save_checkpoint(self.folder / CHECKPOINT_FILE, state)
        self.accelerator.wait_for_everyone()
