"""Which clips a generated tree has: names that NTU RGB+D could have given, and how long each clip is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.sources.ntu.names import ClipName, SampleId
from hcmoco_bench.synth.ntu.scene import generator

_FRAMES = (40, 91)
"""Shortest length of a clip and one more than the longest, if not given."""

_PERFORMANCES_A_SETUP = 3

PERFORMERS: Final = range(1, 107)
"""Numbers of NTU-120's performers."""

_FIRST_PERFORMERS: Final = 40
"""Performers of NTU-60 have the numbers 1 to 40."""

_ACTIONS, _REPLICATIONS = 60, 2
"""Actions that a setup shows, and how often each performer performs one there."""

_NUMBERS: Final = re.compile(r"([0-9]{1,6})(?:-([0-9]{1,6}))?")
"""A number or a range."""

_SETUPS: Final = 32
_FIRST_SETUPS: Final = 17
"""Setups of NTU-60 have the numbers 1 to 17."""


@dataclass(frozen=True)
class ClipPlan:
    """A clip to be made.

    Attributes:
        clip: Its name.
        n_frames: Its length.
        masks: Frames (from 1) whose part mask is written.
    """

    clip: ClipName
    n_frames: int
    masks: tuple[int, ...]


def plan_clips(
    n_clips: int,
    seed: int,
    *,
    n_frames: int | None = None,
    mask_every: int = 10,
    performers: Iterable[int] = PERFORMERS,
) -> tuple[ClipPlan, ...]:
    """Draw the clips of a tree.

    Every performance is seen by cameras 1, 2 and 3 of its setup (the last one by fewer, if the number does not
    divide); about three performances share a setup. NTU-60's setups (1-17) show actions 1-60, the others 61-120.

    Args:
        n_clips: How many, at least 1.
        seed: Of the tree.
        n_frames: Length of every clip; None draws 40 to 90.
        mask_every: A mask is written for frames 1 + k * mask_every.
        performers: Numbers of the performers; 1-40 are NTU-60's and in setups 1-17, 41-106 in the others. Without any
            of one kind, its setups are left out.

    Raises:
        UsageError: If a number makes no sense, or the performers have fewer performances than the clips need.
    """
    if n_clips < 1 or (n_frames is not None and n_frames < 1) or mask_every < 1:
        raise UsageError("clips, frames and the step between masks must be at least 1")
    numbers = sorted(set(performers))
    strangers = [number for number in numbers if number not in PERFORMERS]
    if strangers:
        raise UsageError(f"performer {strangers[0]}: NTU RGB+D has performers 1 to {PERFORMERS[-1]}")
    if not numbers:
        raise UsageError("no performer is given")
    first = [number for number in numbers if number <= _FIRST_PERFORMERS]
    others = [number for number in numbers if number > _FIRST_PERFORMERS]
    known = [setup for setup in range(1, _SETUPS + 1) if (first if setup <= _FIRST_SETUPS else others)]
    rng = generator(seed, "plan")
    n_performances = -(-n_clips // 3)
    n_setups = min(len(known), -(-n_performances // _PERFORMANCES_A_SETUP))
    fewest = min(len(one) for one in (first, others) if one)
    if -(-n_performances // n_setups) > fewest * _ACTIONS * _REPLICATIONS:
        raise UsageError(f"{n_clips} clips need more performances than these performers have; name more performers")
    setups = np.sort(np.array(known)[rng.permutation(len(known))[:n_setups]])
    seen: set[tuple[int, int, int, int]] = set()
    plans: list[ClipPlan] = []
    for number in range(n_performances):
        setup = int(setups[number * n_setups // n_performances])
        while True:
            first_part = setup <= _FIRST_SETUPS
            own = first if first_part else others
            performer = own[int(rng.integers(len(own)))]
            action = int(rng.integers(1, 61)) if first_part else int(rng.integers(61, 121))
            key = (setup, performer, int(rng.integers(1, 3)), action)
            if key not in seen:
                break
        seen.add(key)
        length = int(rng.integers(*_FRAMES)) if n_frames is None else n_frames
        masks = tuple(range(1, length + 1, mask_every))
        for camera in (1, 2, 3)[: n_clips - 3 * number]:
            plans.append(ClipPlan(ClipName(setup, camera, performer, key[2], action), length, masks))
    return tuple(sorted(plans, key=lambda plan: plan.clip))


def plan_samples(samples: Iterable[SampleId], seed: int) -> tuple[ClipPlan, ...]:
    """The clips that contain given samples, a few frames longer than needed, with masks of just those frames."""
    frames: dict[ClipName, set[int]] = {}
    for sample in samples:
        frames.setdefault(sample.clip, set()).add(sample.frame)
    plans = []
    for clip in sorted(frames):
        if clip.camera not in (1, 2, 3):
            raise UsageError(f"{clip}: a setup has cameras 1, 2 and 3 only")
        rng = generator(seed, "length", clip)
        plans.append(ClipPlan(clip, max(frames[clip]) + int(rng.integers(2, 12)), tuple(sorted(frames[clip]))))
    return tuple(plans)


def parse_names(lines: Sequence[str], source: str) -> tuple[SampleId, ...]:
    """Read sample ids, or lines of published lists (`images/<id>.jpg`); empty lines are skipped.

    Raises:
        DataError: For a line that is neither; names file and line.
    """
    samples = []
    for number, line in enumerate(lines, 1):
        text = line.strip().removeprefix("images/").removesuffix(".jpg")
        if not text:
            continue
        try:
            samples.append(SampleId.parse(text))
        except DataError as error:
            raise DataError(f"{source}, line {number}: {error}", kind="list_garbled", file=source) from error
    if not samples:
        raise DataError(f"{source}: no sample ids in it", kind="list_empty", file=source)
    return tuple(samples)


def parse_performers(text: str) -> tuple[int, ...]:
    """Numbers and ranges such as `1-20,41-73`, in increasing order.

    Raises:
        UsageError: If it is something else, or a range is empty.
    """
    found: set[int] = set()
    for part in text.split(","):
        read = _NUMBERS.fullmatch(part.strip())
        first, last = (0, -1) if read is None else (int(read[1]), int(read[2] or read[1]))
        if last < first:
            raise UsageError(f"--performers {text}: {part.strip()!r} is no number or range; write e.g. 1-20,41-73")
        found.update(range(first, last + 1))
    return tuple(sorted(found))
