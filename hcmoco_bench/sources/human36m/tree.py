"""Finding Human3.6M's videos and part labels below a folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.sources.human36m.layout import (
    LABEL_FOLDER,
    POSITION_FOLDER,
    PROJECTION_FOLDER,
    TEST_SUBJECTS,
    TRAIN_SUBJECTS,
    VIDEO_FOLDER,
)
from hcmoco_bench.sources.human36m.names import SequenceName
from hcmoco_bench.sources.ntu.layout import GENERATED_MARK
from hcmoco_bench.sources.other_forms import (
    BACKSLASHES,
    PACKED,
    SPLIT,
    UNFINISHED,
    OtherForm,
    other_forms,
    seen_instead,
)

_VIDEOS: Final = OtherForm(
    "video_not_mp4",
    re.compile(r"\.(avi|m4v|mkv|mov|webm|mpe?g|wmv|cdf)$"),
    "videos in another form than the published .mp4, which are not read: their frames may be others",
    "give the published .mp4",
)
_LABELS: Final = OtherForm(
    "labels_other_form",
    re.compile(r"\.(npy|npz|png|h5|hdf5|pkl|cdf)$"),
    "part labels in another form than the published .mat, which are not read",
    "give the published .mat",
)
_POSITIONS: Final = OtherForm(
    "positions_other_form",
    re.compile(r"\.(npy|npz|mat|h5|hdf5|pkl|csv)$"),
    "positions of joints in another form than the published .cdf, which are not read",
    "give the published .cdf",
)
OTHER_FORMS: Final = (UNFINISHED, SPLIT, PACKED, BACKSLASHES, _VIDEOS, _LABELS, _POSITIONS)
"""Forms of recordings that are not read."""


@dataclass(frozen=True)
class Recording:
    """A video with its labels, and the joints in the camera's coordinates and in pixels if they are there."""

    name: SequenceName
    video: Path
    labels: Path
    positions: Path | None = None
    projections: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """All files of it."""
        return tuple(path for path in (self.video, self.labels, self.positions, self.projections) if path is not None)


@dataclass(frozen=True)
class Human36mTree:
    """What is there.

    Attributes:
        root: The folder that holds `S1`, `S5`, ...
        recordings: Videos that have labels, in the published order.
        problems: Videos without labels (`labels_missing`) and labels without a video (`video_missing`); recordings
            without positions where others have them (`positions_missing`, kept); subjects of whom nothing can be used
            (`subject_absent`, kept); files in other forms (`OTHER_FORMS`).
        generated: Whether the tree was generated, and is not licensed data.
    """

    root: Path
    recordings: tuple[Recording, ...]
    problems: tuple[Problem, ...]
    generated: bool

    @property
    def has_positions(self) -> bool:
        """Whether a recording has positions of joints."""
        return any(one.positions or one.projections for one in self.recordings)


def scan(root: Path) -> Human36mTree:
    """Look for the recordings of the subjects whose labels are published.

    Args:
        root: The folder with `S1`, `S5`, ..., or one that holds this one.

    Raises:
        DataError: Kind `root_unreadable`, or `no_recordings` if no subject has a video with labels.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; give Human3.6M's folder", kind="root_unreadable", file=str(root))
    base = _subjects_folder(root)
    recordings: list[Recording] = []
    problems: list[Problem] = []
    for subject in (*TRAIN_SUBJECTS, *TEST_SUBJECTS):
        folder = base / f"S{subject}"
        videos = _files(folder / VIDEO_FOLDER, subject, ".mp4")
        labels = _files(folder / LABEL_FOLDER, subject, ".mat")
        places = _files(folder / POSITION_FOLDER, subject, ".cdf")
        planes = _files(folder / PROJECTION_FOLDER, subject, ".cdf")
        for name in sorted(videos.keys() | labels.keys()):
            if name in videos and name in labels:
                recordings.append(Recording(name, videos[name], labels[name], places.get(name), planes.get(name)))
                continue
            kind, there, folder_name = (
                ("labels_missing", videos[name], LABEL_FOLDER) if name in videos
                else ("video_missing", labels[name], VIDEO_FOLDER)
            )  # fmt: skip
            reason = f"{there}: has no counterpart in S{subject}/{folder_name}; extract it there"
            problems.append(Problem(str(name), kind, str(there), reason))
    problems += _without_positions(recordings)
    problems += _absent(base, recordings, generated=_generated(root, base))
    if problems or not recordings:
        problems += _not_read(base)
    if not recordings:
        raise DataError(
            f"{root}: no video S*/{VIDEO_FOLDER}/*.mp4 that has labels S*/{LABEL_FOLDER}/*.mat, for the subjects "
            f"{', '.join(map(str, (*TRAIN_SUBJECTS, *TEST_SUBJECTS)))}; give the folder that holds S1, S5, ..."
            f"{seen_instead(problems)}",
            kind="no_recordings",
            file=str(root),
        )
    return Human36mTree(base, tuple(recordings), tuple(problems), _generated(root, base))


def scan_positions(root: Path, subjects: Sequence[int]) -> dict[SequenceName, Path]:
    """Find the files of joint positions of some subjects; videos and labels may be absent.

    Args:
        root: The folder with `S1`, `S5`, ..., or one that holds this one.
        subjects: Whose files are wanted.

    Returns:
        Paths by recording, in the published order.

    Raises:
        DataError: Kind `root_unreadable`, or `no_positions` if there is none.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; give Human3.6M's folder", kind="root_unreadable", file=str(root))
    base = _subjects_folder(root)
    found: dict[SequenceName, Path] = {}
    for subject in subjects:
        files = _files(base / f"S{subject}" / POSITION_FOLDER, subject, ".cdf")
        found |= {name: files[name] for name in sorted(files)}
    if not found:
        folders = [base / f"S{subject}" for subject in subjects]
        packed = [*other_forms([*folders, *(one / POSITION_FOLDER for one in folders)], (UNFINISHED, SPLIT, PACKED))]
        raise DataError(
            f"{root}: no joint positions S*/{POSITION_FOLDER}/*.cdf of the subjects {', '.join(map(str, subjects))}; "
            f"give the folder that holds S1, S5, ...{seen_instead(packed)}",
            kind="no_positions",
            file=str(root),
        )
    return found


