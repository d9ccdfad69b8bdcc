"""Whether rank intervals hold what they promise: boards of models whose true ranks are known.

    python benchmarks/rank_coverage.py                                   # 500 boards of each kind
    python benchmarks/rank_coverage.py --boards 5000 --groups 6 --truths tied
    python benchmarks/rank_coverage.py --draw-frames                     # the wrong way: frames as if independent

A board is eight models on the frames of G people. All models see the same people, some of whom are harder (shared, so
that pairs help); each model does better or worse on some people than its mean (interaction, which does not average out
over the frames of a person); frames vary on top, and people have 3 to 20 frames. What a frame gives is either a number,
of which the score is the mean, or counts of five classes, of which the score is mIoU; some classes are missing in most
frames. Truths are: all tied; one leader; three blocks of ties; clear gaps; small gaps.

Counted are boards in which every true rank lies within its interval (rows that are truly equal have all the ranks that
they share), and boards in which no row is said to be beaten by one that is not truly better. Both must be at least
95 %. How many of the truly different pairs are told apart is printed, too, because intervals that say nothing would
always hold. Intervals of the shares are those of Clopper and Pearson.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy import stats

from hcmoco_bench.leaderboard.ties.pairs import Pairs, compare_pairs
from hcmoco_bench.leaderboard.ties.ranks import beats, rank_intervals
from hcmoco_bench.results.resampling import GroupDraws

LEVEL: Final = 0.95
TRUTHS: Final = {
    "tied": (0, 0, 0, 0, 0, 0, 0, 0),
    "leader": (1, 0, 0, 0, 0, 0, 0, 0),
    "blocks": (2, 2, 1, 1, 1, 0, 0, 0),
    "gaps": (7, 6, 5, 4, 3, 2, 1, 0),
    "small": (0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0),
}
"""Quality of each model; a step of 1 is large with 25 people."""
KINDS: Final = ("numbers", "counts")
_FRAMES: Final = (3, 21)
_CLASSES: Final = 5
_PRESENT: Final = np.array([1.0, 1.0, 0.8, 0.4, 0.15])
"""Share of the frames in which each class is there."""
_PERSON, _INTERACTION, _FRAME, _STEP = 1.0, 0.3, 0.5, 0.35


@dataclass(frozen=True)
class Share:
    """A share of boards with its 95 % interval."""

    found: int
    of: int
    low: float
    high: float

    @classmethod
    def count(cls, found: int, of: int) -> Share:
        """The interval of Clopper and Pearson."""
        interval = stats.binomtest(found, of).proportion_ci(0.95, method="exact")
        return cls(found, of, float(interval.low), float(interval.high))

    def __str__(self) -> str:
        return f"{100 * self.found / self.of:.1f} % ({100 * self.low:.1f} to {100 * self.high:.1f})"


@dataclass(frozen=True)
class Coverage:
    """What was found on boards of one kind.

    Attributes:
        kind: What a frame gives: numbers or counts.
        truth: Name of the truth.
        groups: Number of people.
        all_ranks: Boards in which every true rank lies within its interval.
        no_false_claim: Boards in which no row is said to be beaten by one that is not truly better.
        told_apart: Share of the truly different pairs of which the better is found; None if there are none.
    """

    kind: str
    truth: str
    groups: int
    all_ranks: Share
    no_false_claim: Share
    told_apart: float | None


@dataclass(frozen=True, eq=False)
class Frames:
    """The frames of one board.

    Attributes:
        people: (N,) person of each frame.
        values: (N, R) or, as counts, (N, R, 3, C): intersection, target, prediction.
    """

    people: NDArray[np.intp]
    values: NDArray[np.float64]


def simulate(rng: np.random.Generator, kind: str, truth: tuple[float, ...], groups: int) -> Frames:
    """One board; models of equal quality are exchangeable, so that their true scores are equal, too."""
    people = np.repeat(np.arange(groups), rng.integers(*_FRAMES, size=groups))
    n, models = len(people), len(truth)
    person = _PERSON * rng.standard_normal((groups, 1)) + _INTERACTION * rng.standard_normal((groups, models))
    skill = _STEP * np.array(truth) + person[people]
    if kind == "numbers":
        return Frames(people, skill + _FRAME * rng.standard_normal((n, models)))
    size = rng.lognormal(0, 0.7, groups)[people]  # how near the person stands
    there = rng.random((n, 1, _CLASSES)) < _PRESENT
    noise = _FRAME * rng.standard_normal((n, models, _CLASSES))
    difficulty = np.linspace(1.5, 0, _CLASSES)
    hit = 1 / (1 + np.exp(-(skill[:, :, None] + difficulty + noise)))
    target = np.where(there, np.rint(500 * size)[:, None, None], 0)
    intersection = np.rint(hit * target)
    missed = target - intersection
    prediction = intersection + np.roll(missed, 1, axis=2)  # what is missed is taken for the next class
    return Frames(people, np.stack(np.broadcast_arrays(intersection, target, prediction), axis=2))


def score_sums(kind: str, sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """(B, R) scores from sums over frames: of 1 and the values, or of the counts."""
    if kind == "numbers":
        return np.asarray(sums[:, 1:] / sums[:, :1])
    counts = sums[:, 1:].reshape(len(sums), -1, 3, _CLASSES)
    union = counts[:, :, 1] + counts[:, :, 2] - counts[:, :, 0]
    return np.asarray(np.where(union > 0, counts[:, :, 0] / np.maximum(union, 1), 0).mean(axis=2))


def compare(frames: Frames, kind: str, draws: GroupDraws) -> tuple[NDArray[np.float64], Pairs]:
    """(R,) scores on all frames, and the comparisons of all pairs."""
    flat = np.column_stack([np.ones(len(frames.people)), frames.values.reshape(len(frames.people), -1)])
    sums = np.stack([flat[members].sum(axis=0) for members in draws.members])
    scores = score_sums(kind, sums.sum(axis=0, keepdims=True))[0]
    drawn, left_out = (
        np.concatenate([score_sums(kind, weights @ sums) for weights in all_weights]).T
        for all_weights in (draws.weights(), draws.kept_weights())
    )
    return scores, compare_pairs(scores, drawn, left_out, draws.n_groups)


def measure(
    kind: str, truth: str, groups: int, *, boards: int, draws: int, seed: int, draw_frames: bool = False
) -> Coverage:
    """Simulate boards of one kind and count those that hold."""
    quality = np.array(TRUTHS[truth])
    rng = np.random.default_rng([seed, KINDS.index(kind), list(TRUTHS).index(truth), groups])
    better = quality[:, None] > quality
    best, worst = 1 + better.sum(axis=0), len(quality) - better.sum(axis=1)
    ranks = claims = found = 0
    for _ in range(boards):
        frames = simulate(rng, kind, TRUTHS[truth], groups)
        grouping = None if draw_frames else frames.people.tolist()
        drawn = GroupDraws.of(len(frames.people), grouping, n=draws, seed=int(rng.integers(1 << 31)))
        scores, pairs = compare(frames, kind, drawn)
        intervals = rank_intervals(scores, pairs, higher_is_better=True, level=LEVEL)
        beaten = beats(pairs, higher_is_better=True, level=LEVEL)
        ranks += all(one.best <= a and b <= one.worst for one, a, b in zip(intervals, best, worst, strict=True))
        claims += not (beaten & ~better).any()
        found += int((beaten & better).sum())
    different = boards * int(better.sum())
    return Coverage(
        kind,
        truth,
        groups,
        Share.count(ranks, boards),
        Share.count(claims, boards),
        found / different if different else None,
    )


def report(found: list[Coverage], options: dict[str, Any]) -> Table:
    """The table to read."""
    what = "frames as if independent" if options["draw_frames"] else "people"
    table = Table(title=f"{options['boards']} boards of 8 models each, {options['draws']} draws of {what}")
    for header in ("frame", "truth", "people", "all true ranks within", "nobody falsely beaten", "told apart"):
        table.add_column(header)
    for one in found:
        apart = "" if one.told_apart is None else f"{100 * one.told_apart:.0f} %"
        table.add_row(one.kind, one.truth, str(one.groups), str(one.all_ranks), str(one.no_false_claim), apart)
    return table


def main() -> int:
    """Simulate and print; 1 if a share is below the level by more than chance."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boards", type=int, default=500, help="boards of each kind (default: %(default)s)")
    parser.add_argument("--draws", type=int, default=500, help="draws of each board (default: %(default)s)")
    parser.add_argument("--groups", type=int, nargs="+", default=[6, 10, 25, 100], help="people (default: %(default)s)")
    parser.add_argument("--truths", nargs="+", choices=TRUTHS, default=list(TRUTHS), help="(default: all)")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="(default: all)")
    parser.add_argument("--draw-frames", action="store_true", help="draw frames, as if they were independent")
    parser.add_argument("--seed", type=int, default=0, help="seed of boards and draws (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print plain values instead of the table")
    options = vars(parser.parse_args())
    found = [
        measure(
            kind,
            truth,
            groups,
            boards=options["boards"],
            draws=options["draws"],
            seed=options["seed"],
            draw_frames=options["draw_frames"],
        )
        for kind in options["kinds"]
        for groups in options["groups"]
        for truth in options["truths"]
    ]
    if options["json"]:
        sys.stdout.write(json.dumps([asdict(one) for one in found], indent=2) + "\n")
    else:
        Console().print(report(found, options))
    failed = [one for one in found if min(one.all_ranks.high, one.no_false_claim.high) < LEVEL]
    for one in failed:
        Console(stderr=True).print(f"{one.kind}, {one.truth}, {one.groups} people: less than {100 * LEVEL:g} %")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
