"""Every Eval Ever's records, schema version 0.3.0.

Schema: https://github.com/evaleval/every_eval_ever (every_eval_ever/schemas/eval.schema.json)
"""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Any, Final

from hcmoco_bench.files.hashing import json_sha256
from hcmoco_bench.files.json import dump_json
from hcmoco_bench.leaderboard.board import Board, Leaderboard
from hcmoco_bench.leaderboard.exports.facts import figures, row_facts
from hcmoco_bench.leaderboard.exports.folder import check_empty, write_file
from hcmoco_bench.leaderboard.exports.texts import path_name, shown
from hcmoco_bench.leaderboard.level import Level
from hcmoco_bench.leaderboard.linkable_address import linkable_address
from hcmoco_bench.leaderboard.row import Row

Json = dict[str, Any]

SCHEMA_VERSION: Final = "0.3.0"
COLLECTION: Final = "hcmoco-bench"
"""Folder of the records in the shared collection, named after where the figures come from."""

_UNKNOWN: Final = "unknown"
_BOUNDS: Final[dict[str, tuple[float, float | str]]] = {
    "%": (0, 100),
    "mm": (0, "Infinity"),
    "cm": (0, "Infinity"),
    "m": (0, "Infinity"),
}
"""Smallest and largest score by unit; scores of other units are written without bounds."""


def export_eee(leaderboard: Leaderboard, out: Path, *, created: int | None = None) -> tuple[Path, ...]:
    """Write a record for each row with a main score: `data/hcmoco-bench/<who>/<model>/<uuid>.json`.

    The schema wants to know of each figure whether lower is better; that is known of the main score, which is therefore
    the record's only result. All other figures are among its details. `<who>` is the key of the publication that has
    the model, or this leaderboard. The name of a record follows from its content without `created`, so that a row that
    has not changed keeps its name.

    Args:
        leaderboard: What to write.
        out: A new or empty folder.
        created: When the records are made, in seconds of the Unix epoch; None for now.

    Returns:
        The files.

    Raises:
        UsageError: If `out` holds anything.
        StoreError: If it cannot be written.
    """
    check_empty(out)
    when = str(int(time.time()) if created is None else created)
    files = []
    for board in leaderboard.boards:
        for row in board.rows:
            if row.score is None:
                continue
            record = _record(row, board, leaderboard, row.score)
            # A UUID of the form that the collection asks for, drawn from the content instead of at random.
            name = uuid.UUID(hex=json_sha256(record)[:32], version=4)
            path = out / "data" / COLLECTION / _model_id(row) / f"{name}.json"
            files.append(write_file(path, dump_json({**record, "retrieved_timestamp": when})))
    return tuple(files)


def _record(row: Row, board: Board, leaderboard: Leaderboard, score: float) -> Json:
    return {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": f"{COLLECTION}/{_model_id(row)}/{path_name(row.id)}",
        "source_metadata": _source(row, leaderboard),
        "eval_library": _library(row),
        "model_info": _model(row),
        "evaluation_results": [
            {
                "evaluation_name": f"{COLLECTION}.{path_name(row.key.slug)}",
                "source_data": _data(row),
                "metric_config": _metric(row, board, score),
                "score_details": _score(row, score),
            }
        ],
    }


def _source(row: Row, leaderboard: Leaderboard) -> Json:
    relations = {None: "other", "first": "first_party", "third": "third_party"}
    cited = [leaderboard.citations[one.paper] for one in row.sources if one.paper in leaderboard.citations]
    addresses = [found for one in row.sources if (found := linkable_address(one.url))]
    details = {
        name: text
        for name, text in row_facts(row).items()
        if name in ("row", "level", "level_meaning", "party", "checked_by", "source", "notes")
    }
    if cited:
        details["bibtex"] = shown("\n".join(cited))
    if addresses:
        details["urls"] = " ".join(addresses)
    return {
        "source_name": "hcmoco-bench leaderboard",
        "source_type": "evaluation_run" if row.ranked else "documentation",
        "source_organization_name": "hcmoco-bench",
        "evaluator_relationship": relations[row.party],
        "additional_details": details,
    }


def _library(row: Row) -> Json:
    if row.result is None:
        return {"name": _UNKNOWN, "version": _UNKNOWN}
    name, _, version = shown(row.result.run.tool).partition(" ")
    versions = {shown(one): shown(text) for one, text in row.result.run.versions.items()}
    return {"name": name, "version": version or _UNKNOWN, "additional_details": versions}


def _model(row: Row) -> Json:
    wanted = ("method", "backbone", "init", "pretrain_data", "ratio", "ablation", "weights_sha256", "config_sha256")
    facts = row_facts(row)
    details = {name: facts[name] for name in wanted if name in facts}
    details["deployment_type"] = "self_deployed" if row.result is not None else _UNKNOWN
    details["model_availability"] = "open_weights" if row.level >= Level.WEIGHTS else _UNKNOWN
    known = {"developer": shown(row.by)} if row.party == "first" and row.by else {}
    return {"name": shown(row.name), "id": _model_id(row), **known, "additional_details": details}


def _model_id(row: Row) -> str:
    """`<who>/<model>`: the publication that has the model, or, as leaderboards do not know developers, this one."""
    paper = next((source.paper for source in row.sources if source.paper), "") if row.level is Level.PAPER else ""
    return f"{path_name(paper) if paper else COLLECTION}/{path_name(row.name)}"


def _data(row: Row) -> Json:
    wanted = ("task", "task_version", "protocol", "variant", "split", "split_sha256", "manifest_sha256")
    facts = row_facts(row)
    return {
        "dataset_name": shown(row.key.data),
        "source_type": "other",
        "additional_details": {name: facts[name] for name in (*wanted, "n_expected", "n_scored") if name in facts},
    }


def _metric(row: Row, board: Board, score: float) -> Json:
    name = shown(row.main)
    found: Json = {
        "evaluation_description": shown(board.title),
        "metric_id": f"{COLLECTION}.{path_name(row.key.task)}.{name}",
        "metric_name": name,
        "metric_unit": "percent" if row.unit == "%" else shown(row.unit),
        "lower_is_better": not row.higher_is_better,
    }
    if row.unit in _BOUNDS:
        lowest, highest = _BOUNDS[row.unit]
        if lowest <= score <= float(highest):
            found |= {"score_type": "continuous", "min_score": lowest, "max_score": highest}
    return found


def _score(row: Row, score: float) -> Json:
    facts = row_facts(row)
    wanted = ("std_over_seeds", "seeds", "evidence_sha256", "device", "precision")
    found: Json = {
        "score": score,
        "details": {**figures(row), **{name: facts[name] for name in wanted if name in facts}},
    }
    uncertainty: Json = {}
    if row.ci95 is not None:
        low, high = row.ci95
        uncertainty["confidence_interval"] = {
            "lower": low,
            "upper": high,
            "confidence_level": 0.95,
            "method": "bootstrap",
        }
        if row.result is not None:
            uncertainty["num_samples"] = row.result.data.n_scored
            if row.result.scores.ci95_draws is not None:
                uncertainty["num_bootstrap_samples"] = row.result.scores.ci95_draws
    return {**found, "uncertainty": uncertainty} if uncertainty else found
