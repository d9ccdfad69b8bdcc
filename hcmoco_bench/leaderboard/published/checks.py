"""Checks of printed figures among themselves. They find what is odd; they never correct anything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import combinations
from typing import Final, TypeVar

from hcmoco_bench.leaderboard.published.figures import IOU, MEAN, never_above
from hcmoco_bench.leaderboard.published.findings import Finding, declared_findings
from hcmoco_bench.leaderboard.published.schema import FindingKind, PublishedTable
from hcmoco_bench.leaderboard.published.strips import Run, Strip, strips
from hcmoco_bench.tasks.core.registry import get_task

Item = TypeVar("Item")

_HUNDRED: Final = Decimal(100)
_FEWEST_TO_REPEAT: Final = 3
_FEWEST_TO_COINCIDE: Final = 2


def published_findings(tables: Iterable[PublishedTable]) -> tuple[Finding, ...]:
    """All that is odd about the figures of some tables, each and among themselves; sorted by place."""
    taken_apart = strips(tables)
    found = [finding for strip in taken_apart for finding in _alone(strip)]
    exchanged = list(_exchanged(taken_apart))
    found += exchanged
    found += _disagreeing(taken_apart, {(finding.place, finding.against) for finding in exchanged})
    found += _repeating(taken_apart)
    found += _coinciding(taken_apart)
    found += _falling(taken_apart)
    return tuple(sorted(found, key=lambda finding: finding.position))


def finding_differences(tables: Sequence[PublishedTable]) -> list[str]:
    """A sentence for each finding that no file declares, and for each declared one that is not found."""
    found, declared = published_findings(tables), declared_findings(tables)
    known, real = {one.identity for one in declared}, {one.identity for one in found}
    missing = [
        f"{one.place}: declare a [[row.finding]] of kind {one.kind!r}, figures {list(one.figures)}, against "
        f"{one.against!r}: {one.message}"
        for one in found
        if one.identity not in known
    ]
    stale = [
        f"{one.place}: the declared finding of kind {one.kind!r} ({', '.join(one.figures)}; against {one.against!r}) "
        "is not found in the figures; correct or remove it"
        for one in declared
        if one.identity not in real
    ]
    return missing + stale


def agree(one: Strip, other: Strip) -> bool:
    """Whether all figures that both print are equal, but for one in the last digit that both have."""
    pairs = [(one.figures[name], other.figures[name]) for name in _shared(one, other)]
    return all(abs(first - second) <= max(_last_digit(first), _last_digit(second)) for first, second in pairs)


def _same(first: Decimal, second: Decimal) -> bool:
    """Whether two figures are equal; with different numbers of decimals, whether one rounds to the other."""
    digits = {_last_digit(first), _last_digit(second)}
    return first == second if len(digits) == 1 else abs(first - second) <= max(digits) / 2


def _last_digit(figure: Decimal) -> Decimal:
    """One in the last printed digit: 0.01 for 62.03."""
    return Decimal(1).scaleb(int(figure.as_tuple().exponent))


def _alone(strip: Strip) -> Iterator[Finding]:
    figures = strip.figures
    if strip.table.unit == "%":
        out = [name for name, value in figures.items() if not 0 <= value <= _HUNDRED]
        if out:
            yield _finding("range", strip, out, None, f"{_values(strip, out)}, which is outside 0 to 100 %")
    classes = [value for name, value in figures.items() if name.startswith(IOU)]
    if classes and MEAN in figures:
        mean = sum(classes, Decimal(0)) / len(classes)
        rounding = (_last_digit(figures[MEAN]) + max(map(_last_digit, classes))) / 2
        if abs(mean - figures[MEAN]) > rounding:
            yield _finding(
                "mean", strip, [MEAN], None, f"{figures[MEAN]} is printed; the {len(classes)} classes give {mean:.3f}"
            )
    for low, high in never_above():
        if low in figures and high in figures and figures[low] > figures[high]:
            yield _finding("order", strip, [low, high], None, _values(strip, [low, high]))
    for end, number in strip.block.counted.items():
        for name, value in figures.items():
            nearest = round(value * number / _HUNDRED) * _HUNDRED / number
            if name.endswith(f"_{end}") and abs(nearest - value) > _last_digit(value) / 2:
                text = f"{value} is printed; the nearest whole number of {number} gives {nearest:.4f}"
                yield _finding("count", strip, [name], None, text)


def _exchanged(all_strips: Sequence[Strip]) -> Iterator[Finding]:
    """Rows whose figures at two shares of the training data stand in another table the other way round."""
    beside = list(_pairs(all_strips, lambda strip: (strip.place, _any_ratio(strip.run))))
    for (first, second), pair in _pairs(beside, lambda two: frozenset((two[0].run, two[1].run))):
        here, there = pair if pair[0].run == first.run else pair[::-1]
        if first.figures == there.figures != second.figures == here.figures:
            names = [f"{strip.block.name}:{name}" for strip in (first, second) for name in strip.figures]
            text = (
                f"{_values(first)} at {first.run.ratio} and {_values(second)} at {second.run.ratio}, there the other "
                "way round"
            )
            yield Finding(first.place, "exchanged", tuple(names), here.place, text)


def _disagreeing(all_strips: Sequence[Strip], exchanged: set[tuple[str, str]]) -> Iterator[Finding]:
    for first, second in _pairs(all_strips, lambda strip: strip.run):
        names = [name for name in _shared(first, second) if not _same(first.figures[name], second.figures[name])]
        if names and not {(first.place, second.place), (second.place, first.place)} & exchanged:
            kind: FindingKind = "rounding" if agree(first, second) else "differs"
            text = f"{_values(second, names)} here, {_values(first, names)} in {first.place}"
            yield _finding(kind, second, names, first, text)


def _repeating(all_strips: Sequence[Strip]) -> Iterator[Finding]:
    for first, second in _pairs(all_strips, lambda strip: strip.run.key):
        names = _shared(first, second)
        if first.run != second.run and len(names) >= _FEWEST_TO_REPEAT and _equal(first, second) == names:
            yield _finding("repeats", second, names, first, f"all {len(names)} figures are those of {first.place}")


def _coinciding(all_strips: Sequence[Strip]) -> Iterator[Finding]:
    """Pairs of rows of one table that agree in some figures, but not in all."""
    together: dict[tuple[str, str], list[tuple[Strip, str]]] = defaultdict(list)
    steps = set()
    for first, second in _pairs(all_strips, lambda strip: (strip.table.stem, strip.block.name, strip.run.key)):
        same = _equal(first, second)
        if first.run != second.run and same and same != _shared(first, second):
            pair = (first.place, second.place)
            together[pair] += [(second, name) for name in same]
            if first.row.ablation is not None and second.row.ablation == first.row.ablation + 1:
                steps.add(pair)
    for (place, other), found in together.items():
        if len(found) >= _FEWEST_TO_COINCIDE or (place, other) in steps:
            names = tuple(f"{strip.block.name}:{name}" for strip, name in found)
            values = ", ".join(f"{name} {strip.figures[name]}" for strip, name in found)
            yield Finding(other, "coincides", names, place, f"{values}, as in {place}")


def _falling(all_strips: Sequence[Strip]) -> Iterator[Finding]:
    for first, second in _pairs(all_strips, lambda strip: (strip.table.stem, _any_ratio(strip.run))):
        less, more = sorted((first, second), key=lambda strip: strip.run.ratio)
        record = get_task(less.run.key.task).record
        main, sign = record.main_score_of(less.run.key.protocol), 1 if record.higher_is_better else -1
        if less.run == more.run or main not in less.figures or main not in more.figures:
            continue
        if sign * (more.figures[main] - less.figures[main]) < 0:
            text = f"{more.figures[main]} at {more.run.ratio}, {less.figures[main]} at {less.run.ratio}"
            found = _finding("falls", more, [main], less, text)
            if not found.against:  # both are figures of one row
                found = replace(found, figures=(*found.figures, f"{less.block.name}:{main}"))
            yield found


def _pairs(items: Iterable[Item], shared: Callable[[Item], Hashable]) -> Iterator[tuple[Item, Item]]:
    """Pairs of items that share something, in their order."""
    groups: dict[Hashable, list[Item]] = defaultdict(list)
    for item in items:
        groups[shared(item)].append(item)
    return (pair for group in groups.values() for pair in combinations(group, 2))


def _any_ratio(run: Run) -> Run:
    """What runs have in common that differ in nothing but their share of the training data."""
    return replace(run, ratio=Decimal(1))


def _shared(one: Strip, other: Strip) -> list[str]:
    return [name for name in one.figures if name in other.figures]


def _equal(one: Strip, other: Strip) -> list[str]:
    """Columns in which two print the same figure; zeros, which weak models share, do not count."""
    return [name for name in _shared(one, other) if one.figures[name] == other.figures[name] != 0]


def _values(strip: Strip, names: Sequence[str] | None = None, most: int = 4) -> str:
    names = list(strip.figures) if names is None else names
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(f"{name} {strip.figures[name]}" for name in names[:most]) + more


def _finding(kind: FindingKind, strip: Strip, names: Sequence[str], other: Strip | None, message: str) -> Finding:
    everything = len(names) > 1 and list(names) == list(strip.figures)
    figures = ("*",) if everything else tuple(names)
    against = "" if other is None or other.place == strip.place else other.place
    return Finding(strip.place, kind, tuple(f"{strip.block.name}:{name}" for name in figures), against, message)
