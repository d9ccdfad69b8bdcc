"""The file of a prior: read back as written, and every kind of bad file refused in one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import save_file

from hcmoco_bench.errors import DataError, StoreError
from hcmoco_bench.priors.prior_file import read_prior, write_prior
from hcmoco_bench.priors.skeleton_prior import SkeletonPrior, joints_sha256


def small(prior: SkeletonPrior, **changes: Any) -> SkeletonPrior:
    """A few of its skeletons."""
    arrays: dict[str, Any] = {"joints": prior.joints[:9].copy(), "body": prior.body[:9]}
    arrays |= {"metric": True, "source": "a test", "pitch": None if prior.pitch is None else prior.pitch[:9]}
    arrays |= changes
    return SkeletonPrior.of(arrays.pop("joints"), arrays.pop("body"), **arrays)


@pytest.fixture
def file(tmp_path: Path, prior: SkeletonPrior) -> Path:
    return write_prior(tmp_path / "prior.safetensors", small(prior))


def content(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Tensors and header, read by the library of the format."""
    with safe_open(path, "numpy") as opened:
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - no mapping
        return tensors, json.loads(opened.metadata()["hcmoco_bench"])


def refused(path: Path) -> DataError:
    with pytest.raises(DataError) as caught:
        read_prior(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("metric", [True, False])
@pytest.mark.parametrize("pitched", [True, False])
def test_reading_back_gives_the_same(tmp_path: Path, prior: SkeletonPrior, metric: bool, pitched: bool) -> None:
    written = small(prior, metric=metric, source="Prüfung \udce5", **({} if pitched else {"pitch": None}))
    path = write_prior(tmp_path / "new" / "prior.safetensors", written)
    found = read_prior(path)
    assert np.array_equal(found.joints, written.joints)
    assert np.array_equal(found.body, written.body)
    assert found.pitch is None if written.pitch is None else np.array_equal(found.pitch, written.pitch)  # type: ignore[arg-type]
    assert (found.metric, found.source, found.sha256) == (metric, "Prüfung \\xe5", written.sha256)
    assert found.sha256 == joints_sha256(written.joints)
    assert path.read_bytes() == write_prior(tmp_path / "again.safetensors", written).read_bytes()


def test_the_format_is_as_documented(file: Path, prior: SkeletonPrior) -> None:
    tensors, header = content(file)
    assert {name: (one.dtype.name, one.shape) for name, one in tensors.items()} == {
        "joints": ("float32", (9, 17, 3)),
        "body": ("int32", (9,)),
        "pitch": ("float32", (9,)),
    }
    assert {name: header[name] for name in ("format", "version", "joint_set", "axes", "metric", "source")} == {
        "format": "skeleton prior",
        "version": 1,
        "joint_set": "h36m17",
        "axes": "x right, y down, z forward",
        "metric": True,
        "source": "a test",
    }
    assert not list(file.parent.glob(".*"))


def test_a_name_that_is_not_utf8(tmp_path: Path, prior: SkeletonPrior) -> None:
    path = write_prior(tmp_path / "\udce5.safetensors", small(prior))
    assert len(read_prior(path)) == 9


def test_files_that_are_not_there_or_something_else(tmp_path: Path, file: Path) -> None:
    assert refused(tmp_path / "none.safetensors").kind == "prior_missing"
    for name, data in {
        "empty": b"",
        "text": b"root, hip, knee",
        "page": b"<!DOCTYPE html>",
        "cut": file.read_bytes()[:-10],
        "header": file.read_bytes()[:40],
        "long": file.read_bytes() + b"\0",
        "huge header": (1 << 60).to_bytes(8, "little") + b"{}",
    }.items():
        path = tmp_path / name
        path.write_bytes(data)
        assert refused(path).kind == "prior_damaged", name
    with (tmp_path / "large").open("wb") as handle:
        handle.truncate(2 << 30)  # takes no room on the disk
    assert "bytes" in str(refused(tmp_path / "large"))


def test_a_changed_number_is_noticed(file: Path) -> None:
    data = bytearray(file.read_bytes())
    tensors, _ = content(file)
    for array in tensors.values():
        changed = bytearray(data)
        changed[data.index(array.tobytes()) + 1] ^= 1
        file.write_bytes(bytes(changed))
        assert "checksum" in str(refused(file))
    file.write_bytes(bytes(data).replace(b"a test", b"a tesT"))
    assert "checksum" in str(refused(file))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "version 2 of the format; this program reads 1"),
        ({"format": "weights"}, "format"),
        ({"joint_set": "coco17"}, "joint_set"),
        ({"axes": "y up"}, "axes"),
        ({"metric": "yes"}, "metric"),
        ({"source": None}, "source"),
        ({"more": 1}, "more"),
        ("[1", "not JSON"),
        ("7", "as expected"),
        ("[" * 100_000, "as expected"),
        (None, "without the entry"),
    ],
)
def test_other_headers(file: Path, change: Any, message: str) -> None:
    tensors, header = content(file)
    text = change if isinstance(change, str) else json.dumps(header | (change or {}))
    save_file(tensors, file, None if change is None else {"hcmoco_bench": text})
    error = refused(file)
    assert error.kind == "prior_foreign"
    assert message in str(error)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"joints": None}, "joints is missing"),
        ({"body": None}, "body is missing"),
        ({"weights": np.zeros(3, np.float32)}, "'weights'"),
        ({"joints": np.zeros((9, 51), np.float32)}, "joints is torch.float32 of shape (9, 51)"),
        ({"joints": np.zeros((9, 17, 3), np.float64)}, "joints is torch.float64"),
        ({"body": np.zeros(9, np.int64)}, "body is torch.int64"),
        ({"pitch": np.zeros((9, 1), np.float32)}, "pitch is"),
    ],
)
def test_other_tensors(file: Path, change: dict[str, Any], message: str) -> None:
    tensors, header = content(file)
    kept = {name: one for name, one in (tensors | change).items() if one is not None}
    save_file(kept, file, {"hcmoco_bench": json.dumps(header)})
    error = refused(file)
    assert error.kind == "prior_foreign"
    assert message in str(error)


