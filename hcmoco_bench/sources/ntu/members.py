"""Names of an archive's members: by folder, and those that lead out of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

_DRIVE = re.compile(r"[A-Za-z]:")


def runs(members: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Members by folder, as long as those of one folder follow each other: the folder, and their names in it."""
    for folder, run in groupby(members, key=folder_of):
        yield folder, [member.rpartition("/")[2] for member in run]


def folder_of(member: str) -> str:
    """The folder of a member, or the one above a folder; "/" if its name begins with the only slash in it."""
    folder, slash, _ = member.rpartition("/")
    return folder or ("/" if slash else "")


def leads_outside(folder: str) -> bool:
    """Whether unpacking a folder of an archive would write outside of where it is unpacked."""
    return folder.startswith("/") or _DRIVE.match(folder) is not None or ".." in folder.split("/")
