"""The packaged published tables, read once, and small ones for tests."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from hcmoco_bench.leaderboard.published.read import published_tables, read_published_table
from hcmoco_bench.leaderboard.published.schema import PublishedTable

SMALL = """\
paper = "doe2026"
table = "Table 1"
caption = "Two models with two shares of the training data"
unit = "%"

[board.coco]
task = "densepose"
protocol = "published"
data = "DensePose-COCO"
split = "minival"

[[block]]
name = "full"
printed = "Full"
board = "coco"
ratio = 1.0
columns = ["bbox_AP", "bbox_AP50", "gps_AP"]

[[block]]
name = "ten"
printed = "10%"
board = "coco"
ratio = 0.1
columns = ["bbox_AP", "bbox_AP50", "gps_AP"]

[[row]]
printed = "A"
name = "Model A"
method = "cmc"
values = [60.12, 85.40, 61.30, 40.10, 70.00, 41.00]

[[row]]
printed = "B"
name = "Model B"
method = "hcmoco"
values = [62.00, 86.00, "-", 44.50, 74.10, 45.90]
"""


@cache
def packaged() -> tuple[PublishedTable, ...]:
    """All packaged tables."""
    return published_tables()


def small(folder: Path, *changes: tuple[str, str], name: str = "doe2026-table-1") -> PublishedTable:
    """The small table with some of its text replaced; each piece has to be in it."""
    return read_published_table(small_file(folder, *changes, name=name))


def small_file(folder: Path, *changes: tuple[str, str], name: str = "doe2026-table-1") -> Path:
    """The same as a file that is not read yet."""
    text = SMALL
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path
