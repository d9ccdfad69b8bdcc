"""A leaderboard of generated rows with evidence, for benchmarks."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench import __version__
from hcmoco_bench.body import part_table
from hcmoco_bench.files.hashing import bytes_sha256, fingerprint
from hcmoco_bench.leaderboard.folder import ROWS
from hcmoco_bench.leaderboard.level import Level
from hcmoco_bench.leaderboard.rows.add import check_all, refuse_failed, write_row_file
from hcmoco_bench.leaderboard.rows.read import row_id
from hcmoco_bench.leaderboard.rows.row_file import RESULT_FILE, RowFile
from hcmoco_bench.leaderboard.ties.draws import drawn_scores
from hcmoco_bench.results.evidence import Evidence, save_evidence
from hcmoco_bench.results.resampling import GroupDraws
from hcmoco_bench.results.schema import (
    GENERATED,
    DataEntry,
    EvidenceEntry,
    ModelEntry,
    PretrainEntry,
    Result,
    RunEntry,
    StatusEntry,
    TaskEntry,
    TrainingEntry,
    write_result,
)
from hcmoco_bench.results.statistics import percentile_interval
from hcmoco_bench.sources.ntu.names import ClipName, SampleId
from hcmoco_bench.tasks.core.registry import get_task
from hcmoco_bench.tasks.core.result import BOOTSTRAP, score_entry
from hcmoco_bench.tasks.core.task import Evaluation

TASK: Final = get_task("depth_parsing")
PROTOCOL: Final = "native"
PERFORMERS: Final = 40
_PIXELS: Final = 424 * 512
_PERSON: Final = 12_000
"""Median of the pixels of a person."""
_METHODS: Final = ("scratch", "imagenet", "cmc", "mmv", "hcmoco")
_RATIOS: Final = (0.1, 0.2, 0.5, 1.0)


def generated_leaderboard(folder: Path, *, rows: int, samples: int, seed: int = 0) -> Path:
    """Write the rows of one table, as `leaderboard add` leaves them.

    Every row passes the checks of `leaderboard add`, of which its record comes. Unlike that command, this function does
    not read the rows that are there before it adds one.

    Args:
        folder: The leaderboard; made here.
        rows: Number of rows.
        samples: Number of samples that each was scored on, of 40 performers.
        seed: Seed of all counts.

    Returns:
        The folder.
    """
    ids = _ids(samples)
    rng = np.random.default_rng(seed)
    target = _targets(rng, samples)
    hardness = 0.3 * rng.standard_normal((PERFORMERS, 1))
    for number in range(rows):
        _add_row(folder, number, _evidence(np.random.default_rng([seed, number]), ids, target, hardness))
    return folder


def _ids(samples: int) -> tuple[str, ...]:
    return tuple(str(SampleId(ClipName(1, 1, 1 + i % PERFORMERS, 1, 1), 1 + i // PERFORMERS)) for i in range(samples))


def _targets(rng: np.random.Generator, samples: int) -> NDArray[np.int64]:
    """(N, C) pixels of each class: people of different size, in whom some parts are hidden."""
    parts = len(part_table()) - 1
    size = np.minimum(_PERSON * rng.lognormal(0, 0.4, (samples, 1)), 0.8 * _PIXELS)
    share = rng.dirichlet(np.full(parts, 4.0), samples) * (rng.random((samples, parts)) < 0.85)
    people = np.rint(size * share).astype(np.int64)
    return np.column_stack([_PIXELS - people.sum(axis=1), people])


def _evidence(
    rng: np.random.Generator, ids: tuple[str, ...], target: NDArray[np.int64], hardness: NDArray[np.float64]
) -> Evidence:
    """What a model of some skill counts; what it misses it takes for the next class."""
    skill = 1.0 + 0.3 * rng.standard_normal() + hardness + 0.1 * rng.standard_normal((PERFORMERS, 1))
    of_samples = skill[np.arange(len(ids)) % PERFORMERS] + 0.5 * rng.standard_normal(target.shape)
    of_samples[:, 0] += 4  # background is easy
    found = rng.binomial(target, 1 / (1 + np.exp(-of_samples)))
    predicted = found + np.roll(target - found, 1, axis=1)
    columns = {"intersection": found, "target": target, "prediction": predicted}
    blank = TASK.blank_evidence(PROTOCOL, "")
    if blank is None:
        raise TypeError("parsing has evidence whose form the protocol sets")
    return Evidence(blank.metric, ids, {name: one.astype(np.int32) for name, one in columns.items()}, blank.meta)


def _add_row(folder: Path, number: int, evidence: Evidence) -> None:
    staging = folder / ROWS / TASK.record.id / ".adding"
    staging.mkdir(parents=True)
    file = staging / "result-evidence-0.npz"
    result = _result(number, evidence, EvidenceEntry(file=file.name, sha256=save_evidence(file, evidence)))
    write_result(staging / RESULT_FILE, result)
    sha256 = bytes_sha256((staging / RESULT_FILE).read_bytes())
    name = row_id(result, sha256)
    checked = check_all(result, staging, TASK, {}, row=name, by="benchmark", submitted_by="benchmark")
    refuse_failed(checked.checklist, name)
    row = RowFile(
        id=name,
        submitted_by="benchmark",
        added=datetime.datetime.now(tz=datetime.UTC).date(),
        result_sha256=sha256,
        labels_sha256=checked.labels_sha256,
        evidence_sha256=checked.evidence_sha256,
        checks=checked.records(name, sha256, "benchmark", above=Level.PAPER),
    )
    write_row_file(staging, row)
    staging.rename(staging.with_name(name))


def _result(number: int, evidence: Evidence, entry: EvidenceEntry) -> Result:
    scores, n = TASK.scores(evidence), len(evidence)
    evaluation = Evaluation(scores, TASK.per_class(evidence), evidence, n, n)
    method = _METHODS[number % len(_METHODS)]
    return Result(
        task=TaskEntry(
            id=TASK.record.id,
            version=str(TASK.record.version),
            protocol=PROTOCOL,
            split="test",
            split_sha256=fingerprint(evidence.sample_ids),
        ),
        model=ModelEntry(
            name=f"Model {number:04d}",
            backbone="hrnet_w18",
            weights_sha256=bytes_sha256(f"weights {number}".encode()),
            pretrain=PretrainEntry(method=method, data="NTU RGB+D", init="imagenet"),
            training=TrainingEntry(split="train", ratio=_RATIOS[number % len(_RATIOS)]),
        ),
        data=DataEntry(name=f"NTURGBD-Parsing-4K{GENERATED}", n_expected=n, n_scored=n),
        run=RunEntry(tool=f"hcmoco-bench {__version__}", seeds=(0,), device="cpu", precision="fp32"),
        scores=score_entry(TASK, PROTOCOL, [evaluation], bootstrap=0).model_copy(
            update={"ci95": interval(evidence), "ci95_draws": BOOTSTRAP}
        ),
        evidence=(entry,),
        status=StatusEntry(tier="self-reported"),
    )


def interval(evidence: Evidence) -> tuple[float, float]:
    """The 95 % interval of the main score, drawn as checks draw it."""
    groups = TASK.groups(evidence.sample_ids)
    draws = GroupDraws.of(len(evidence), None if groups is None else groups.of, n=BOOTSTRAP, seed=0)
    found = drawn_scores([evidence], lambda one: TASK.scores(one)[TASK.record.main_score], draws)
    return percentile_interval(found.draws)
