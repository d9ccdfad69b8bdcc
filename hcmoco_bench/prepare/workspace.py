"""An NTU store in the making: its folder, and the calibration of an earlier run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hcmoco_bench.align.calibration import Calibration
from hcmoco_bench.errors import DataError, StoreError
from hcmoco_bench.files.atomic import write_atomic
from hcmoco_bench.files.hashing import bytes_sha256, file_sha256
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.prepare.shard import read_note
from hcmoco_bench.prepare.store import CALIBRATION_FILE, PROBLEMS_FILE, SPLITS_FILE, Store
from hcmoco_bench.prepare.store_folder import StoreFolder

RIG_PROBLEMS_FILE = ".calibration-problems.jsonl"
"""The calibration's problem lines, until they are in `problems.jsonl`."""


@dataclass(frozen=True)
class Workspace(StoreFolder):
    """The folder of an NTU store that is being written; its lock is held."""

    files: ClassVar[tuple[str, ...]] = (SPLITS_FILE, PROBLEMS_FILE, CALIBRATION_FILE)
    hidden: ClassVar[tuple[str, ...]] = (RIG_PROBLEMS_FILE,)

    def begin(self, *, overwrite: bool) -> Store | None:
        """Make the folder ready (see `claim`); returns the store if it is finished."""
        if not self.claim(overwrite=overwrite):
            return None
        try:
            return Store.open(self.path)
        except StoreError as error:
            raise StoreError(f"{error}; give --overwrite to replace it") from error

    def calibration(self) -> tuple[Calibration, tuple[Problem, ...]] | None:
        """The calibration of an earlier run of this plan, with its problems; None if there is none."""
        try:
            lines = (self.path / RIG_PROBLEMS_FILE).read_text("utf-8").split("\n")
            return Calibration.load(self.path / CALIBRATION_FILE), tuple(
                Problem.from_json(line) for line in lines if line
            )
        except (OSError, DataError, ValueError, TypeError):
            return None

    def keep_calibration(self, calibration: Calibration, problems: tuple[Problem, ...]) -> None:
        """Keep a calibration for later runs; `calibration.json` is the second file, and stands for both."""
        (self.path / CALIBRATION_FILE).unlink(missing_ok=True)
        write_atomic(self.path / RIG_PROBLEMS_FILE, "".join(f"{problem.to_json()}\n" for problem in problems))
        calibration.save(self.path / CALIBRATION_FILE)

    def recipe(self) -> str:
        """Fingerprint of the plan and the calibration together."""
        return bytes_sha256(f"{self.plan_sha256} {file_sha256(self.path / CALIBRATION_FILE)}".encode())

    def is_finished(self, file: str, recipe: str) -> bool:
        """Whether a shard is there, readable and of this recipe."""
        note = read_note(self.path / file)
        return note is not None and note.recipe == recipe
