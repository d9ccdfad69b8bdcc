from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.ntu import Asset, Skeleton, parse_skeleton, read_skeleton

Body = tuple[int, list[float], list[list[float]]]


def plain_parser(text: str) -> list[list[Body]]:
    """An independent reading: one iterator over all words, no notion of lines."""
    words = iter(text.split())
    frames = []
    for _ in range(int(next(words))):
        bodies = []
        for _ in range(int(next(words))):
            body_id = int(next(words))
            attributes = [float(next(words)) for _ in range(9)]
            joints = [[float(next(words)) for _ in range(12)] for _ in range(int(next(words)))]
            bodies.append((body_id, attributes, joints))
        frames.append(bodies)
    return frames


def write(frames: list[list[Body]], end: str = "\r\n", declared: int | None = None) -> str:
    lines = [str(len(frames) if declared is None else declared)]
    for bodies in frames:
        lines.append(str(len(bodies)))
        for body_id, attributes, joints in bodies:
            lines.append(" ".join([str(body_id)] + [f"{a:.7g}" for a in attributes]))
            lines.append(str(len(joints)))
            lines += [" ".join([f"{v:.7g}" for v in joint[:11]] + [str(int(joint[11]))]) for joint in joints]
    return end.join(lines) + end


def body(rng: np.random.Generator, body_id: int) -> Body:
    joints = np.concatenate([rng.normal(0, [1.0] * 3 + [300.0] * 4 + [0.5] * 4, (25, 11)), np.zeros((25, 1))], 1)
    joints[:, 11] = rng.integers(0, 3, 25)
    return body_id, rng.normal(size=9).round(3).tolist(), joints.tolist()


def clip(rng: np.random.Generator, bodies_per_frame: list[int]) -> list[list[Body]]:
    ids = [72057594037931648 + int(i) for i in rng.integers(0, 2000, 6)]
    return [[body(rng, ids[i]) for i in rng.permutation(6)[:n]] for n in bodies_per_frame]


def assert_holds(skeleton: Skeleton, frames: list[list[Body]]) -> None:
    flat = [(number, one) for number, bodies in enumerate(frames, start=1) for one in bodies]
    assert skeleton.frame.tolist() == [number for number, _ in flat]
    assert skeleton.body_id.tolist() == [one[0] for _, one in flat]
    expected = np.array([one[1] for _, one in flat], np.float32).reshape(-1, 9)
    np.testing.assert_array_equal(skeleton.attributes, expected)
    joints = np.array([one[2] for _, one in flat], np.float64).reshape(-1, 25, 12)
    found = [skeleton.joints_xyz, skeleton.joints_depth, skeleton.joints_color, skeleton.orientation]
    np.testing.assert_array_equal(np.concatenate(found, -1), joints[..., :11].astype(np.float32))
    np.testing.assert_array_equal(skeleton.tracking, joints[..., 11])


def assert_prefix(part: Skeleton, whole: Skeleton) -> None:
    n = len(part.frame)
    assert part.n_frames <= whole.n_frames
    assert n == int(np.searchsorted(whole.frame, part.n_frames + 1))
    for name in ("frame", "body_id", "attributes", "joints_xyz", "joints_depth", "joints_color", "orientation"):
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[:n])
    np.testing.assert_array_equal(part.tracking, whole.tracking[:n])


def refusal(data: bytes) -> str | None:
    """The kind of error that the bytes are refused with."""
    try:
        parse_skeleton(data, source="x")
    except DataError as error:
        return error.kind
    return None


@pytest.fixture(scope="module")
def text() -> str:
    return write(clip(np.random.default_rng(1), [1, 0, 2, 3, 0]))


@pytest.mark.real
def test_real_files_hold_what_a_plain_parser_reads(real_files: Path) -> None:
    paths = sorted((real_files / "ntu").glob("*.skeleton"))
    assert paths
    for path in paths:
        skeleton = read_skeleton(Asset(path))
        frames = plain_parser(path.read_text())
        assert (skeleton.declared_frames, skeleton.n_frames, skeleton.truncated) == (len(frames), len(frames), False)
        assert_holds(skeleton, frames)


