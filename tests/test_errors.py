"""Messages stay readable whatever they quote."""

from __future__ import annotations

import pytest

from hcmoco_bench import errors
from hcmoco_bench.errors import LONGEST_MESSAGE, DataError, HcmocoBenchError


def test_long_messages_keep_their_ends() -> None:
    error = DataError("train.npz: " + "x" * 100_000 + "; download it again", kind="damaged", file="train.npz")
    assert len(str(error)) < LONGEST_MESSAGE + 20
    assert str(error).startswith("train.npz: ")
    assert str(error).endswith("; download it again")
    assert (error.kind, error.file) == ("damaged", "train.npz")


@pytest.mark.parametrize("name", [n for n, e in vars(errors).items() if isinstance(e, type)])
def test_other_messages_stay_as_they_are(name: str) -> None:
    kind = getattr(errors, name)
    assert issubclass(kind, HcmocoBenchError)
    assert str(kind("a file: a reason")) == "a file: a reason"
