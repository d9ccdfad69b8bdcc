"""Human3.6M's joint positions: read as written by another program, and every kind of bad file."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from cdflib.cdfwrite import CDF
from hypothesis import given, settings
from hypothesis import strategies as st

from hcmoco_bench.body import joint_mapping, joint_set
from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.human36m.positions import read_positions, read_projections


def poses(frames: int = 5) -> np.ndarray:
    """(F, 32, 3) mm with thighs of 400 mm; every value occurs once."""
    rng = np.random.default_rng(0)
    joints = rng.normal([0, 0, 5000], 300, (frames, 32, 3))
    joints[:, 2] = joints[:, 1] + [0, 400, 0]
    return joints.astype(np.float32).astype(np.float64)


def write(
    path: Path,
    values: np.ndarray,
    *,
    variable: str = "Pose",
    kind: int = CDF.CDF_FLOAT,
    packed: int = 0,
    spec: dict | None = None,
) -> Path:
    """A CDF file with one variable of one record; `values` as (F, n)."""
    columns = (spec or {}).get("Majority") == "column_major"
    with CDF(path, cdf_spec=spec) as file:
        about = {
            "Variable": variable,
            "Data_Type": kind,
            "Num_Elements": 1,
            "Rec_Vary": True,
            "Dim_Sizes": list(values.shape),
            "Compress": packed,
        }
        file.write_var(about, var_data=np.ascontiguousarray(values.T if columns else values)[None])
    return path


def flat(joints: np.ndarray) -> np.ndarray:
    return joints.reshape(len(joints), -1).astype(np.float32)


@pytest.mark.parametrize("packed", [0, 6])
@pytest.mark.parametrize(
    "spec", [{}, {"Majority": "column_major"}, {"Compressed": 6}, {"Encoding": "NETWORK_ENCODING"}]
)
def test_positions_are_read_as_written(tmp_path: Path, packed: int, spec: dict) -> None:
    joints = poses()
    file = write(tmp_path / "a.cdf", flat(joints), packed=packed, spec=spec)

    np.testing.assert_array_equal(read_positions(file), joints)


def test_double_precision_and_projections(tmp_path: Path) -> None:
    joints = poses() + 1e-9
    file = write(tmp_path / "a.cdf", joints.reshape(5, -1), kind=CDF.CDF_DOUBLE)
    plane = write(tmp_path / "b.cdf", joints[..., :2].reshape(5, -1), kind=CDF.CDF_DOUBLE)

    np.testing.assert_array_equal(read_positions(file), joints)
    np.testing.assert_array_equal(read_projections(plane), joints[..., :2])


def test_the_scored_joints_are_named_alike_in_both_sets() -> None:
    whole, scored = joint_set("h36m32"), joint_set("h36m17")

    assert tuple(whole.joints[i] for i in joint_mapping("h36m32", "h36m17")) == scored.joints


def bad_files(folder: Path) -> dict[str, tuple[Path, str, str]]:
    """Files by case with the kind of error and words of its message."""
    joints = flat(poses())
    good = write(folder / "good.cdf", joints).read_bytes()
    nan, zero = joints.copy(), joints.copy()
    nan[3, 5], zero[2] = np.nan, 0
    cases = {
        "missing": (folder / "none.cdf", "positions_unreadable", "check the path"),
        "folder": (folder, "positions_unreadable", "permissions"),
        "joints": (write(folder / "j.cdf", joints[:, :93]), "positions_shape", r"\(1, 5, 93\)"),
        "planar": (write(folder / "p.cdf", joints[:, :64]), "positions_shape", "32 joints x 3 axes"),
        "name": (write(folder / "n.cdf", joints, variable="Poses"), "positions_shape", "no variable 'Pose'"),
        "whole": (write(folder / "i.cdf", joints.astype(np.int32), kind=CDF.CDF_INT4), "positions_shape", "int32"),
        "nan": (write(folder / "nan.cdf", nan), "positions_not_finite", "frame 3 .* 0 others"),
        "zero": (write(folder / "zero.cdf", zero), "positions_not_finite", "frame 2"),
        "meters": (write(folder / "m.cdf", joints / 1000), "positions_unit", "0.4 long"),
    }
    for name, content, words in (
        ("empty", b"", "does not begin"),
        ("page", b"<html>log in</html>" * 9, "web page"),
        ("archive", b"PK\x03\x04" + good, "zip archive"),
        ("short", good[:-40], "ends 40 bytes too early"),
        ("shorter", good[:300], "positions"),
        ("huge", good + bytes(20_000 * 96 * 8 + (1 << 20)), "are more than"),
        ("bomb", good[:4] + b"\xcc\xcc\x00\x01" + good[8:40] + gzip.compress(bytes(30 << 20)), "unpacked, it is"),
        ("bomb inside", good + gzip.compress(bytes(30 << 20)), "unpacked, it is"),
    ):
        path = folder / f"{name}.cdf"
        path.write_bytes(content)
        cases[name] = (path, "positions_unreadable", words)
    return cases


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, str, str]]:
    return bad_files(tmp_path_factory.mktemp("bad"))


CASES = ["missing", "folder", "joints", "planar", "name", "whole", "nan", "zero", "meters", "empty", "page", "archive"]


@pytest.mark.parametrize("case", [*CASES, "short", "shorter", "huge", "bomb", "bomb inside"])
def test_a_bad_file_is_named_with_what_is_wrong(cases: dict[str, tuple[Path, str, str]], case: str) -> None:
    path, kind, words = cases[case]

    with pytest.raises(DataError, match=words) as caught:
        read_positions(path)

    assert (caught.value.kind, caught.value.file) == (kind, str(path))


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    content = bytearray(write(tmp_path / "a.cdf", flat(poses())).read_bytes())
    # The global record says how many variables there are, and the variable's record which is next.
    general = int.from_bytes(content[20:28], "big")
    variable = int.from_bytes(content[general + 20 : general + 28], "big")
    content[general + 60 : general + 64] = (1 << 30).to_bytes(4, "big")
    content[variable + 12 : variable + 20] = variable.to_bytes(8, "big")
    content[variable + 84 : variable + 88] = b"Pise"
    (tmp_path / "b.cdf").write_bytes(content)

    with pytest.raises(DataError, match="round in circles"):
        read_positions(tmp_path / "b.cdf")


@pytest.mark.parametrize(("record", "place"), [("general", 56), ("variable", 340)])
def test_a_record_that_counts_more_than_it_holds_is_an_error(tmp_path: Path, record: str, place: int) -> None:
    """Numbers of dimensions of billions would be counted to their end."""
    content = bytearray(write(tmp_path / "a.cdf", flat(poses())).read_bytes())
    at = int.from_bytes(content[20:28], "big")
    if record == "variable":
        at = int.from_bytes(content[at + 20 : at + 28], "big")
    assert int.from_bytes(content[at + place : at + place + 4], "big") < 4
    content[at + place : at + place + 4] = (1 << 30).to_bytes(4, "big")
    (tmp_path / "b.cdf").write_bytes(content)

    with pytest.raises(DataError, match="shorter than its numbers say") as caught:
        read_positions(tmp_path / "b.cdf")

    assert caught.value.kind == "positions_unreadable"


@settings(max_examples=60, deadline=2000)
@given(place=st.integers(0, 1700), value=st.integers(0, 255))
def test_a_changed_byte_is_an_error_or_changes_values_alone(
    tmp_path_factory: pytest.TempPathFactory, place: int, value: int
) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    content = bytearray(write(folder / "a.cdf", flat(poses())).read_bytes())
    content[place % len(content)] = value
    (folder / "b.cdf").write_bytes(content)
    try:
        found = read_positions(folder / "b.cdf")
    except DataError:
        return
    assert found.shape == (5, 32, 3)