def _not_read(base: Path) -> list[Problem]:
    """What lies where recordings are looked for, in forms that are not read; one line for each form."""
    subjects = [base / f"S{subject}" for subject in (*TRAIN_SUBJECTS, *TEST_SUBJECTS)]
    found = [*other_forms([base, *subjects], (UNFINISHED, SPLIT, PACKED, BACKSLASHES))]
    found += other_forms([subject / VIDEO_FOLDER for subject in subjects], (UNFINISHED, SPLIT, PACKED, _VIDEOS))
    found += other_forms([subject / LABEL_FOLDER for subject in subjects], (UNFINISHED, SPLIT, PACKED, _LABELS))
    places = [subject / folder for subject in subjects for folder in (POSITION_FOLDER, PROJECTION_FOLDER)]
    found += other_forms(places, (UNFINISHED, SPLIT, PACKED, _POSITIONS))
    return found


def _without_positions(recordings: Sequence[Recording]) -> Iterator[Problem]:
    """A line for each recording that has no positions, if others have."""
    if not any(one.positions or one.projections for one in recordings):
        return
    for one in recordings:
        if one.positions is None and one.projections is None:
            reason = (
                f"{one.video}: has no counterpart in S{one.name.subject}/{POSITION_FOLDER}; its frames have no 3-D "
                "joints. Extract it there"
            )
            yield Problem(str(one.name), "positions_missing", str(one.video), reason, kept=True)


def _absent(base: Path, recordings: Sequence[Recording], *, generated: bool) -> Iterator[Problem]:
    """One line that names the subjects without any recording: the splits lack them whole, which changes every score."""
    present = {recording.name.subject for recording in recordings}
    absent = [subject for subject in (*TRAIN_SUBJECTS, *TEST_SUBJECTS) if subject not in present]
    if absent and present and not generated:
        names = ", ".join(f"S{subject}" for subject in absent)
        reason = (
            f"{base}: no video with labels of {names}; the splits are made without them, so that scores are not those "
            "of the published split. Extract them there"
        )
        yield Problem("", "subject_absent", str(base), reason, kept=True)


def _generated(*folders: Path) -> bool:
    return any((folder / GENERATED_MARK).is_file() for folder in folders)


def _subjects_folder(root: Path) -> Path:
    subjects = {f"S{subject}" for subject in (*TRAIN_SUBJECTS, *TEST_SUBJECTS)}
    for folder, names, _ in os.walk(root):
        if subjects & set(names):
            return Path(folder)
        depth = len(Path(folder).relative_to(root).parts)
        names[:] = sorted(names) if depth < 2 else []
    return root


def _files(folder: Path, subject: int, suffix: str) -> dict[SequenceName, Path]:
    if not folder.is_dir():
        return {}
    found = {}
    for path in sorted(folder.iterdir()):
        name = SequenceName.of_file(subject, path.stem) if path.suffix.lower() == suffix else None
        if name is not None:
            found[name] = path
    return found
