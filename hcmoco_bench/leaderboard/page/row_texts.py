"""What pages tell of a row beside its figures: facts, sources, notes; texts from outside can steer nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hcmoco_bench.files.outside_text import printable
from hcmoco_bench.leaderboard.board import Board
from hcmoco_bench.leaderboard.figure_names import figure_label
from hcmoco_bench.leaderboard.level import MEANINGS, Level
from hcmoco_bench.leaderboard.page.figures import rounded, share, web_address
from hcmoco_bench.leaderboard.row import Row
from hcmoco_bench.results.schema import Result


@dataclass(frozen=True)
class SourceText:
    """A source: its label, the key of its citation, and an address that may be followed; empty where there is none."""

    label: str
    paper: str
    url: str


@dataclass(frozen=True)
class LevelText:
    """A level for the legend."""

    word: str
    meaning: str
    earned: bool


def level_texts() -> tuple[LevelText, ...]:
    """All levels with what they mean."""
    return tuple(LevelText(level.word, f"{MEANINGS[level]}.", level > Level.PAPER) for level in Level)


def model_facts(row: Row) -> list[tuple[str, str]]:
    """Names and texts of what the model is, which a table has columns for."""
    start = [("Started from", row.init), ("Pre-training data", row.pretrain_data)]
    return _known([("Backbone", row.backbone), ("Pre-training", row.method), *start])


def result_facts(row: Row) -> list[tuple[str, str]]:
    """Names and texts of who checked a row, and how its figures were made."""
    checked = ("Checked by", f"{row.by} ({row.party} party)" if row.party else "")
    trained = ("Trainings", str(row.seeds) if row.seeds else "")
    return _known([checked, trained, *(_result_facts(row.result) if row.result else [])])


def labels_of(rows: Sequence[Row]) -> list[str]:
    """A label for each row: its name and share of labels, with more of what the model is where two would be alike."""
    shares = ["" if row.ratio is None else share(row.ratio) for row in rows]
    starts = [f"from {row.init}" if row.init else "" for row in rows]
    parts = [
        (row.name, ratio, start, row.pretrain_data, row.backbone)
        for row, ratio, start in zip(rows, shares, starts, strict=True)
    ]
    labels = [_joined(own[:2]) for own in parts]
    for length in range(3, 6):
        often = Counter(labels)
        labels = [_joined(own[:length]) if often[one] > 1 else one for own, one in zip(parts, labels, strict=True)]
    return labels


def sources_of(row: Row) -> tuple[SourceText, ...]:
    """Where the figures come from."""
    return tuple(SourceText(printable(one.label), printable(one.paper), web_address(one.url)) for one in row.sources)


def notes_of(row: Row) -> tuple[str, ...]:
    """What a reader should know."""
    return tuple(printable(note) for note in row.notes)


def spread_of(row: Row) -> str:
    """Deviation over seeds and 95 % interval of the main score, in short; empty if the row has neither."""
    parts = [f"± {rounded(row.std, 2)}"] if row.std is not None else []
    parts += [f"{rounded(row.ci95[0], 1)}–{rounded(row.ci95[1], 1)}"] if row.ci95 is not None else []
    return " · ".join(parts)


def uncertainty_of(row: Row) -> str:
    """The same in whole sentences."""
    label, unit = figure_label(row.main), f"\u00a0{printable(row.unit)}" if row.unit else ""
    told = []
    if row.ci95 is not None:
        low, high = (rounded(value, 2) for value in row.ci95)
        told.append(f"The 95\u00a0% interval of {label} is {low} to {high}{unit}.")
    if row.std is not None:
        told.append(f"Over {row.seeds} trainings its standard deviation is {rounded(row.std, 2)}{unit}.")
    elif row.seeds == 1:
        told.append("The model was trained once, so that nothing here covers chance in training.")
    return " ".join(told)


def board_title(board: Board) -> str:
    """A table's title as text."""
    return printable(board.title)


def cited(rows: tuple[Row, ...], citations: Mapping[str, str]) -> list[tuple[str, str]]:
    """BibTeX entries of the rows' sources, by key in alphabetical order; unknown keys have none."""
    keys = {source.paper for row in rows for source in row.sources if source.paper in citations}
    return [(key, printable(citations[key]).strip() + "\n") for key in sorted(keys)]


def _joined(parts: Sequence[str]) -> str:
    return printable(", ".join(part for part in parts if part))


def _known(facts: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, printable(text)) for name, text in facts if text]


def _result_facts(result: Result) -> list[tuple[str, str]]:
    task, data, run = result.task, result.data, result.run
    versions = ", ".join(f"{name} {version}" for name, version in sorted(run.versions.items()))
    return [
        ("Scored", f"{data.n_scored:,} of {data.n_expected:,} samples"),
        ("Task version", task.version),
        ("Split SHA-256", task.split_sha256),
        ("Weights SHA-256", result.model.weights_sha256 or ""),
        ("Data SHA-256", data.manifest_sha256 or ""),
        ("Settings SHA-256", run.config_sha256 or ""),
        ("Tool", run.tool + (f", commit {run.git}" if run.git else "")),
        ("Seeds", ", ".join(map(str, run.seeds))),
        ("Device", " ".join(part for part in (run.device, run.precision) if part)),
        ("Versions", versions),
        ("Command", run.command or ""),
    ]
