"""Start Warp without its console chatter, and choose the device that kernels run on."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Literal, get_args

import warp as wp

from hcmoco_bench.errors import UsageError

DeviceOption = Literal["auto", "cpu", "cuda"]
"""What a user may ask for; `auto` takes a CUDA device where there is one."""

_NO_DRIVER = b"Could not find or load the NVIDIA CUDA driver"


@contextmanager
def _without_driver_warning() -> Iterator[None]:
    """Hold back what native code writes to standard error; everything but the missing driver is passed on."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            held.seek(0)
            lines = [line for line in held.read().splitlines(keepends=True) if _NO_DRIVER not in line]
            if lines:
                os.write(2, b"".join(lines))


@cache
def start_warp() -> None:
    """Initialize Warp once per process, silently; a machine without a CUDA driver is nothing to warn about.

    Must run before anything else initializes Warp (importing anny's skinning does).
    """
    wp.config.quiet = True
    if hasattr(wp.config, "log_level"):  # Warp 1.13 and later
        wp.config.log_level = getattr(wp, "LOG_WARNING", 30)
    with _without_driver_warning():
        wp.init()


def pick_device(option: DeviceOption = "auto") -> str:
    """Return Warp's name of the device.

    Raises:
        UsageError: If CUDA is asked for and there is none, or the option is unknown.
    """
    start_warp()
    if option not in get_args(DeviceOption):
        raise UsageError(f"device {option!r} is unknown; choose auto, cpu or cuda")
    if option == "cpu":
        return "cpu"
    if wp.get_cuda_device_count() > 0:
        return "cuda:0"
    if option == "cuda":
        raise UsageError("no CUDA device here; use --device cpu")
    return "cpu"
