"""Paths as a store names them: relative to the folder they were found under, the same on every machine."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from hcmoco_bench.files.outside_text import storable
from hcmoco_bench.files.problems import Problem

_BEFORE: Final = r"(?<![^\s'\"(\[=:,;])"
_AFTER: Final = r"(?=$|[\s'\")\]!:,;.])"
"""A folder in a text counts where a path can begin, and up to where one of its parts ends."""


@dataclass(frozen=True)
class PortablePaths:
    """Takes the folders that something was found under out of file names and messages.

    Attributes:
        folders: Absolute paths, `storable`, in the order in which they are tried.
    """

    folders: tuple[str, ...]

    @classmethod
    def under(cls, folders: Iterable[Path], *, otherwise: Iterable[Path] = ()) -> PortablePaths:
        """Relative to these folders, as given and with symbolic links resolved; to the longest that fits.

        Args:
            folders: Folders that the data themselves name, so that the result does not depend on what the user gave.
            otherwise: Folders that the user gave, for all that lies in none of `folders`.
        """
        return cls((*_texts(folders), *_texts(otherwise)))

    def text(self, text: str) -> str:
        """Shorten every path in a storable text: `/data/ntu/a.zip!b` to `a.zip!b`; the folder to its last part."""
        for folder in self.folders:
            if folder in text:
                text = re.sub(rf"{_BEFORE}{re.escape(folder)}(?:{re.escape(os.sep)}|{_AFTER})", _short, text)
        return text

    def problem(self, problem: Problem) -> Problem:
        """The problem line with portable paths."""
        return replace(problem, file=self.text(problem.file), reason=self.text(problem.reason))


def _texts(folders: Iterable[Path]) -> list[str]:
    texts = {storable(str(form)) for folder in folders for form in (folder.absolute(), folder.resolve())}
    return sorted(texts - {os.sep}, key=lambda text: (-len(text), text))


def _short(match: re.Match[str]) -> str:
    return "" if match[0].endswith(os.sep) else Path(match[0]).name
