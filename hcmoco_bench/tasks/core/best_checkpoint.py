"""Choosing the epoch: the model is scored every few epochs, and the best one so far is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hcmoco_bench.tasks.core.checkpoints import KIND
from hcmoco_bench.tasks.core.evaluate import evaluate_model
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.core.task import Task
from hcmoco_bench.tasks.core.task_data import TaskData
from hcmoco_bench.training.checkpoint import save_checkpoint
from hcmoco_bench.training.loop import TrainingLoop
from hcmoco_bench.training.loss_table import LossTable, read_losses

BEST_FILE, CHOICE_FILE = "best.pth", "epochs.csv"


class BestCheckpoint:
    """Keeps the best epoch of a run as `best.pth` and a table of the scores; a resumed run continues both.

    Args:
        task: The task.
        config: The settings.
        data: Data to score on, opened with `train=False`.
        loop: The run.
    """

    def __init__(self, task: Task[Any], config: FinetuneSettings, data: TaskData, loop: TrainingLoop) -> None:
        self.task, self.config, self.data, self.loop = task, config, data, loop
        self._table = loop.folder / CHOICE_FILE
        done = loop.position.step // loop.steps_per_epoch
        self._scores = {epoch: score for epoch, score in _read(self._table).items() if epoch <= done}

    def at_epoch_end(self, epoch: int) -> None:
        """Score the model if it is time; called in every process, and twice for the epoch at which a run is resumed."""
        last = epoch == sum(stage.epochs for stage in self.loop.stages)
        if epoch in self._scores or (epoch % self.config.evaluate_every and not last):
            return
        accelerator = self.loop.accelerator
        model = self.loop.network
        evaluation = evaluate_model(self.task, model, self.data, self.config, accelerator.device, choosing=True)
        main = self.task.record.main_score_of(self.config.protocol)
        score = evaluation.scores[main]
        sign = 1 if self.task.record.higher_is_better else -1
        best = all(sign * score > sign * other for other in self._scores.values())
        if accelerator.is_main_process:
            if best:
                state = {name: value.detach().cpu() for name, value in model.state_dict().items()}
                path = self.loop.folder / BEST_FILE
                path.unlink(missing_ok=True)  # the one before is no longer wanted
                content = {"kind": KIND, "config": self.loop.config, "data": self.loop.learned_from, "model": state}
                save_checkpoint(path, content)
            with LossTable(self._table, ("epoch", main), step=max(self._scores, default=0)) as table:
                table.append({"epoch": epoch, main: score})
        self._scores[epoch] = score
        accelerator.wait_for_everyone()


def _read(path: Path) -> dict[int, float]:
    if not path.is_file():
        return {}
    table = read_losses(path)
    if not table:
        return {}
    epochs, scores = table.values()
    return {int(epoch): float(score) for epoch, score in zip(epochs, scores, strict=True)}
