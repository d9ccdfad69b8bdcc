"""Results of a pre-trained encoder in its folder for the Hub: `.eval_results/` and a section of its card."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.hub.push_model import CARD_FILE, export_record, write_model_results
from hcmoco_bench.leaderboard.exports.hf import BENCHMARK, results_file, task_id, yaml_text
from hcmoco_bench.leaderboard.exports.texts import markdown_text, path_name, shown
from hcmoco_bench.leaderboard.rows.place_check import board_key
from hcmoco_bench.results.schema import Result, read_result
from hcmoco_bench.tasks.core.registry import get_task

_BEGIN: Final = "<!-- results of hcmoco-bench: begin -->"
_END: Final = "<!-- results of hcmoco-bench: end -->"


def add_results(folder: Path, results: Sequence[Path], *, benchmark: str = BENCHMARK) -> tuple[Path, ...]:
    """Put results of an exported encoder into its folder, in place of those that it has; run again, nothing changes.

    The results are those of models that were fine-tuned from the encoder. A result says of its encoder the method, data
    and first weights of the pre-training, its architecture and, by the task, the modality; these are compared with what
    the folder says. Nothing here checks the scores, so they are called self-reported.

    Args:
        folder: What `export --to hub` wrote.
        results: Result files.
        benchmark: Name of the benchmark's dataset on the Hub, `USER/NAME`.

    Returns:
        The files in `.eval_results/`.

    Raises:
        DataError: If the folder is no whole export, a result cannot be read, or the card was cut within its results.
        UsageError: If a result is not of this encoder, or two results are of the same task, protocol, variant, data,
            split and training split.
        StoreError: If the folder cannot be written.
    """
    record = export_record(folder)
    found: dict[str, Result] = {}
    for path in results:
        result = read_result(path)
        _check_same_encoder(path, result, folder, record)
        name = _file_name(result)
        if name in found:
            raise UsageError(
                f"{path}: another result given is of the same task, protocol, data and splits ({name}); give one"
            )
        found[name] = result
    files = {name: yaml_text(_entries(result, benchmark)) for name, result in found.items()}
    return write_model_results(folder, files, _card(folder / CARD_FILE, list(found.values())))


def _check_same_encoder(path: Path, result: Result, folder: Path, record: Mapping[str, Any]) -> None:
    config, pretrain = record["config"], result.model.pretrain
    there = {
        "method": config["method"],
        "data": " + ".join(config["stores"]) or None,
        "init": config["init"],
        "backbone": record["backbone"],
    }
    here = {
        "method": None if pretrain is None else pretrain.method,
        "data": None if pretrain is None else pretrain.data,
        "init": None if pretrain is None else pretrain.init,
        "backbone": result.model.backbone,
    }
    modality = get_task(result.task.id).modality
    if modality is not None:
        there["modality"], here["modality"] = record["modality"], modality
    differing = [f"{name} {here[name]}, not {there[name]}" for name in there if here[name] != there[name]]
    if differing:
        raise UsageError(
            f"{path}: is not of a model that began with the encoder in {folder} (its {'; its '.join(differing)}); give "
            "results of fine-tuning from the same checkpoint"
        )


def _file_name(result: Result) -> str:
    """Name of the result's file; models that learned from a part of the labels say from which."""
    name, training = results_file(board_key(result)), result.model.training
    if training is None or training.split == "train":
        return name
    return f"{name.removesuffix('.yaml')}-{path_name(training.split)}.yaml"


def _entries(result: Result, benchmark: str) -> list[dict[str, Any]]:
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    notes = "; ".join(f"{name}: {shown(text)}" for name, text in _notes(result))
    entry = EvalResultEntry(
        dataset_id=benchmark, task_id=task_id(board_key(result)), value=result.scores.mean, notes=notes
    )
    return eval_result_entries_to_yaml([entry])


def _notes(result: Result) -> Iterator[tuple[str, str]]:
    scores, training = result.scores, result.model.training
    yield "level", "self-reported"
    yield "model", result.model.name
    yield "metric", f"{scores.main} ({scores.unit})"
    yield "protocol", result.task.protocol
    if result.task.variant:
        yield "variant", result.task.variant
    yield "data", result.data.name
    yield "split", f"{result.task.split} (SHA-256 of its ids {result.task.split_sha256})"
    yield "samples", f"{result.data.n_scored} of {result.data.n_expected}"
    if scores.ci95 is not None:
        yield "95 % interval", f"{scores.ci95[0]!r} to {scores.ci95[1]!r}"
    if scores.std is not None:
        yield "standard deviation over seeds", repr(scores.std)
    if training is not None:
        yield "learned from", f"{training.split} ({training.ratio!r} of the training data)"
    if result.model.weights_sha256:
        yield "weights_sha256", result.model.weights_sha256
    if result.evidence:
        yield "evidence_sha256", " ".join(one.sha256 for one in result.evidence)
    yield "tool", result.run.tool


def _card(path: Path, results: Sequence[Result]) -> str:
    """The card with its section of results replaced, or added at the end."""
    try:
        card = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: the card cannot be read ({error}); run export --to hub again",
            kind="card_unreadable",
            file=str(path),
        ) from error
    if (card.count(_BEGIN), card.count(_END)) not in ((0, 0), (1, 1)):
        raise DataError(
            f"{path}: the marks around the section of results are not one pair; run export --to hub again",
            kind="card_marks",
            file=str(path),
        )
    without = re.sub(rf"\n*{re.escape(_BEGIN)}.*{re.escape(_END)}\n*", "\n", card, flags=re.DOTALL)
    return f"{without.rstrip()}\n\n{_section(results)}" if results else without


def _section(results: Sequence[Result]) -> str:
    rows = "\n".join(f"| {' | '.join(map(markdown_text, _cells(result)))} |" for result in results)
    return f"""{_BEGIN}
## Results

Models that were fine-tuned from this encoder, as their author reports them; all digits, and the hashes of splits and
evidence, are in `.eval_results/`.

| task | protocol | data | split | learned from | metric | score | 95 % interval | seeds |
|---|---|---|---|---|---|--:|--:|--:|
{rows}
{_END}
"""


def _cells(result: Result) -> tuple[str, ...]:
    scores, task, training = result.scores, result.task, result.model.training
    interval = "" if scores.ci95 is None else f"{scores.ci95[0]:.2f} to {scores.ci95[1]:.2f}"
    return (
        f"{task.id} {task.variant}".rstrip(),
        task.protocol,
        result.data.name,
        task.split,
        "" if training is None else training.split,
        f"{scores.main} ({scores.unit})",
        f"{scores.mean:.2f}",
        interval,
        str(len(result.run.seeds) or ""),
    )
