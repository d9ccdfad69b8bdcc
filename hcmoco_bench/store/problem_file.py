"""`problems.jsonl`: one line for each sample that was left out or is incomplete."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from hcmoco_bench.errors import StoreError
from hcmoco_bench.files.atomic import write_atomic
from hcmoco_bench.files.problems import Problem

PROBLEMS_FILE: Final = "problems.jsonl"


def read_problems(path: Path) -> tuple[Problem, ...]:
    """Read problem lines; raises StoreError if the file is missing or holds something else."""
    try:
        return tuple(Problem.from_json(line) for line in path.read_text("utf-8").split("\n") if line)
    except (OSError, ValueError, TypeError) as error:
        raise StoreError(f"{path}: cannot be read as problem lines ({error}); prepare anew") from error


def write_problems(path: Path, problems: Iterable[Problem]) -> None:
    """Write problem lines atomically, in the order given."""
    write_atomic(path, "".join(f"{problem.to_json()}\n" for problem in problems))
