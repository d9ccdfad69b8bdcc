"""Recordings in forms that are not read: counted by kind while a tree is searched, and named with what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
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


_CLIP: Final = r"s\d{3}c\d{3}p\d{3}r\d{3}a\d{3}.*"

OTHER_FORMS: Final = (
    OtherForm(
        "names_with_backslashes",
        re.compile(r"\\.*(\.avi|\.skeleton|\.png)$"),
        "files with backslashes in their names, unpacked by a program that took folders for names",
        "give the archive itself, which is read as it is, or unpack it with 7z or unzip",
    ),
    OtherForm(
        "archive_split",
        re.compile(r"\.(zip|7z|rar)\.\d{3}$|\.z\d{2}$|\.part\d+\.rar$"),
        "parts of split archives, which are not read",
        "unpack them with 7z, or join them: `cat NAME.zip.* > NAME.zip`, or `zip -s 0 NAME.zip --out WHOLE.zip` for "
        "NAME.z01",
    ),
    OtherForm(
        "archive_not_zip",
        re.compile(r"\.(tar|tgz|tbz2?|txz|7z|rar|gz|bz2|xz|zst)$"),
        "archives of another kind than .zip, which are not read",
        "unpack them below a root",
    ),
    OtherForm(
        "archive_nested",
        re.compile(r"\.zip$"),
        "archives inside of an archive, which are not read",
        "unpack the outer archive",
    ),
    OtherForm(
        "recording_renamed",
        re.compile(_CLIP + r"(\.skeleton\W.*|(?<!_rgb)(?<!_ir)\.avi)$"),
        "recordings under other names than those they are published with",
        "rename them to <clip>_rgb.avi and <clip>.skeleton",
    ),
    OtherForm(
        "video_not_avi",
        re.compile(_CLIP + r"\.(mp4|m4v|mkv|mov|webm|mpe?g|wmv)$"),
        "videos in another form than the published .avi, which are not read: their frames may be others",
        "give the published <clip>_rgb.avi",
    ),
    OtherForm(
        "recording_other_form",
        re.compile(_CLIP + r"\.(npy|npz|mat|pkl|h5|json|csv|txt)$"),
        "recordings in another form than the published one, which are not read",
        "give the published <clip>.skeleton and <clip>/MDepth-*.png",
    ),
)
"""In the order in which they are tried."""


@dataclass
class OtherForms:
    """What a search came upon.

    Attributes:
        seen: For each form its first file and the number of files.
    """

    seen: dict[OtherForm, tuple[str, int]] = field(default_factory=dict)

    def see(self, name: str, file: str) -> bool:
        """Count a file that is no recording as published; whether it is of a known form.

        Args:
            name: Its name.
            file: The file as the user knows it.
        """
        form = next((form for form in OTHER_FORMS if form.name.search(name.lower())), None)
        if form is not None:
            first, count = self.seen.get(form, (file, 0))
            self.seen[form] = first, count + 1
        return form is not None

    def problems(self) -> Iterator[Problem]:
        """One line for each form."""
        for form, (first, count) in self.seen.items():
            yield Problem("", form.kind, first, f"{first}: the first of {count:,} {form.what}; {form.advice}")
