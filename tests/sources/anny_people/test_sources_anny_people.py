"""The annotations of generated people: every kind of bad file and row."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.npz import npz_bytes
from hcmoco_bench.sources.anny_people import open_people
from hcmoco_bench.sources.anny_people.layout import ARRAYS, person_of

Arrays = dict[str, Any]


def arrays() -> Arrays:
    """Four people, made up."""
    rng = np.random.default_rng(0)
    n, p = 4, 5
    return {
        "ids": np.array([f"{row // 2:05d}_{row % 2:02d}" for row in range(n)]),
        "sizes": np.full((n, 2), 64, np.int32),
        "boxes": np.tile(np.float32([10, 5, 20, 50]), (n, 1)),
        "intrinsics": np.tile([80.0, 80.0, 31.5, 31.5], (n, 1)),
        "phenotype": np.column_stack([rng.uniform(0, 1, (n, 6)), np.full((n, 3), 1 / 3)]),
        "rotations": rng.normal(0, 1, (n, p, 3)).astype(np.float32),
        "root": np.tile([0.0, 0.0, 3.0], (n, 1)),
        "visible": np.ones(n, np.float32),
        "bones": np.array([f"bone{place}" for place in range(p)]),
    }


def write(root: Path, content: Arrays) -> Path:
    path = root / "annotations" / "train.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(npz_bytes(content))
    (root / "images" / "train").mkdir(parents=True, exist_ok=True)
    for name in np.atleast_1d(content.get("ids", ())):
        (root / "images" / "train" / f"{name}.jpg".replace("/", "_")).write_bytes(b"")
    return path


def test_what_is_read(tmp_path: Path) -> None:
    content = arrays()
    write(tmp_path, content)
    people = open_people(tmp_path, "train")
    assert set(ARRAYS) == set(content)
    assert people.ids == ("00000_00", "00000_01", "00001_00", "00001_01")
    assert person_of(people.ids[2]) == "00001"
    for name in ("boxes", "intrinsics", "phenotype", "rotations", "root", "visible", "sizes"):
        np.testing.assert_array_equal(getattr(people, name), content[name])
    assert people.bones == tuple(content["bones"])
    assert (people.problems, people.generated) == ((), False)


def test_unusable_rows_and_missing_images_are_named(tmp_path: Path) -> None:
    content = arrays()
    content["root"][1, 2] = -1
    content["phenotype"][2, 0] = np.nan
    write(tmp_path, content)
    (tmp_path / "images/train/00001_01.jpg").unlink()
    people = open_people(tmp_path, "train")
    assert people.ids == ("00000_00",)
    assert [(one.id, one.kind) for one in people.problems] == [
        ("00000_01", "person_unusable"),
        ("00001_00", "person_unusable"),
        ("00001_01", "image_missing"),
    ]
    np.testing.assert_array_equal(people.rotations, content["rotations"][:1])


def each(name: str, value: Any) -> Callable[[Arrays], None]:
    def change(content: Arrays) -> None:
        content[name][:] = value

    return change


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (each("boxes", [0, 0, 0, 5]), "box of the person is empty"),
        (each("sizes", 0), "size of the image"),
        (each("sizes", 1_000_000), "size of the image"),
        (each("intrinsics", [-1, 1, 0, 0]), "focal length"),
        (each("phenotype", 2.0), "outside of 0 to 1"),
        (each("phenotype", 0.9), "do not add up"),
        (each("rotations", 99.0), "two turns"),
        (each("root", np.inf), "nan or infinite"),
        (each("visible", np.nan), "nan or infinite"),
    ],
)
def test_a_split_without_usable_people(tmp_path: Path, change: Callable[[Arrays], None], why: str) -> None:
    content = arrays()
    change(content)
    write(tmp_path, content)
    with pytest.raises(DataError, match=why) as caught:
        open_people(tmp_path, "train")
    assert caught.value.kind == "people_empty"


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("rotations", None, "people_unreadable"),
        ("rotations", np.zeros((4, 4, 3)), "people_shape"),
        ("rotations", np.zeros((3, 5, 3)), "people_shape"),
        ("boxes", np.zeros((4, 5)), "people_shape"),
        ("root", np.array([["a", "b", "c"]] * 4), "people_shape"),
        ("ids", np.arange(4), "people_shape"),
        ("ids", np.array(["00000_00"] * 2 + ["00001_00"] * 2), "people_ids"),
        ("ids", np.array(["../../x", "00000_01", "00001_00", "00001_01"]), "people_ids"),
        ("ids", np.zeros(0, "U8"), "people_shape"),
    ],
)
def test_files_of_another_form(tmp_path: Path, name: str, value: Any, kind: str) -> None:
    content = {key: one for key, one in (arrays() | {name: value}).items() if one is not None}
    path = write(tmp_path, content)
    with pytest.raises(DataError) as caught:
        open_people(tmp_path, "train")
    assert caught.value.kind == kind
    assert str(path) in str(caught.value)


def test_damaged_and_hostile_files(tmp_path: Path) -> None:
    path = write(tmp_path, arrays())
    good = path.read_bytes()
    np.savez(tmp_path / "objects.npz", **(arrays() | {"ids": np.array([{}] * 4, dtype=object)}))
    for data in (b"", good[:1000], b"<html>", pickle.dumps(arrays()), (tmp_path / "objects.npz").read_bytes()):
        path.write_bytes(data)
        with pytest.raises(DataError, match=r"train\.npz") as caught:
            open_people(tmp_path, "train")
        assert caught.value.kind == "people_unreadable"
    path.unlink()
    with pytest.raises(DataError, match="synth shape") as caught:
        open_people(tmp_path, "train")
    assert caught.value.kind == "people_missing"


def test_nobody(tmp_path: Path) -> None:
    content = {name: one[:0] if name != "bones" else one for name, one in arrays().items()}
    write(tmp_path, content)
    with pytest.raises(DataError, match="none of its 0 samples") as caught:
        open_people(tmp_path, "train")
    assert caught.value.kind == "people_empty"
