"""The page that the demo ends with: the images, the scores in words, and a command for every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hcmoco_bench.body.annotation_files import annotation_file
from hcmoco_bench.files.atomic import write_atomic
from hcmoco_bench.files.templates import render_template
from hcmoco_bench.leaderboard.ties import PairComparison

TEMPLATE = "DEMO_PAGE.html"


@dataclass(frozen=True)
class DemoStep:
    """One step: its name, a command that does the same, wall-clock seconds, and its result in words."""

    name: str
    command: str
    seconds: float
    result: str


@dataclass(frozen=True)
class DemoFigure:
    """An image beside the page: its file, relative to the page, a heading and a caption."""

    file: str
    title: str
    caption: str


@dataclass(frozen=True)
class DemoScore:
    """A score on generated data: of what, its value, its 95 % interval (None if there is none), and their unit."""

    name: str
    value: float
    interval: tuple[float, float] | None
    unit: str


@dataclass(frozen=True)
class DemoPage:
    """What the page shows.

    Attributes:
        opening: The figures that people want to see first.
        closing: The figures below the scores.
        steps: What was done, in order.
        folder: Folder that the demo was started in, where the commands work.
        by_hand: Folder that the commands write to, as they name it.
        scores: Scores of depth parsing, side by side; empty for no such section.
        comparison: Whether the two scores differ; None for no such sentence.
        leaderboard: The leaderboard's page, relative to this one; empty if there is none.
    """

    opening: Sequence[DemoFigure]
    closing: Sequence[DemoFigure]
    steps: Sequence[DemoStep]
    folder: Path
    by_hand: Path
    scores: Sequence[DemoScore] = ()
    comparison: PairComparison | None = None
    leaderboard: str = ""

    @property
    def seconds(self) -> float:
        """Wall-clock seconds of all steps."""
        return sum(step.seconds for step in self.steps)

    @property
    def scale(self) -> float:
        """Right end of the axis that the scores are drawn on: a tenth beyond the largest figure."""
        ends = [max(score.value, *(score.interval or (0.0,))) for score in self.scores]
        return 1.1 * max(ends, default=0.0) or 1.0


def write_page(out: Path, page: DemoPage) -> Path:
    """Write `index.html` into `out`, beside its images; it loads nothing from elsewhere. Returns its path."""
    path = out / "index.html"
    write_atomic(path, render_template(annotation_file(TEMPLATE), {"page": page}))
    return path
