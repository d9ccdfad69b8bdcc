"""Result files, the per-sample evidence behind them, and the statistics of scores."""

from hcmoco_bench.results.evidence import Evidence, join_evidence, load_evidence, save_evidence
from hcmoco_bench.results.schema import (
    DataEntry,
    EvidenceEntry,
    ModelEntry,
    PretrainEntry,
    Result,
    RunEntry,
    ScoreEntry,
    StatusEntry,
    TaskEntry,
    TrainingEntry,
    read_result,
    write_result,
)
from hcmoco_bench.results.statistics import (
    PairedDifference,
    SeedSummary,
    bootstrap_interval,
    paired_bootstrap,
    seed_summary,
)

__all__ = [
    "DataEntry",
    "Evidence",
    "EvidenceEntry",
    "ModelEntry",
    "PairedDifference",
    "PretrainEntry",
    "Result",
    "RunEntry",
    "ScoreEntry",
    "SeedSummary",
    "StatusEntry",
    "TaskEntry",
    "TrainingEntry",
    "bootstrap_interval",
    "join_evidence",
    "load_evidence",
    "paired_bootstrap",
    "read_result",
    "save_evidence",
    "seed_summary",
    "write_result",
]
