"""Hugging Face's evaluation results: `eval.yaml` of the benchmark and `.eval_results/*.yaml` of each model.

Format: https://huggingface.co/docs/hub/eval-results
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped]  # its stubs are a package of their own

from hcmoco_bench.hub.push_model import RESULTS_FOLDER, RESULTS_PREFIX
from hcmoco_bench.leaderboard.board import Board, Leaderboard
from hcmoco_bench.leaderboard.exports.facts import main_source, row_facts
from hcmoco_bench.leaderboard.exports.folder import check_empty, write_file
from hcmoco_bench.leaderboard.exports.texts import path_name, shown
from hcmoco_bench.leaderboard.linkable_address import linkable_address
from hcmoco_bench.leaderboard.row import BoardKey, Row

BENCHMARK: Final = "hcmoco-bench/leaderboard"
"""Dataset on the Hub that the entries name unless another is given: the one whose `eval.yaml` this is."""

_NOTED: Final = ("level", "party", "checked_by", "protocol", "variant", "data", "split", "split_sha256", "unit")
_NOTED_AFTER: Final = ("ci95_low", "ci95_high", "std_over_seeds", "seeds", "ratio", "n_scored", "n_expected", "notes")


def export_hf(leaderboard: Leaderboard, out: Path, *, benchmark: str = BENCHMARK) -> tuple[Path, ...]:
    """Write `eval.yaml`, for the root of the benchmark's dataset, and `models/<row>/.eval_results/`, for each model.

    A row without a main score has no entry, because an entry is that score. The format has places for the score, its
    benchmark, task and source; everything else (level, party, protocol, hash of the split, interval) is in the notes.
    Nothing asks for the Hub's mark of verified results, which only the Hub's own runs get.

    Args:
        leaderboard: What to write.
        out: A new or empty folder.
        benchmark: Name of the benchmark's dataset on the Hub, `USER/NAME`.

    Returns:
        The files, `eval.yaml` first.

    Raises:
        UsageError: If `out` holds anything.
        StoreError: If it cannot be written.
    """
    check_empty(out)
    files = [write_file(out / "eval.yaml", yaml_text(_benchmark(leaderboard)))]
    for board in leaderboard.boards:
        for row in board.rows:
            if row.score is not None:
                path = out / "models" / path_name(row.id) / RESULTS_FOLDER / results_file(board.key)
                files.append(write_file(path, yaml_text(result_entries(row, benchmark))))
    return tuple(files)


def results_file(key: BoardKey) -> str:
    """Name of the file in `.eval_results/` with a model's entry for a table."""
    return f"{RESULTS_PREFIX}{task_id(key)}.yaml"


def task_id(key: BoardKey) -> str:
    """Id of a table's task in `eval.yaml` and in the entries."""
    return path_name(key.slug)


def result_entries(row: Row, benchmark: str) -> list[dict[str, Any]]:
    """The entry of a row with a main score, as the content of a file in `.eval_results/`."""
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    address = next((found for source in row.sources if (found := linkable_address(source.url))), None)
    entry = EvalResultEntry(
        dataset_id=benchmark,
        task_id=task_id(row.key),
        value=row.score,
        source_url=address,
        source_name=shown(main_source(row)) if address else None,
        notes=_notes(row),
    )
    return eval_result_entries_to_yaml([entry])


def yaml_text(content: Any) -> str:
    """YAML in which everything beyond ASCII is escaped, in the order given."""
    return str(yaml.safe_dump(content, sort_keys=False, allow_unicode=False, width=120))


def _notes(row: Row) -> str:
    facts = row_facts(row)
    facts["level"] = f"{facts['level']} ({facts['level_meaning']})"
    names = [name for name in (*_NOTED, *_NOTED_AFTER) if name in facts]
    return "; ".join(f"{name}: {facts[name]}" for name in names)


def _benchmark(leaderboard: Leaderboard) -> dict[str, Any]:
    return {
        "name": "hcmoco-bench",
        "description": "RGB-D human-centric perception. There is one task for each task, protocol, variant, data set "
        "and split, because scores of two of them are not comparable.",
        "evaluation_framework": "hcmoco-bench",
        "tasks": [_task(board) for board in leaderboard.boards],
    }


def _task(board: Board) -> dict[str, str]:
    return {"id": task_id(board.key), "config": "default", "split": shown(board.key.split)}
