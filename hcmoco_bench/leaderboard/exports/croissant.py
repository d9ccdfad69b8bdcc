"""Tables and rows as MLCommons' Croissant Tasks: a problem for each table, a solution with its evaluation for each row.

Vocabulary: https://github.com/mlcommons/croissant/tree/main/tasks (croissant-tasks.ttl)
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from hcmoco_bench.files.json import json_text
from hcmoco_bench.leaderboard.board import Board, Leaderboard
from hcmoco_bench.leaderboard.exports.facts import row_facts
from hcmoco_bench.leaderboard.exports.folder import check_empty, write_file
from hcmoco_bench.leaderboard.exports.texts import path_name, shown
from hcmoco_bench.leaderboard.linkable_address import linkable_address
from hcmoco_bench.leaderboard.row import Row

Json = dict[str, Any]

_CONTEXT: Final[Json] = {
    "croissant": "http://mlcommons.org/croissant/",
    "schema": "https://schema.org/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}


def export_croissant(leaderboard: Leaderboard, out: Path) -> tuple[Path, ...]:
    """Write `<table>/problem.jsonld` for each table and `<table>/solutions/<row>.jsonld` for each of its rows.

    Ids are URNs (`urn:hcmoco-bench:<table>:<row>`), so that the files mean the same wherever they lie. Every figure
    of a row, those by class too, becomes a result; level, party, interval and hashes are properties of the main figure.

    Args:
        leaderboard: What to write.
        out: A new or empty folder.

    Returns:
        The files; each table's problem before its solutions.

    Raises:
        UsageError: If `out` holds anything.
        StoreError: If it cannot be written.
    """
    check_empty(out)
    files = []
    for board in leaderboard.boards:
        below = out / path_name(board.key.slug)
        files.append(write_file(below / "problem.jsonld", _text(_problem(board))))
        for row in board.rows:
            solution = _text(_solution(row, board, leaderboard))
            files.append(write_file(below / "solutions" / f"{path_name(row.id)}.jsonld", solution))
    return tuple(files)


def _text(document: Json) -> str:
    return f"{json_text({'@context': _CONTEXT, **document}, indent=2, allow_nan=False)}\n"


def _problem_id(board: Board) -> str:
    return f"urn:hcmoco-bench:{path_name(board.key.slug)}"


def _metric_id(board: Board, name: str) -> str:
    return f"{_problem_id(board)}:metric:{path_name(name)}"


def _problem(board: Board) -> Json:
    identifier, key = _problem_id(board), board.key
    result = next((row.result for row in board.rows if row.result is not None), None)
    data: Json = {
        "@type": "schema:Dataset",
        "@id": f"{identifier}:data",
        "schema:name": shown(key.data),
        "schema:description": shown(f"Split {key.split} of {key.data}."),
    }
    if result is not None:
        data["schema:identifier"] = [
            _property("split_sha256", result.task.split_sha256),
            *([_property("manifest_sha256", text)] if (text := result.data.manifest_sha256) else []),
        ]
    protocol = f"Protocol {key.protocol}" + (f", variant {key.variant}" if key.variant else "")
    return {
        "@type": "croissant:TaskProblem",
        "@id": identifier,
        "schema:name": shown(board.title),
        "schema:description": shown(f"{board.title}. {protocol}, scored on the split {key.split} of {key.data}."),
        "croissant:input": data,
        "croissant:output": _output(identifier),
        "croissant:evaluation": {
            "@type": "croissant:EvaluationSpec",
            "@id": f"{identifier}:evaluation",
            "croissant:expectedMetric": {
                "@type": "croissant:MetricSpec",
                "@id": _metric_id(board, board.main),
                "schema:name": shown(board.main),
                "schema:unitText": shown(board.unit),
                "croissant:lowerIsBetter": not board.higher_is_better,
            },
        },
    }


def _output(identifier: str) -> Json:
    def field(name: str, meaning: str, data_type: str) -> Json:
        return {
            "@type": "croissant:Field",
            "@id": f"{identifier}:output:{name}",
            "schema:name": name,
            "schema:description": meaning,
            "croissant:dataType": {"@id": data_type},
        }

    return {
        "@type": "croissant:OutputSpec",
        "@id": f"{identifier}:output",
        "schema:description": "One prediction for each sample of the split.",
        "croissant:schema": {
            "@type": "croissant:RecordSet",
            "@id": f"{identifier}:output:records",
            "croissant:field": [
                field("sample_id", "id of the sample", "schema:Text"),
                field(
                    "prediction",
                    "the prediction, in the form that `hcmoco-bench eval --predictions` reads for the task",
                    "schema:MediaObject",
                ),
            ],
        },
    }


def _solution(row: Row, board: Board, leaderboard: Leaderboard) -> Json:
    identifier = f"{_problem_id(board)}:{path_name(row.id)}"
    cited = [leaderboard.citations[one.paper] for one in row.sources if one.paper in leaderboard.citations]
    addresses = [found for one in row.sources if (found := linkable_address(one.url))]
    return {
        "@type": "croissant:TaskSolution",
        "@id": identifier,
        "schema:name": shown(row.name),
        "schema:isBasedOn": {"@id": _problem_id(board)},
        **({"schema:citation": [shown(one) for one in cited]} if cited else {}),
        **({"schema:url": addresses} if addresses else {}),
        "croissant:implementation": _implementation(identifier, row),
        **({"croissant:execution": _execution(identifier, row)} if row.result is not None else {}),
        "croissant:evaluation": {
            "@type": "croissant:EvaluationTask",
            "@id": f"{identifier}:evaluation",
            "schema:name": shown(f"{row.name}: {board.title}"),
            "croissant:evaluatedSolution": {"@id": identifier},
            "croissant:evaluationResults": [*_results(row, board), *_results_by_class(row)],
        },
    }


def _implementation(identifier: str, row: Row) -> Json:
    facts = row_facts(row)
    wanted = ("method", "backbone", "init", "pretrain_data", "ratio", "ablation")
    parts = [f"{name}: {facts[name]}" for name in wanted if name in facts]
    weights = [_property("weights_sha256", facts["weights_sha256"])] if "weights_sha256" in facts else []
    return {
        "@type": "schema:SoftwareApplication",
        "@id": f"{identifier}:model",
        "schema:name": shown(row.name),
        **({"schema:description": "; ".join(parts)} if parts else {}),
        **({"schema:identifier": weights} if weights else {}),
    }


def _execution(identifier: str, row: Row) -> Json:
    facts = row_facts(row)
    wanted = ("seeds", "device", "precision", "git", "config_sha256")
    return {
        "@type": "croissant:ExecutionInfo",
        "@id": f"{identifier}:execution",
        "schema:name": facts["tool"],
        "schema:description": "; ".join(f"{name}: {facts[name]}" for name in wanted if name in facts),
    }


def _results(row: Row, board: Board) -> Iterator[Json]:
    for name, value in row.scores.items():
        if value is None:
            continue
        if name == row.main:
            yield _main_result(row, board, value)
        else:
            yield _result(shown(name), {"schema:value": value})


def _results_by_class(row: Row) -> Iterator[Json]:
    for one, figures in row.per_class.items():
        for name, value in figures.items():
            if value is not None:
                yield _result(shown(f"{name} of {one}"), {"schema:value": value})


def _main_result(row: Row, board: Board, value: float) -> Json:
    left_out = ("task", "unit", "method", "backbone", "init", "pretrain_data", "ratio", "ablation", "tool")
    facts = {name: text for name, text in row_facts(row).items() if name not in left_out}
    quantity = {
        "schema:value": value,
        "schema:unitText": shown(row.unit),
        "schema:additionalProperty": [_property(name, text) for name, text in facts.items()],
    }
    return _result({"@id": _metric_id(board, row.main)}, quantity)


def _result(metric: str | Json, quantity: Json) -> Json:
    value = {"@type": "schema:QuantitativeValue", **quantity}
    return {"@type": "croissant:EvaluationResult", "croissant:metric": metric, "croissant:value": value}


def _property(name: str, value: str) -> Json:
    return {"@type": "schema:PropertyValue", "schema:name": name, "schema:value": value}
