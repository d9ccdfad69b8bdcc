"""The line structure of `.skeleton` files: which lines are complete frames, and where the joints' lines are."""

from __future__ import annotations

from dataclasses import dataclass, field

from hcmoco_bench.sources.ntu.skeleton_numbers import GarbledLineError, parse_number

JOINTS = 25
"""Joints of Kinect v2."""

JOINT_FIELDS = 12
"""Numbers on a joint's line."""

MOST_BODIES = 6
"""Bodies that Kinect v2 tracks at once."""

_BODY_FIELDS = 10
_INT64 = range(-(2**63), 2**63)


@dataclass
class SkeletonLines:
    """The complete frames of a file, not yet turned into arrays; one entry per body and frame, M in all.

    Attributes:
        declared_frames: The first line's number.
        n_frames: Number of complete frames.
        frame: Frame of each record, counted from 1.
        body_id: Tracker's id of each record.
        attributes: The nine other numbers of each body's line.
        joints: The joints' lines, 25 a record.
        joint_line_numbers: Line number, from 1, of each record's first joint.
    """

    declared_frames: int
    n_frames: int = 0
    frame: list[int] = field(default_factory=list)
    body_id: list[int] = field(default_factory=list)
    attributes: list[list[float]] = field(default_factory=list)
    joints: list[bytes] = field(default_factory=list)
    joint_line_numbers: list[int] = field(default_factory=list)


class _EndOfFileError(Exception):
    """The lines end inside a frame."""


def read_lines(data: bytes) -> SkeletonLines:
    """Sort a file's lines into frames and bodies.

    Raises:
        GarbledLineError: If a line is not what its place asks for; cut-off files are no error.
    """
    # Interrupted copies leave zero bytes at the end: the same as being cut off there.
    data = data.rstrip(b"\0")
    lines = data.splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise GarbledLineError("it is empty", empty=True)
    # A line without an end may be cut off: then it is no error if it is not what it should be. It cannot pass for
    # another whole frame either: a frame ends with "0" bodies or with a tracking state, which has one digit.
    open_line = 0 if data.rstrip(b" \t").endswith((b"\r", b"\n")) else len(lines)
    lines[-1] = lines[-1].strip()
    if open_line == 1 and lines[0] != b"0":
        raise GarbledLineError("it ends within its first line", line=1, empty=lines[0].isdigit())
    found = SkeletonLines(_count(lines[0], 1, "the number of frames"))
    position = 1
    while position < len(lines):
        try:
            position = _read_frame(lines, position, found)
        except _EndOfFileError:
            break
        except GarbledLineError as error:
            if error.line == open_line or found.n_frames >= found.declared_frames:
                break
            raise
    return found


def _read_frame(lines: list[bytes], position: int, found: SkeletonLines) -> int:
    """Read the frame whose first line is at `position`; return the position after it."""
    n_bodies = _count(lines[position], position + 1, "the number of bodies")
    if n_bodies > MOST_BODIES:
        raise GarbledLineError(f"{n_bodies} bodies, but the sensor tracks at most {MOST_BODIES}", line=position + 1)
    position += 1
    bodies = []
    for _ in range(n_bodies):
        first_joint = position + 2
        end = first_joint + JOINTS
        if position < len(lines):
            body_id, attributes = _body(lines[position], position + 1)
        if position + 1 < len(lines):
            n_joints = _count(lines[position + 1], position + 2, "the number of joints")
            if n_joints != JOINTS:
                raise GarbledLineError(f"{n_joints} joints instead of {JOINTS}", line=position + 2)
        joints = lines[first_joint:end]
        for number, line in enumerate(joints, start=first_joint + 1):
            # Counting single spaces is much the faster way, and nearly always enough.
            if line.count(b" ") != JOINT_FIELDS - 1 and len(line.split()) != JOINT_FIELDS:
                raise GarbledLineError(f"{len(line.split())} numbers instead of {JOINT_FIELDS}", line=number)
        if end > len(lines):
            raise _EndOfFileError
        bodies.append((body_id, attributes, joints, first_joint + 1))
        position = end
    found.n_frames += 1
    for body_id, attributes, joints, number in bodies:
        found.frame.append(found.n_frames)
        found.body_id.append(body_id)
        found.attributes.append(attributes)
        found.joints += joints
        found.joint_line_numbers.append(number)
    return position


def _count(line: bytes, number: int, what: str) -> int:
    text = line.strip()
    if not text.isdigit() or len(text) > 18:
        raise GarbledLineError(f"{what} is expected, found {line[:40]!r}", line=number)
    return int(text)


def _body(line: bytes, number: int) -> tuple[int, list[float]]:
    tokens = line.split()
    if len(tokens) != _BODY_FIELDS:
        raise GarbledLineError(f"{len(tokens)} numbers instead of a body's {_BODY_FIELDS}", line=number)
    digits = tokens[0].removeprefix(b"-")
    if not digits.isdigit() or len(digits) > 19 or int(tokens[0]) not in _INT64:
        raise GarbledLineError(f"{tokens[0][:40]!r} is not a body id", line=number)
    return int(tokens[0]), [parse_number(token, number) for token in tokens[1:]]
