"""One rule for ids: whole numbers in any form, and nothing is rounded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hcmoco_bench.files.whole_numbers import is_set, whole_number


@pytest.mark.parametrize(
    "value", [9, 9.0, "9", "9.0", "9.", " 9 ", "0009", "+9", np.int32(9), np.float32(9), np.uint8(9)]
)
def test_forms_of_a_number(value: Any) -> None:
    found = whole_number(value)
    assert (found, type(found)) == (9, int)


@pytest.mark.parametrize(
    "value", [9.5, "9.5", float("nan"), float("inf"), True, np.True_, None, "", "nine", "9e0", "1_0", [9], b"9", "٣"]
)
def test_anything_else_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="is not a whole number"):
        whole_number(value)


def test_large_ids_are_exact() -> None:
    assert whole_number("90071992547409931") == 90071992547409931
    assert whole_number("-3") == -3


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, True), (1, True), ("1", True), (1.0, True), ("1.0", True), (False, False), (0, False), ("0", False),
     ("0.0", False), (None, False)],
)  # fmt: skip
def test_flags(value: Any, expected: bool) -> None:
    assert is_set(value) is expected


def test_flags_that_are_something_else_are_refused() -> None:
    with pytest.raises(ValueError, match="'no' is not a whole number"):
        is_set("no")
