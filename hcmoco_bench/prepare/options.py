"""Checking what `prepare ntu` is asked for."""

from __future__ import annotations

from pydantic import ValidationError

from hcmoco_bench.errors import UsageError
from hcmoco_bench.store.kinds.ntu import PrepareOptions


def check_options(**values: object) -> PrepareOptions:
    """Validate options together.

    Raises:
        UsageError: If a value is out of range or two options contradict each other.
    """
    try:
        options = PrepareOptions.model_validate(values)
    except ValidationError as error:
        details = "; ".join(f"{item['loc'][0]} {item['input']!r}: {item['msg']}" for item in error.errors())
        raise UsageError(f"these options do not work: {details}") from error
    if options.rgb_only and options.align == "registered":
        raise UsageError("--align registered needs depth, --rgb-only leaves it out; use --align homography")
    if options.set == "pretrain" and options.parts:
        raise UsageError("--annotations goes with --set parsing4k; the frames of --set pretrain have no masks")
    return options