@pytest.mark.real
def test_real_files_cut_anywhere_keep_their_complete_frames(real_files: Path) -> None:
    rng = np.random.default_rng(2)
    for path in sorted((real_files / "ntu").glob("*.skeleton")):
        data = path.read_bytes()
        whole = parse_skeleton(data, source="whole")
        for end in rng.integers(10, len(data) - 3, 40):
            part = parse_skeleton(data[:end], source="part")
            assert_prefix(part, whole)
            assert part.truncated
            assert part.declared_frames == whole.declared_frames


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "  \r\n", "\t\n"])
def test_any_line_end_and_changing_bodies(end: str) -> None:
    frames = clip(np.random.default_rng(3), [0, 2, 6, 1, 0, 3, 0])
    text = write(frames, end)
    skeleton = parse_skeleton(text.encode(), source="x")
    assert (skeleton.declared_frames, skeleton.n_frames, skeleton.truncated) == (7, 7, False)
    assert_holds(skeleton, plain_parser(text))
    assert [skeleton.at(frame).tolist() for frame in range(9)] == [
        [], [], [0, 1], [2, 3, 4, 5, 6, 7], [8], [], [9, 10, 11], [], [],
    ]  # fmt: skip


def test_shapes_and_types_even_without_anybody() -> None:
    for n in (0, 1):
        skeleton = parse_skeleton(write(clip(np.random.default_rng(4), [n])).encode(), source="x")
        expected = {
            "frame": ((n,), np.int32),
            "body_id": ((n,), np.int64),
            "attributes": ((n, 9), np.float32),
            "joints_xyz": ((n, 25, 3), np.float32),
            "joints_depth": ((n, 25, 2), np.float32),
            "joints_color": ((n, 25, 2), np.float32),
            "orientation": ((n, 25, 4), np.float32),
            "tracking": ((n, 25), np.uint8),
        }
        assert {name: (getattr(skeleton, name).shape, getattr(skeleton, name).dtype) for name in expected} == expected


def test_no_frames_at_all() -> None:
    skeleton = parse_skeleton(b"0\r\n", source="x")
    assert (skeleton.n_frames, skeleton.truncated, len(skeleton.frame)) == (0, False, 0)
    assert parse_skeleton(b"0", source="x") == skeleton


@pytest.mark.parametrize("body_id", [72057594037931649, 99999999999999999, 0, -5, 2**63 - 1])
def test_body_ids_are_exact(body_id: int) -> None:
    text = write([[body(np.random.default_rng(5), body_id)]])
    assert parse_skeleton(text.encode(), source="x").body_id.tolist() == [body_id]


@pytest.mark.parametrize(
    ("spelling", "value"),
    [
        ("nan", math.nan), ("NaN", math.nan), ("-nan", math.nan), ("-nan(ind)", math.nan), ("-1.#IND", math.nan),
        ("1.#QNAN", math.nan), ("inf", math.inf), ("-inf", -math.inf), ("Infinity", math.inf), ("1.#INF", math.inf),
        ("-1.#INF00", -math.inf), ("1e-7", 1e-7), ("-1.5E+3", -1500.0), ("+2.5", 2.5), (".5", 0.5), ("7.", 7.0),
        ("1e39", math.inf),
    ],
)  # fmt: skip
def test_spellings_of_numbers_in_joints_and_bodies(spelling: str, value: float) -> None:
    lines = write(clip(np.random.default_rng(6), [1])).split("\r\n")
    for line, column in ((2, 7), (8, 4)):
        words = lines[line].split(" ")
        words[column] = spelling
        lines[line] = " ".join(words)
    skeleton = parse_skeleton("\r\n".join(lines).encode(), source="x")
    np.testing.assert_array_equal(skeleton.attributes[0, 6], np.float32(value))
    np.testing.assert_array_equal(skeleton.joints_depth[0, 4, 1], np.float32(value))


def test_irregular_spaces_read_the_same() -> None:
    text = write(clip(np.random.default_rng(7), [2, 1]))
    assert parse_skeleton(text.replace(" ", " \t ").encode(), source="x") == parse_skeleton(text.encode(), source="y")
    padded = text.replace("\r\n", " \r\n ")
    assert parse_skeleton(padded.encode(), source="x") == parse_skeleton(text.encode(), source="y")


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_cut_anywhere_keeps_complete_frames_and_never_half_a_number(text: str, data: st.DataObject) -> None:
    raw = text.encode()
    whole = parse_skeleton(raw, source="whole")
    end = data.draw(st.integers(0, len(raw)))
    padding = data.draw(st.sampled_from([b"", b"\0", b"\0" * 4096]))
    if end <= len(b"5"):
        assert refusal(raw[:end] + padding) == "skeleton_empty"
        return
    part = parse_skeleton(raw[:end] + padding, source="part")
    assert part.declared_frames == 5
    assert part.truncated == (part.n_frames < 5)
    assert_prefix(part, whole)
    # Complete frames are kept: all that end before the cut.
    ends = np.cumsum([len("1\r\n")] + [len(write([frame])) - len("1\r\n") for frame in plain_parser(text)])
    assert part.n_frames >= int(np.searchsorted(ends[1:], end, side="right"))


