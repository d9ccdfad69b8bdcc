"""Listeners to a run's figures: TensorBoard, and wandb or trackio where installed and asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from accelerate import Accelerator

from hcmoco_bench.errors import UsageError

PROJECT = "hcmoco-bench"
KNOWN = ("tensorboard", "wandb", "trackio")


def check_trackers(names: Sequence[str]) -> None:
    """Raise UsageError for a tracker that is unknown or not installed."""
    for name in names:
        if name not in KNOWN:
            raise UsageError(f"tracker {name!r} is unknown; use {', '.join(KNOWN)}")
        if find_spec(name) is None:
            raise UsageError(f"tracker {name}: not installed; pip install {name}, or leave it out")


class Trackers:
    """The trackers of a run, through Accelerate; only the main process writes.

    Args:
        accelerator: Made with `log_with` and a logging folder.
        names: Of the trackers; empty for none.
        run: The run's name; its folder's name.
        step: Steps the run has done; TensorBoard drops what an interrupted run logged after it.
        config: Plain values shown with the run.
    """

    def __init__(
        self, accelerator: Accelerator, names: Sequence[str], *, run: str, step: int, config: Mapping[str, Any]
    ) -> None:
        self.accelerator, self.names = accelerator, tuple(names)
        if names:
            settings: dict[str, dict[str, Any]] = {"tensorboard": {"purge_step": step + 1}} if step else {}
            settings = {name: value for name, value in settings.items() if name in names}
            shared = [name for name in names if name != "tensorboard"]
            settings |= {name: {"name": run} for name in shared}
            accelerator.init_trackers(PROJECT, config=dict(config) if shared else None, init_kwargs=settings)

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Hand the figures of a step on."""
        if self.names:
            self.accelerator.log(dict(values), step=step)

    def close(self) -> None:
        """Write what is buffered. The process group stays, it may be somebody else's."""
        for tracker in self.accelerator.trackers if self.names else ():
            tracker.finish()
