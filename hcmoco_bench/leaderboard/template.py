"""What an author fills in to submit a row: a short file for results, a table for the figures of a paper."""

from __future__ import annotations

import tomllib
from pathlib import Path
from textwrap import wrap
from typing import Any, Final

from pydantic import ValidationError

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.templates import render_template
from hcmoco_bench.leaderboard.rows.row_file import Submission
from hcmoco_bench.tasks.core.registry import get_task
from hcmoco_bench.tasks.core.task import Task

_FOLDER: Final = Path(__file__).resolve().parent / "templates"
_WIDTH: Final = 110


def submission_template(task: str | Task[Any]) -> str:
    """A TOML file for somebody who has predictions or a model: fields to fill in, and the commands to run.

    Raises:
        UsageError: If there is no such task.
    """
    record = get_task(task).record
    return render_template(_FOLDER / "submission.toml", {"record": record, "layout": wrap(record.predictions, _WIDTH)})


def paper_template(task: str | Task[Any]) -> str:
    """A TOML file for figures that a paper prints; see `published.schema`.

    Raises:
        UsageError: If there is no such task.
    """
    record = get_task(task).record
    names = tuple(dict.fromkeys(split.name for split in record.splits))
    return render_template(_FOLDER / "paper.toml", {"record": record, "splits": names})


def read_submission(path: Path) -> Submission:
    """Read what `submission_template` wrote after it was filled in.

    Raises:
        DataError: If it cannot be read, or fields are unknown, missing or not filled in (`submission`).
    """
    try:
        values = tomllib.loads(path.read_text("utf-8"))
        return Submission.model_validate(values)
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'file'}: {one['msg']}" for one in error.errors()[:4])
        raise _error(path, told) from error
    except (OSError, ValueError) as error:
        raise _error(path, f"cannot be read as TOML ({error})") from error


def _error(path: Path, what: str) -> DataError:
    return DataError(
        f"{path}: {what}; leaderboard template writes a file to fill in", kind="submission", file=str(path)
    )
