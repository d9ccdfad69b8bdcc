"""Stand-ins that let torch's restricted reader take in two kinds of plain values which training programs save.

`torch.load(weights_only=True)` refuses every global that it does not know. Two harmless ones occur in published
checkpoints: a numpy number (the `best_mIoU` of HRNet-Semantic-Segmentation is one), and the `argparse.Namespace` of the
command line (PyContrast). The reader calls the stand-ins of this module in their place, so nothing of numpy or argparse
runs on what a file says: a number is decoded from its bytes, and a namespace is a bag of attributes. Every other global
is refused as before.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable
from typing import Any, Final

from hcmoco_bench.files.number_formats import NUMBER_FORMATS


class NumberType:
    """Takes the place of `numpy.dtype`: the code and byte order of a numeric type.

    Args:
        code: numpy's code, e.g. `f8`.
        align: Ignored, as for numpy's own numbers.
        copy: Ignored.

    Raises:
        pickle.UnpicklingError: If the type is not a real number of at most 64 bits or a truth value.
    """

    def __init__(self, code: object, align: object = False, copy: object = False) -> None:
        if not isinstance(code, str) or code not in NUMBER_FORMATS:
            raise pickle.UnpicklingError(f"a numpy value of type {code!r}, which is not a number")
        self.format = NUMBER_FORMATS[code]
        self.order = "<"

    def __setstate__(self, state: object) -> None:
        if not (isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">", "|", "=")):
            raise pickle.UnpicklingError("a numpy type that is not that of a number")
        self.order = ">" if state[1] == ">" else "<"


class PlainNamespace:
    """Takes the place of `argparse.Namespace`: its values as attributes."""


def plain_number(kind: object, data: object) -> int | float | bool:
    """Takes the place of numpy's `scalar`.

    Args:
        kind: What the type was read as.
        data: The number's bytes.

    Returns:
        The number as Python's own.

    Raises:
        pickle.UnpicklingError: If these are not the bytes of one number of this type.
    """
    if not isinstance(kind, NumberType) or not isinstance(data, bytes):
        raise pickle.UnpicklingError("a numpy value that is not a number")
    layout = kind.order + kind.format
    if len(data) != struct.calcsize(layout):
        raise pickle.UnpicklingError(f"{len(data)} bytes are not one number of the format {layout}")
    number: int | float | bool = struct.unpack(layout, data)[0]
    return number


STAND_INS: Final[list[Callable[..., Any] | tuple[Callable[..., Any], str]]] = [
    (plain_number, "numpy.core.multiarray.scalar"),
    (plain_number, "numpy._core.multiarray.scalar"),
    (NumberType, "numpy.dtype"),
    (PlainNamespace, "argparse.Namespace"),
]
"""Each stand-in with the name that it answers to, for `torch.serialization.safe_globals`; numpy 1 and 2 name `scalar`
differently."""
