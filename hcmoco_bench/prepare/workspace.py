"""A store in the making: what plan it belongs to, what is finished, and starting over."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from hcmoco_bench.align.calibration import Calibration
from hcmoco_bench.atomic import TEMPORARY_SUFFIX, remove_temporary, write_atomic, write_error
from hcmoco_bench.errors import DataError, StoreError
from hcmoco_bench.lock import LOCK_FILE
from hcmoco_bench.prepare.manifest import MANIFEST_FILE, Manifest, dump_json, file_sha256
from hcmoco_bench.prepare.shard import read_note
from hcmoco_bench.prepare.store import CALIBRATION_FILE, PROBLEMS_FILE, SPLITS_FILE, Store
from hcmoco_bench.problems import Problem

PLAN_FILE = ".plan.json"
"""Names the plan of an unfinished store; gone when the manifest is written."""

RIG_PROBLEMS_FILE = ".calibration-problems.jsonl"
"""The calibration's problem lines, until they are in `problems.jsonl`."""

_SHARDS = "*-[0-9][0-9][0-9][0-9][0-9]-of-[0-9][0-9][0-9][0-9][0-9].parquet"


@dataclass(frozen=True)
class Workspace:
    """The folder of a store that is being written; its lock is held.

    Attributes:
        path: The folder.
        plan_sha256: Fingerprint of the plan that it is written by.
    """

    path: Path
    plan_sha256: str

    def begin(self, *, overwrite: bool) -> Store | None:
        """Make the folder ready: continue what has the same plan, refuse or remove what has another.

        Returns:
            The store, if it is finished, complete and of the same plan.

        Raises:
            StoreError: If something else is there and `overwrite` is not given.
        """
        remove_temporary(self.path)
        known = self._known_plan()
        if overwrite and known is not None:
            self._clear()
        elif known is None:
            self._refuse_strangers()
        elif known != self.plan_sha256:
            raise StoreError(
                f"{self.path}: holds a store made from other inputs or with other options; choose another --out, or "
                "give --overwrite to replace it"
            )
        elif (store := self._finished()) is not None:
            self.end()
            return store
        (self.path / MANIFEST_FILE).unlink(missing_ok=True)
        write_atomic(self.path / PLAN_FILE, dump_json({"plan_sha256": self.plan_sha256}))
        return None

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
        return hashlib.sha256(f"{self.plan_sha256} {file_sha256(self.path / CALIBRATION_FILE)}".encode()).hexdigest()

    def is_finished(self, file: str, recipe: str) -> bool:
        """Whether a shard is there, readable and of this recipe."""
        note = read_note(self.path / file)
        return note is not None and note.recipe == recipe

    def end(self) -> None:
        """Remove what only an unfinished store needs."""
        for name in (PLAN_FILE, RIG_PROBLEMS_FILE):
            (self.path / name).unlink(missing_ok=True)

    def _known_plan(self) -> str | None:
        """The plan that the folder belongs to, "" if that cannot be told; None if it is no store at all."""
        try:
            if (self.path / MANIFEST_FILE).exists():
                return Manifest.load(self.path).plan_sha256
            return str(json.loads((self.path / PLAN_FILE).read_bytes())["plan_sha256"])
        except FileNotFoundError:
            return None
        except (OSError, StoreError, ValueError, KeyError, TypeError):
            return ""

    def _finished(self) -> Store | None:
        """The store, if its manifest is there and so is every file it names, in its size."""
        try:
            store = Store.open(self.path)
            present = all(
                (self.path / name).stat().st_size == entry.bytes for name, entry in store.manifest.shards.items()
            )
            others = all((self.path / name).is_file() for name in (CALIBRATION_FILE, PROBLEMS_FILE, SPLITS_FILE))
        except (OSError, StoreError):
            return None
        return store if present and others else None

    def _refuse_strangers(self) -> None:
        strangers = [
            path.name
            for path in self.path.iterdir()
            if path.name != LOCK_FILE and not path.name.endswith(TEMPORARY_SUFFIX)
        ]
        if strangers:
            raise StoreError(
                f"{self.path}: is not empty and holds no store ({sorted(strangers)[0]}, ...); choose another --out"
            )

    def _clear(self) -> None:
        # The manifest first: without it the rest is an unfinished store and nothing else.
        names = [MANIFEST_FILE, SPLITS_FILE, PROBLEMS_FILE, CALIBRATION_FILE, RIG_PROBLEMS_FILE]
        shards = sorted(self.path.glob(_SHARDS))
        for path in [*(self.path / name for name in names), *shards, self.path / PLAN_FILE]:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise write_error(path, error) from error
