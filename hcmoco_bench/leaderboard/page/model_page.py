"""The page of a row with evidence, which holds the evidence files themselves."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.hashing import bytes_sha256
from hcmoco_bench.files.outside_text import printable
from hcmoco_bench.leaderboard.board import Board
from hcmoco_bench.leaderboard.figure_names import figure_label
from hcmoco_bench.leaderboard.level import MEANINGS
from hcmoco_bench.leaderboard.page.addresses import board_file
from hcmoco_bench.leaderboard.page.charts.class_heat import repeats_scores
from hcmoco_bench.leaderboard.page.figures import exact, rounded
from hcmoco_bench.leaderboard.page.row_texts import (
    SourceText,
    board_title,
    cited,
    model_facts,
    notes_of,
    result_facts,
    sources_of,
    uncertainty_of,
)
from hcmoco_bench.leaderboard.row import EvidenceFile, Row


@dataclass(frozen=True)
class StatedFigure:
    """A figure by its name, with its label and its value at full precision."""

    name: str
    label: str
    stated: str
    main: bool = False


@dataclass(frozen=True)
class ClassRow:
    """Figures of a class: its name as the evidence has it, and for readers."""

    name: str
    label: str
    figures: tuple[StatedFigure, ...]


@dataclass(frozen=True)
class ClassTable:
    """Figures by class."""

    labels: tuple[str, ...]
    rows: tuple[ClassRow, ...]


@dataclass(frozen=True)
class FileText:
    """An evidence file: its SHA-256 as the result states it, its size, and its bytes."""

    label: str
    sha256: str
    size: str
    base64: Markup


@dataclass(frozen=True)
class ModelPage:
    """What the template of a model is filled with."""

    id: str
    name: str
    board_title: str
    board_address: str
    task: str
    protocol: str
    variant: str
    data: str
    split: str
    headline: str
    headline_unit: str
    level: str
    level_meaning: str
    checked_by: str
    uncertainty: str
    main_name: str
    main_label: str
    unit: str
    n_scored: int
    figures: tuple[StatedFigure, ...]
    std: str | None
    seeds: tuple[StatedFigure, ...]
    classes: ClassTable | None
    files: tuple[FileText, ...]
    facts: Sequence[tuple[str, str]]
    sources: Sequence[SourceText]
    notes: Sequence[str]
    citations: str


def model_page(row: Row, board: Board, citations: Mapping[str, str]) -> ModelPage:
    """The page of a row with evidence; reads the evidence files.

    Raises:
        DataError: If the row has no result (`row_without_result`), or an evidence file cannot be read
            (`evidence_missing`) or is not the one that the result states (`evidence_sha256`).
    """
    if row.result is None:
        raise DataError(f"row {row.id}: has evidence and no result file; add it again", kind="row_without_result")
    key, scores = row.key, row.result.scores
    seeds = row.result.run.seeds or tuple(range(len(row.evidence)))
    return ModelPage(
        id=row.id,
        name=printable(row.name),
        board_title=board_title(board),
        board_address=f"../{board_file(key)}",
        task=printable(key.task),
        protocol=printable(key.protocol),
        variant=printable(key.variant),
        data=printable(key.data),
        split=printable(key.split),
        headline=rounded(row.score, 2),
        headline_unit=" ".join(part for part in (printable(row.unit), figure_label(row.main)) if part),
        level=row.level.word,
        level_meaning=_sentence(MEANINGS[row.level]),
        checked_by=f"Checked by {printable(row.by) or 'somebody'} ({row.party} party)." if row.party else "",
        uncertainty=uncertainty_of(row),
        main_name=row.main,
        main_label=figure_label(row.main),
        unit=row.unit,
        n_scored=row.result.data.n_scored,
        figures=_figures(row),
        std=None if row.std is None else exact(row.std),
        seeds=tuple(
            StatedFigure(row.main, f"seed {seed}", exact(value))
            for seed, value in zip(seeds, scores.per_seed, strict=False)
        )
        if len(scores.per_seed) > 1
        else (),
        classes=_classes(row),
        files=tuple(_file(one, f"seed {seed}") for seed, one in zip(seeds, row.evidence, strict=False)),
        facts=[*model_facts(row), *result_facts(row)],
        sources=sources_of(row),
        notes=notes_of(row),
        citations="\n".join(entry for _, entry in cited((row,), citations)),
    )


def _sentence(phrase: str) -> str:
    return f"{phrase[:1].upper()}{phrase[1:]}."


def _figures(row: Row) -> tuple[StatedFigure, ...]:
    names = [row.main, *(name for name in row.scores if name != row.main)]
    return tuple(
        StatedFigure(name, figure_label(name), exact(row.scores.get(name)), name == row.main) for name in names
    )


def _classes(row: Row) -> ClassTable | None:
    names = list(dict.fromkeys(name for figures in row.per_class.values() for name in figures))
    if not names or repeats_scores(row):
        return None
    rows = [
        ClassRow(group, printable(group), tuple(StatedFigure(name, "", exact(figures.get(name))) for name in names))
        for group, figures in row.per_class.items()
    ]
    return ClassTable(tuple(figure_label(name) for name in names), tuple(rows))


def _file(evidence: EvidenceFile, label: str) -> FileText:
    try:
        data = evidence.path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{evidence.path}: no evidence file can be read here ({error.strerror}); the page needs it",
            kind="evidence_missing",
            file=str(evidence.path),
        ) from error
    found = bytes_sha256(data)
    if found != evidence.sha256:
        raise DataError(
            f"{evidence.path}: its SHA-256 is {found}, the result states {evidence.sha256}; it is not the evidence of "
            "that result",
            kind="evidence_sha256",
            file=str(evidence.path),
        )
    return FileText(label, found, f"{len(data):,} bytes", Markup(base64.b64encode(data).decode()))
