"""How fast `.skeleton` text is parsed on one core, beside a plain parser: a `float()` for every word of every line."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from hcmoco_bench.errors import HcmocoBenchError
from hcmoco_bench.sources.ntu import Skeleton, parse_skeleton

Frames = list[list[tuple[int, list[float], list[list[float]]]]]


def plain_parse(data: bytes) -> Frames:
    """Read line by line, as scripts for NTU do."""
    lines = iter(data.decode().splitlines())
    frames = []
    for _ in range(int(next(lines))):
        bodies = []
        for _ in range(int(next(lines))):
            first, *rest = next(lines).split()
            joints = [[float(word) for word in next(lines).split()] for _ in range(int(next(lines)))]
            bodies.append((int(first), [float(word) for word in rest], joints))
        frames.append(bodies)
    return frames


def made_up(n_frames: int, seed: int) -> bytes:
    """Text with the numbers and line ends of a real file, two bodies a frame."""
    rng = np.random.default_rng(seed)
    lines = [str(n_frames)]
    for _ in range(n_frames):
        lines.append("2")
        for body in range(2):
            lines += [f"{72057594037931648 + body} 0 1 1 1 1 0 -0.1159187 0.1413209 2", "25"]
            values = rng.normal([0, 0, 3, 256, 212, 960, 540, 0, 0, 0, 0], [0.5] * 3 + [50] * 4 + [0.4] * 4, (25, 11))
            lines += [" ".join(f"{value:.7g}" for value in row) + " 2" for row in values]
    return ("\r\n".join(lines) + "\r\n").encode()


def same(skeleton: Skeleton, frames: Frames) -> bool:
    """Whether both parsers read the same joints."""
    joints = np.array([body[2] for bodies in frames for body in bodies]).reshape(-1, 25, 12).astype(np.float32)
    found = [skeleton.joints_xyz, skeleton.joints_depth, skeleton.joints_color, skeleton.orientation]
    return np.array_equal(np.concatenate(found, axis=-1), joints[..., :11], equal_nan=True)


def seconds(run: Callable[[], object], repeats: int) -> float:
    """Median CPU time of one run, in seconds."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return float(np.median(times))


def main() -> int:
    """StepMetric and print a table; 1 if the parsers disagree or a file cannot be read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help=".skeleton files; without any, text is made up")
    parser.add_argument("--frames", type=int, default=2000, help="frames of made-up text (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=9, help="runs a file, the median counts (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the made-up text (default: %(default)s)")
    options = parser.parse_args()
    try:
        texts = {path.name: path.read_bytes() for path in options.files}
    except OSError as error:
        parser.error(f"{error.filename}: {error.strerror}")
    texts = texts or {f"made up, {options.frames} frames": made_up(options.frames, options.seed)}

    table = Table("text", "MB", "plain, MB/s", "parse_skeleton, MB/s", "times", title="Parsing on one core (CPU time)")
    agree = True
    for name, data in texts.items():
        try:
            agree &= same(parse_skeleton(data, source=name), plain_parse(data))
        except HcmocoBenchError as error:
            Console(stderr=True).print(str(error))
            return 1
        size = len(data) / 1e6
        plain = size / seconds(lambda data=data: plain_parse(data), options.repeats)  # type: ignore[misc]
        fast = size / seconds(lambda data=data: parse_skeleton(data, source=""), options.repeats)  # type: ignore[misc]
        table.add_row(name, f"{size:.2f}", f"{plain:.0f}", f"{fast:.0f}", f"{fast / plain:.1f}")
    Console().print(table)
    if not agree:
        Console(stderr=True).print("the two parsers disagree")
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
