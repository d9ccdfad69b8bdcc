"""Forms of NTU's recordings that are not read."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import Final

from hcmoco_bench.sources.other_forms import BACKSLASHES, NOT_ZIP, SPLIT, UNFINISHED, OtherForm

_CLIP: Final = r"s\d{3}c\d{3}p\d{3}r\d{3}a\d{3}.*"

OTHER_FORMS: Final = (
    replace(
        BACKSLASHES,
        name=re.compile(r"\\.*(\.avi|\.skeleton|\.png)$"),
        advice="give the archive itself, which is read as it is, or unpack it with 7z or unzip",
    ),
    UNFINISHED,
    SPLIT,
    NOT_ZIP,
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
        "depth_other_form",
        re.compile(r"^m?depth-?\d+\.(?!png$)\w+$"),
        "depth frames in another form than the published .png, which are not read",
        "give the published <clip>/MDepth-*.png",
    ),
    OtherForm(
        "recording_other_form",
        re.compile(_CLIP + r"\.(npy|npz|mat|pkl|h5|json|csv|txt)$"),
        "recordings in another form than the published one, which are not read",
        "give the published <clip>.skeleton and <clip>/MDepth-*.png",
    ),
)
"""In the order in which they are tried."""


@cache
def locked(why: str) -> OtherForm:
    """Recordings that an archive holds and nobody can take out of it, e.g. because they `need a password`."""
    return OtherForm(
        "zip_locked",
        re.compile(r"(?!)"),  # known by the archive, not by their names
        f"recordings that {why}",
        "unpack the archive with 7z and give the folder",
    )
