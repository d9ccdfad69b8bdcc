"""The folder of a study: records that may be committed, and what is made on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hcmoco_bench.errors import UsageError
from hcmoco_bench.files.atomic import write_atomic, write_error
from hcmoco_bench.files.json import dump_json, read_json
from hcmoco_bench.study.cells import Cell
from hcmoco_bench.study.plan import Plan
from hcmoco_bench.training.run_files import CHECKPOINT_FILE, MODEL_FILE, RESULT_FILE, seed_folder

STUDY_FILE: Final = "study.json"


@dataclass(frozen=True)
class StudyFolder:
    """Where a study has its files; `root` may be relative.

    Attributes:
        root: The folder.
    """

    root: Path

    def record(self, cell: str) -> Path:
        """Folder of a cell's record."""
        return self.root / "cells" / cell

    def work(self, cell: str) -> Path:
        """Folder of a cell's lock, log and output on this machine."""
        return self.root / "work" / cell

    def out(self, cell: str) -> Path:
        """Output folder of a cell's commands."""
        return self.work(cell) / "out"

    def log(self, cell: str) -> Path:
        """What a cell's commands printed."""
        return self.work(cell) / "log.txt"

    def product(self, cell: Cell) -> str:
        """Path that other cells are given of a cell, relative to `root`: of its folder, or of a checkpoint."""
        out = self.out(cell.name).relative_to(self.root)
        return (out / CHECKPOINT_FILE if cell.kind == "pretrain" else out).as_posix()

    def is_there(self, cell: Cell) -> bool:
        """Whether all that a cell makes is there: its data, its checkpoint, or its result and the model behind it."""
        made = self.root / self.product(cell)
        found = [made]
        if cell.kind in ("finetune", "eval"):
            found.append(made / RESULT_FILE)
        if cell.kind == "finetune" and cell.seed is not None:
            found.append(seed_folder(made, cell.seed) / MODEL_FILE)
        return all(path.exists() for path in found)

    @property
    def drawn(self) -> Path:
        """Folder of drawn scores, which reports keep."""
        return self.root / "work" / "drawn"

    @property
    def report(self) -> Path:
        """Folder of the reports."""
        return self.root / "report"

    def prepare(self) -> None:
        """Make the folders; raises StoreError if that is not possible."""
        try:
            for name in ("cells", "work"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise write_error(self.root, error) from error
        ignored = self.root / "work" / ".gitignore"
        if not ignored.is_file():
            write_atomic(ignored, "*\n")

    def keep_plan(self, name: str, size: str | None, plan: Plan) -> None:
        """Write which plan this is, with all that it declares at its size.

        Raises:
            UsageError: If the folder holds the study of another plan or size.
            DataError: If `study.json` is damaged.
            StoreError: If it cannot be written.
        """
        kept = self.kept()
        if kept is not None and kept != (name, size):
            raise UsageError(
                f"{self.root}: holds the study {kept[0]}{_at(kept[1])}, not {name}{_at(size)}; give another --out"
            )
        content = dump_json({"schema": 1, "plan": name, "size": size, "resolved": plan.model_dump(mode="json")})
        path = self.root / STUDY_FILE
        if not path.is_file() or path.read_text("utf-8") != content:
            write_atomic(path, content)

    def kept(self) -> tuple[str, str | None] | None:
        """Name and size of the plan whose study this is; None if there is none yet.

        Raises:
            DataError: If `study.json` is damaged (`study_file`).
        """
        path = self.root / STUDY_FILE
        if not path.is_file():
            return None
        values = read_json(path, kind="study_file")
        size = values.get("size")
        return str(values.get("plan")), None if size is None else str(size)


def _at(size: str | None) -> str:
    return "" if size is None else f" at the size {size}"