def spoiled(joints: np.ndarray, kind: str) -> np.ndarray:
    joints = joints.copy()
    match kind:
        case "nan":
            joints[4, 3, 1] = np.nan
        case "infinite":
            joints[4, 3, 1] = np.inf
        case "root":
            joints += np.float32(0.1)
        case "collapsed":
            joints[4] = 0
        case "no bone":
            joints[4, 2] = joints[4, 1]
        case "long bone":
            joints[4, 16] *= 20
        case "millimeters":
            joints *= 1000
        case "none":
            joints = joints[:0]
        case "coco":
            joints = np.pad(joints, ((0, 0), (0, 1), (0, 0)))
    return joints


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("nan", "1 of 9 skeletons are no person's (skeleton 4: a number is not finite)"),
        ("infinite", "skeleton 4: a number is not finite"),
        ("root", "skeleton 0: the root is 0.1 from the origin"),
        ("collapsed", "skeleton 4: all bones together are 0 m long"),
        ("no bone", "skeleton 4: the bone from right hip to right knee has 0 %"),
        ("long bone", "skeleton 4: "),
        ("millimeters", "9 of 9 skeletons are no person's (skeleton 0: all bones together are"),
        ("none", "at least one skeleton"),
        ("coco", "shape (9, 18, 3)"),
    ],
)
def test_skeletons_that_are_none_are_neither_written_nor_read(
    tmp_path: Path, prior: SkeletonPrior, kind: str, message: str
) -> None:
    good = small(prior)
    joints = spoiled(good.joints, kind)
    body = good.body[: len(joints)]
    bad = SkeletonPrior.of(joints, body, metric=True, source="a test")
    path = tmp_path / "prior.safetensors"
    with pytest.raises(DataError) as caught:
        write_prior(path, bad)
    assert message in str(caught.value)
    assert not path.exists()
    # A program that writes the format without checks.
    from hcmoco_bench.priors import prior_file

    header = prior_file._Header(metric=True, source="a test", sha256="")
    header = header.model_copy(update={"sha256": prior_file._checksum(header, bad)})
    save_file({"joints": bad.joints, "body": bad.body}, path, {"hcmoco_bench": header.model_dump_json()})
    error = refused(path)
    assert error.kind == ("prior_foreign" if kind == "coco" else "prior_implausible") or kind == "coco"
    assert message in str(error)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"body": np.zeros(8, np.int32)}, "bodies of 9 skeletons"),
        ({"body": np.full(9, -1, np.int32)}, "numbers of 0 or more"),
        ({"pitch": np.full(9, np.nan, np.float32)}, "pitch of 9 cameras"),
        ({"pitch": np.full(9, 91, np.float32)}, "pitch of 9 cameras"),
        ({"pitch": np.zeros(8, np.float32)}, "pitch of 9 cameras"),
    ],
)
def test_bodies_and_pitch_are_checked(
    tmp_path: Path, prior: SkeletonPrior, change: dict[str, np.ndarray], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        write_prior(tmp_path / "prior.safetensors", small(prior, **change))


def test_a_folder_that_cannot_be_written(tmp_path: Path, prior: SkeletonPrior) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((StoreError, OSError)):
        write_prior(tmp_path / "file" / "prior.safetensors", small(prior))


def test_torch_reads_the_tensors_too(file: Path, prior: SkeletonPrior) -> None:
    from safetensors.torch import load_file

    assert torch.equal(load_file(file)["joints"], torch.from_numpy(prior.joints[:9]))
