"""Numpy's numbers and argparse's namespaces in torch files: read as plain values, and nothing else of either."""

from __future__ import annotations

import argparse
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hcmoco_bench.files.plain_values import STAND_INS, NumberType, PlainNamespace, plain_number
from hcmoco_bench.files.tensor_files import TensorFileError, read_torch_file


def read(path: Path, value: Any, *, zipped: bool) -> Any:
    torch.save({"value": value, "weight": torch.ones(2)}, path, _use_new_zipfile_serialization=zipped)
    return read_torch_file(path)["value"]


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "number",
    [
        *(np.float16(0.25), np.float32(0.5), np.float64(0.371), np.float64("nan")),
        *(
            np.int8(-3),
            np.int16(-300),
            np.int32(7),
            np.int64(-(2**62)),
            np.uint8(200),
            np.uint64(2**63),
            np.bool_(True),
        ),
    ],
    ids=lambda number: type(number).__name__,
)
def test_a_number_of_numpy_is_read_as_pythons(tmp_path: Path, number: Any, zipped: bool) -> None:
    found = read(tmp_path / "a.pth", number, zipped=zipped)
    assert type(found) is type(number.item())
    np.testing.assert_equal(found, number.item())


def test_either_byte_order() -> None:
    for order in "<>":
        assert plain_number(_kind("f8", order), np.array(0.371, f"{order}f8").tobytes()) == 0.371


def test_numpys_function_is_known_by_its_old_and_its_new_name() -> None:
    names = {name for _, name in STAND_INS}
    assert {"numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar"} <= names
    scalar = np.float64(0).__reduce__()[0]
    assert f"{scalar.__module__}.{scalar.__name__}" in names


def _kind(code: str, order: str) -> NumberType:
    kind = NumberType(code, False, True)
    kind.__setstate__((3, order, None, None, None, -1, -1, 0))
    return kind


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "value",
    [np.array([1.0]), np.str_("a"), np.complex64(1), np.datetime64("2020-01-01"), np.longdouble(1), np.void(b"ab")],
    ids=lambda value: type(value).__name__,
)
def test_whatever_else_is_of_numpy_is_refused(tmp_path: Path, value: Any, zipped: bool) -> None:
    with pytest.raises(TensorFileError, match="which is never loaded") as caught:
        read(tmp_path / "a.pth", value, zipped=zipped)
    assert caught.value.kind == "foreign"


@pytest.mark.parametrize(
    ("kind", "data"),
    [("f8", b"\0" * 8), (None, b"\0" * 8), (NumberType("f8"), "text"), (NumberType("f8"), b"\0" * 7)],
    ids=["text", "none", "no bytes", "too few"],
)
def test_what_is_not_one_number_is_refused(kind: Any, data: Any) -> None:
    with pytest.raises(pickle.UnpicklingError):
        plain_number(kind, data)


@pytest.mark.parametrize("state", [None, (3,), (3, "x"), {"metadata": 1}])
def test_a_type_with_another_state_is_refused(state: Any) -> None:
    with pytest.raises(pickle.UnpicklingError):
        NumberType("f8").__setstate__(state)


@pytest.mark.parametrize("code", ["O8", "V8", "U1", "f16", 8, None, "f8;import os"])
def test_types_that_are_not_of_numbers_are_refused(code: Any) -> None:
    with pytest.raises(pickle.UnpicklingError):
        NumberType(code)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_namespace_is_a_bag_of_values(tmp_path: Path, zipped: bool) -> None:
    options = argparse.Namespace(mem="bank", epochs=200, nce_t=np.float64(0.07), sizes=[1, 2])
    found = read(tmp_path / "a.pth", options, zipped=zipped)
    assert type(found) is PlainNamespace
    assert vars(found) == vars(options)


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_namespace_brings_nothing_else_in(tmp_path: Path, zipped: bool) -> None:
    with pytest.raises(TensorFileError):
        read(tmp_path / "a.pth", argparse.Namespace(epochs=Trap(tmp_path / "executed")), zipped=zipped)
    assert not (tmp_path / "executed").exists()


def test_the_stand_ins_do_not_stay(tmp_path: Path) -> None:
    read(tmp_path / "a.pth", np.float64(1), zipped=True)
    trusted = torch.serialization.get_safe_globals()
    assert not any(entry in trusted for entry in STAND_INS)
