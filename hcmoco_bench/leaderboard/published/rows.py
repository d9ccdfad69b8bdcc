"""Rows of the leaderboard from printed tables: one for each run, however many tables print it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from hcmoco_bench.leaderboard.level import Level
from hcmoco_bench.leaderboard.published.checks import agree
from hcmoco_bench.leaderboard.published.findings import declared_findings
from hcmoco_bench.leaderboard.published.schema import PublishedTable
from hcmoco_bench.leaderboard.published.strips import Run, Strip, strips
from hcmoco_bench.leaderboard.row import Row, Source
from hcmoco_bench.tasks.core.registry import get_task


def published_rows(tables: Sequence[PublishedTable]) -> tuple[Row, ...]:
    """The rows of printed tables, in the order in which they are first printed.

    A run that several tables print is one row with several sources, if all figures that they share agree or differ by
    one in the last digit; of the latter the row has the one that is printed first. If they differ more, the row stays
    apart from the others of its run. Its notes tell what is odd about its figures.
    """
    notes = _finding_notes(tables)
    return tuple(_row(group, notes) for group in _groups(strips(tables)))


def _groups(all_strips: Iterable[Strip]) -> list[list[Strip]]:
    """Strips of one run whose figures agree, in the printed order."""
    groups: list[list[Strip]] = []
    of_run: dict[Run, list[list[Strip]]] = defaultdict(list)
    for strip in all_strips:
        fitting = next((one for one in of_run[strip.run] if all(agree(strip, other) for other in one)), None)
        if fitting is None:
            fitting = []
            of_run[strip.run].append(fitting)
            groups.append(fitting)
        fitting.append(strip)
    return groups


def _row(group: Sequence[Strip], finding_notes: Mapping[tuple[str, str], Sequence[str]]) -> Row:
    first, run = group[0], group[0].run
    record = get_task(run.key.task).record
    figures: dict[str, Decimal] = {}
    for strip in group:
        figures = dict(strip.figures) | figures
    scores, per_class = _split(figures)
    steps = [strip.row.ablation for strip in group if strip.row.ablation is not None]
    return Row(
        id=_id(first),
        key=run.key,
        name=first.name,
        method=run.method,
        backbone=run.backbone,
        init=run.init,
        pretrain_data=run.pretrain_data,
        ratio=float(run.ratio),
        ablation=steps[0] if steps else None,
        level=Level.PAPER,
        party=None,
        by="",
        scores=scores,
        main=record.main_score_of(run.key.protocol),
        unit=record.unit,
        higher_is_better=record.higher_is_better,
        per_class=per_class,
        notes=tuple(dict.fromkeys(note for strip in group for note in _notes(strip, finding_notes))),
        sources=tuple(dict.fromkeys(_source(strip) for strip in group)),
    )


def _id(strip: Strip) -> str:
    block = f"-{strip.block.name.replace('_', '-')}" if len(strip.table.block) > 1 else ""
    return f"{strip.table.stem}-row-{strip.number:02d}{block}"


def _split(figures: Mapping[str, Decimal]) -> tuple[dict[str, float | None], dict[str, dict[str, float | None]]]:
    """Scores, and figures by class: `iou/head` is the figure `iou` of the class `head`."""
    scores: dict[str, float | None] = {}
    per_class: dict[str, dict[str, float | None]] = {}
    for name, value in figures.items():
        figure, _, of_class = name.partition("/")
        (per_class.setdefault(of_class, {}) if of_class else scores)[figure] = float(value)
    return scores, per_class


def _source(strip: Strip) -> Source:
    return Source(label=f"{strip.table.table}, row {strip.number} ({strip.row.printed})", paper=strip.table.paper)


def _notes(strip: Strip, finding_notes: Mapping[tuple[str, str], Sequence[str]]) -> Iterator[str]:
    yield from finding_notes.get((strip.place, strip.block.name), ())
    yield from strip.row.notes
    yield from strip.table.notes


def _finding_notes(tables: Sequence[PublishedTable]) -> Mapping[tuple[str, str], Sequence[str]]:
    """Notes of declared findings by place and block, of the row that is concerned and of the one it is held against."""
    notes: dict[tuple[str, str], list[str]] = defaultdict(list)
    by_place: dict[str, list[Strip]] = defaultdict(list)
    for strip in strips(tables):
        by_place[strip.place].append(strip)
    for finding in declared_findings(tables):
        blocks = {figure.partition(":")[0] for figure in finding.figures}
        concerned = [strip for strip in by_place[finding.place] if strip.block.name in blocks]
        keys = {strip.run.key for strip in concerned}
        ratios = {strip.run.ratio for strip in concerned}
        others = [
            strip
            for strip in by_place[finding.against]
            if strip.run.key in keys and (strip.run.ratio in ratios or finding.kind == "falls")
        ]
        for strip in (*concerned, *others):
            notes[strip.place, strip.block.name].append(finding.message)
    return notes
