"""The prior of Human3.6M's published joint positions, of the training subjects alone."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from hcmoco_bench.body import joint_mapping
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.priors.selection import MadePrior, Selection
from hcmoco_bench.priors.skeleton_prior import JOINTS
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources.human36m.layout import EVERY, POSE_JOINTS, TRAIN_SUBJECTS
from hcmoco_bench.sources.human36m.positions import read_positions
from hcmoco_bench.sources.human36m.tree import scan_positions

_MILLIMETERS: Final = 1000.0
_LABEL: Final = "recordings"


def human36m_prior(
    root: Path, *, number: int = 10_000, every: int = EVERY, progress: Progress = no_progress
) -> MadePrior:
    """Make a prior of the files `S*/MyPoseFeatures/D3_Positions_mono/*.cdf` of the training subjects 1, 5, 6, 7 and 8.

    The test subjects 9 and 11 are left out, so that a model that learns from the prior has not seen them. All
    cameras are used as they stand; a body is a subject.

    Args:
        root: Human3.6M's folder.
        number: Skeletons to take at most, at even distances.
        every: One frame of so many is looked at; 25 is the field's choice.
        progress: Told the number of recordings read.

    Returns:
        The prior, what was left out, and the files that could not be read.

    Raises:
        UsageError: If a number makes no sense.
        DataError: Kind `root_unreadable` or `no_positions`, or `prior_empty` if no skeleton is left.
    """
    if number < 1 or every < 1:
        raise UsageError(f"{number} skeletons of one frame in {every}: give 1 or more of both")
    files = scan_positions(root, TRAIN_SUBJECTS)
    mapping = joint_mapping(POSE_JOINTS, JOINTS)
    selection = Selection()
    progress(_LABEL, 0, len(files))
    for done, (name, path) in enumerate(files.items(), 1):
        try:
            selection.add(read_positions(path)[::every, mapping] / _MILLIMETERS, name.subject)
        except DataError as error:
            selection.problems.append(Problem.from_error(str(name), error))
        progress(_LABEL, done, len(files))
    subjects = sorted({name.subject for name in files})
    source = f"Human3.6M, training subjects {' '.join(map(str, subjects))}, one frame in {every}"
    return selection.made(number, source=source, file=root)
