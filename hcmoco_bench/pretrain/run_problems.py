"""The problem lines of a run: what its data leaves out, and what turned out to be damaged while it was learned from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from hcmoco_bench.files.problems import Problem
from hcmoco_bench.store.problem_file import PROBLEMS_FILE, read_problems, write_problems

_NAMED: Final = 5


class RunProblems:
    """The lines in a run's folder, each written when it is first met; a run without any has no file.

    Args:
        folder: Of the run.
        writes: Whether this process writes the file; others keep their lines to themselves.
    """

    def __init__(self, folder: Path, *, writes: bool) -> None:
        self.path = folder / PROBLEMS_FILE
        self._writes = writes
        self._lines: dict[Problem, None] = {}

    def begin(self, problems: Iterable[Problem], *, resumed: bool) -> None:
        """Start with the lines of the data, and with those of earlier calls of a run that is resumed."""
        before = read_problems(self.path) if resumed and self._writes and self.path.is_file() else ()
        self._lines = dict.fromkeys((*problems, *before))
        self._write()

    def add(self, problems: Iterable[Problem]) -> None:
        """Keep the lines that are new."""
        known = len(self._lines)
        self._lines.update(dict.fromkeys(problems))
        if len(self._lines) > known:
            self._write()

    def notes(self) -> tuple[str, ...]:
        """One sentence that counts the lines by kind; none without lines."""
        if not self._lines:
            return ()
        counts = Counter(problem.kind for problem in self._lines).most_common()
        listed = ", ".join(f"{count:,} {kind}" for kind, count in counts[:_NAMED])
        return (f"problems with the images: {listed}{', ...' if len(counts) > _NAMED else ''}; see {self.path}",)

    def _write(self) -> None:
        if not self._writes:
            return
        if self._lines:
            write_problems(self.path, sorted(self._lines))
        else:
            self.path.unlink(missing_ok=True)