def test_every_cut_inside_the_last_joint() -> None:
    raw = write(clip(np.random.default_rng(8), [1])).encode()
    for end in range(len(raw) - 60, len(raw)):
        part = parse_skeleton(raw[:end], source="x")
        assert part.n_frames == (1 if end >= len(raw) - 2 else 0), raw[:end][-30:]


def test_fewer_and_more_frames_than_declared() -> None:
    frames = clip(np.random.default_rng(9), [1, 2, 0])
    fewer = parse_skeleton(write(frames, declared=5).encode(), source="x")
    assert (fewer.declared_frames, fewer.n_frames, fewer.truncated) == (5, 3, True)
    more = parse_skeleton(write(frames, declared=2).encode(), source="x")
    assert (more.declared_frames, more.n_frames, more.truncated) == (2, 3, False)
    assert_prefix(fewer, more)
    followed = parse_skeleton((write(frames) + "end of file\r\n").encode(), source="x")
    assert (followed.n_frames, followed.truncated) == (3, False)


def test_absurd_counts_allocate_nothing() -> None:
    frames = parse_skeleton(f"{10**12}\r\n0\r\n".encode(), source="x")
    assert (frames.declared_frames, frames.n_frames, frames.truncated) == (10**12, 1, True)
    with pytest.raises(DataError, match=r"line 2 .*1000000000000 bodies"):
        parse_skeleton(f"1\r\n{10**12}\r\n".encode(), source="x")
    with pytest.raises(DataError, match="line 1"):
        parse_skeleton(b"9" * 10_000 + b"\n", source="x")


def edited(line: int, new: str) -> bytes:
    lines = write(clip(np.random.default_rng(10), [1, 1])).split("\r\n")
    lines[line - 1] = new
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "line 1"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "line 1"),
        (b"garbage", "line 1"),
        (b"-3\r\n0\r\n", "line 1"),
        (b"2.0\r\n0\r\n", "line 1"),
        (edited(2, "one"), "line 2"),
        (edited(3, "1 2 3"), "line 3"),
        (edited(3, "7.2e16 0 1 1 1 1 0 0 0 2"), "line 3"),
        (edited(3, f"{2**63} 0 1 1 1 1 0 0 0 2"), "line 3"),
        (edited(3, "7 0 1 1 one 1 0 0 0 2"), "line 3"),
        (edited(4, "20"), "line 4"),
        (edited(4, "0"), "line 4"),
        (edited(10, "1 2 3 4 5 6 7 8 9 10 11"), "line 10"),
        (edited(10, "1 2 3 4 5 6 7 8 9 10 11 2 13"), "line 10"),
        (edited(10, "1 2 3 4 5 6 7 8 9 10 1,5 2"), "line 10"),
        (edited(10, "1 2 3 4 5 6 7 8 9 10 1_5 2"), "line 10"),
        (edited(10, "1 2 3 4 5 6 7 8 9 10  2"), "line 10"),
        (edited(10, "1 2 3 4 5 6 7 8 9 10 \0 2"), "line 10"),
        (edited(10, "1 2 3 4 5 6 7 8 9 10 11 3"), "line 10"),
        (edited(10, "1 2 3 4 5 6 7 8 9 10 11 nan"), "line 10"),
        (edited(10, ""), "line 10"),
        (edited(30, "1\r\n1"), "line 31"),
    ],
)  # fmt: skip
def test_garbage_is_named_with_its_line(data: bytes, where: str) -> None:
    with pytest.raises(DataError, match=rf"folder/x\.skeleton: {where} ") as caught:
        parse_skeleton(data, source="folder/x.skeleton")
    assert (caught.value.kind, caught.value.file) == ("skeleton_garbled", "folder/x.skeleton")


@pytest.mark.parametrize("data", [b"", b" \r\n\t\n", b"\0" * 100, b"8"])
def test_nothing_is_empty(data: bytes) -> None:
    with pytest.raises(DataError) as caught:
        parse_skeleton(data, source="x")
    assert caught.value.kind == "skeleton_empty"


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for candidate in (data, b"3\r\n0\r\n" + data):
        assert refusal(candidate) in (None, "skeleton_empty", "skeleton_garbled")


def test_equality_sees_every_field_and_equal_nans() -> None:
    text = write(clip(np.random.default_rng(11), [1, 2]))
    lines = text.split("\r\n")
    lines[8] = "nan " * 11 + "0"
    one, two = (parse_skeleton("\r\n".join(lines).encode(), source=source) for source in "xy")
    assert np.isnan(one.joints_xyz).any()
    assert one == two
    assert one != parse_skeleton(text.encode(), source="y")
    assert one != parse_skeleton(write(clip(np.random.default_rng(12), [1, 2])).encode(), source="y")
    assert one != "something else"
