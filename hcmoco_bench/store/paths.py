"""Paths as a store names them: relative to the folder they were found under, the same on every machine."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from hcmoco_bench.files.outside_text import storable
from hcmoco_bench.files.problems import Problem


@dataclass(frozen=True)
class PortablePaths:
    """Takes the folders that the user gave out of file names and messages.

    Attributes:
        folders: Absolute paths, `storable`, longest first.
    """

    folders: tuple[str, ...]

    @classmethod
    def under(cls, folders: Iterable[Path]) -> PortablePaths:
        """Relative to these folders, as given and with symbolic links resolved."""
        texts = {storable(str(form)) for folder in folders for form in (folder.absolute(), folder.resolve())}
        return cls(tuple(sorted(texts - {os.sep}, key=lambda text: (-len(text), text))))

    def text(self, text: str) -> str:
        """Shorten every path in a storable text: `/data/ntu/a.zip!b` to `a.zip!b`; the folder to its last part."""
        for folder in self.folders:
            text = text.replace(folder + os.sep, "").replace(folder, Path(folder).name)
        return text

    def problem(self, problem: Problem) -> Problem:
        """The problem line with portable paths."""
        return replace(problem, file=self.text(problem.file), reason=self.text(problem.reason))
