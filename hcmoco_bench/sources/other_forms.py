"""Files in forms that are not read: counted by kind while a data set is searched, and named with what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hcmoco_bench.files.problems import Problem


@dataclass(frozen=True)
class OtherForm:
    """A form that is known and not read.

    Attributes:
        kind: Kind of the problem line.
        name: Matches the ends of its files' names, in lower case.
        what: What such files are, in the plural.
        advice: What to do.
    """

    kind: str
    name: re.Pattern[str]
    what: str
    advice: str


SPLIT: Final = OtherForm(
    "archive_split",
    re.compile(r"\.(zip|7z|rar|tgz|tar\.gz)\.(\d{3}|part\w*)$|\.z\d{2}$|\.part\d+\.rar$"),
    "parts of split archives, which are not read",
    "unpack them with 7z, or join them: `cat NAME.zip.* > NAME.zip`, or `zip -s 0 NAME.zip --out WHOLE.zip` for "
    "NAME.z01",
)
UNFINISHED: Final = OtherForm(
    "download_unfinished",
    re.compile(r"\.(part|partial|crdownload|download|opdownload|filepart|aria2|!ut|!qb)$"),
    "downloads that have not ended",
    "end them, or fetch these files again",
)
NOT_ZIP: Final = OtherForm(
    "archive_not_zip",
    re.compile(r"\.(tar|tgz|tbz2?|txz|7z|rar|gz|bz2|xz|zst)$"),
    "archives of another kind than .zip, which are not read",
    "unpack them below a root",
)
PACKED: Final = OtherForm(
    "archive_packed",
    re.compile(r"\.(zip|tar|tgz|tbz2?|txz|7z|rar|gz|bz2|xz|zst)$"),
    "archives, which are not read",
    "unpack them there",
)
BACKSLASHES: Final = OtherForm(
    "names_with_backslashes",
    re.compile(r"\\.*\.\w+$"),
    "files with backslashes in their names, unpacked by a program that took folders for names",
    "unpack the archive anew with 7z or unzip",
)


@dataclass
class OtherForms:
    """What a search came upon.

    Attributes:
        known: The forms, in the order in which they are tried.
        seen: For each form its first file and the number of files.
    """

    known: Sequence[OtherForm]
    seen: dict[OtherForm, tuple[str, int]] = field(default_factory=dict)

    def see(self, name: str, file: str) -> bool:
        """Count a file that is not in the published form; whether it is of a known one.

        Args:
            name: Its name.
            file: The file as the user knows it.
        """
        form = next((form for form in self.known if form.name.search(name.lower())), None)
        if form is not None:
            self.count(form, file)
        return form is not None

    def count(self, form: OtherForm, file: str) -> None:
        """Count a file of a form, whatever its name is."""
        first, count = self.seen.get(form, (file, 0))
        self.seen[form] = first, count + 1

    def problems(self) -> Iterator[Problem]:
        """One line for each form."""
        for form, (first, count) in self.seen.items():
            yield Problem("", form.kind, first, f"{first}: the first of {count:,} {form.what}; {form.advice}")


def other_forms(folders: Iterable[Path], known: Sequence[OtherForm]) -> tuple[Problem, ...]:
    """What some folders hold that is not read, one line for each form; what lies deeper is not searched."""
    forms = OtherForms(known)
    for folder in folders:
        try:
            names = sorted(path.name for path in folder.iterdir() if not path.name.startswith(".") and path.is_file())
        except OSError:
            continue  # whoever reads it says what is wrong
        for name in names:
            forms.see(name, str(folder / name))
    return tuple(forms.problems())


def seen_instead(problems: Iterable[Problem]) -> str:
    """For the end of a message that something is missing: what was seen in its place and is not read."""
    return "".join(f". {problem.reason}" for problem in problems if problem.kind in NOT_READ)


NOT_READ: Final = {
    "archive_nested",
    "archive_not_zip",
    "archive_packed",
    "archive_split",
    "annotations_not_json",
    "depth_other_form",
    "download_unfinished",
    "labels_other_form",
    "names_with_backslashes",
    "recording_other_form",
    "recording_renamed",
    "video_not_avi",
    "video_not_mp4",
    "zip_locked",
    "zip_unreadable",
}
"""Kinds of problem lines about files that were seen and not read."""
