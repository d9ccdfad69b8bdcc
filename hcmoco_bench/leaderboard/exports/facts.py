"""What every format should carry of a row beside its score, as names and texts."""

from __future__ import annotations

from collections.abc import Iterator

from hcmoco_bench.files.json import json_text
from hcmoco_bench.leaderboard.exports.texts import shown
from hcmoco_bench.leaderboard.level import MEANINGS, Level
from hcmoco_bench.leaderboard.row import Row, Source
from hcmoco_bench.results.schema import Result


def row_facts(row: Row) -> dict[str, str]:
    """Facts of a row in reading order; what is unknown is left out. Numbers have all their digits.

    The keys are words with underscores; the values are safe to print.
    """
    return {name: shown(text) for name, text in _facts(row) if text}


def main_source(row: Row) -> str:
    """Where the figures come from, in words."""
    return "; ".join(map(_source, row.sources))


def _facts(row: Row) -> Iterator[tuple[str, str]]:
    yield "row", row.id
    yield "level", row.level.word
    yield "level_meaning", "; ".join(MEANINGS[level] for level in _levels(row.level))
    yield "party", row.party or ""
    yield "checked_by", row.by
    yield "source", main_source(row)
    yield "task", row.key.task
    yield "protocol", row.key.protocol
    yield "variant", row.key.variant
    yield "data", row.key.data
    yield "split", row.key.split
    yield "unit", row.unit
    if row.ci95 is not None:
        yield "ci95_low", repr(row.ci95[0])
        yield "ci95_high", repr(row.ci95[1])
    yield "std_over_seeds", "" if row.std is None else repr(row.std)
    yield "seeds", str(row.seeds or "")
    yield "method", row.method
    yield "backbone", row.backbone
    yield "init", row.init
    yield "pretrain_data", row.pretrain_data
    yield "ratio", "" if row.ratio is None else repr(row.ratio)
    yield "ablation", "" if row.ablation is None else str(row.ablation)
    if row.result is not None:
        yield from _result_facts(row.result)
    yield "evidence_sha256", " ".join(file.sha256 for file in row.evidence)
    yield "notes", " ".join(row.notes)


def _levels(reached: Level) -> list[Level]:
    """The level, after that of the evidence, which all but papers include."""
    return [reached] if reached <= Level.EVIDENCE else [Level.EVIDENCE, reached]


def _result_facts(result: Result) -> Iterator[tuple[str, str]]:
    yield "task_version", result.task.version
    yield "split_sha256", result.task.split_sha256
    yield "manifest_sha256", result.data.manifest_sha256 or ""
    yield "n_expected", str(result.data.n_expected)
    yield "n_scored", str(result.data.n_scored)
    yield "weights_sha256", result.model.weights_sha256 or ""
    yield "config_sha256", result.run.config_sha256 or ""
    yield "tool", result.run.tool
    yield "git", result.run.git or ""
    yield "device", result.run.device or ""
    yield "precision", result.run.precision or ""


def figures(row: Row) -> dict[str, str]:
    """All figures of a row but the main one, each with all its digits, and those by class as one JSON text."""
    found = {shown(name): repr(value) for name, value in row.scores.items() if value is not None and name != row.main}
    if row.per_class:
        by_class = {shown(one): {shown(name): of[name] for name in of} for one, of in row.per_class.items()}
        found["per_class"] = json_text(by_class)
    return found


def _source(source: Source) -> str:
    return f"{source.label} ({source.paper})" if source.paper else source.label
