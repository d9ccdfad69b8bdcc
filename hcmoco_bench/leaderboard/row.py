"""A row of a leaderboard, from a paper or from a checked result, in the one form that tables, page and exports read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from hcmoco_bench.leaderboard.level import Level
from hcmoco_bench.leaderboard.slug import slug_of
from hcmoco_bench.results.schema import Result

Party = Literal["first", "third"]


@dataclass(frozen=True, order=True)
class BoardKey:
    """What rows must share to stand in one table.

    Attributes:
        task: Name of the task, e.g. `depth_parsing`.
        protocol: Name of the protocol.
        variant: Variant of the task whose scores are not comparable with others', e.g. `rgb_to_depth`; empty if the
            task has none.
        data: Name of the data set in results; generated data says so.
        split: Name of the split that is scored.
    """

    task: str
    protocol: str
    variant: str
    data: str
    split: str

    @property
    def slug(self) -> str:
        """The key as part of a file name: lower-case letters, digits and dashes."""
        parts = (self.task, self.protocol, self.variant, self.data, self.split)
        return "-".join(filter(None, map(slug_of, parts)))


@dataclass(frozen=True)
class Source:
    """Where a row's figures come from.

    Attributes:
        label: In words, e.g. `Table 9` or `result of 2026-11-02`.
        paper: Key of a citation in `leaderboards/citations.bib`; empty for a result without one.
        url: Address of the publication or of the model; empty if none is known.
    """

    label: str
    paper: str = ""
    url: str = ""


@dataclass(frozen=True)
class EvidenceFile:
    """A file of per-sample evidence and the SHA-256 that the result states for it."""

    path: Path
    sha256: str


@dataclass(frozen=True)
class Row:
    """One model in one table.

    All texts may come from outside, and are shown as text, never as markup.

    Attributes:
        id: Unique and fit for file names and addresses: lower-case letters, digits and dashes.
        key: The table that it stands in.
        name: The model's name in the table.
        method: Method of pre-training, e.g. `hcmoco`, or what stands for it (`scratch`, `imagenet`); empty if unknown.
        backbone: Architecture of the encoder; empty if unknown.
        init: What the pre-training, or the training without one, started from; empty if unknown.
        pretrain_data: Data of the pre-training, e.g. `NTU RGB+D + MPII`; empty if none or unknown.
        ratio: Share of the training labels, 0..1; None if unknown.
        ablation: Step of an ablation study that the row is, in the order in which steps add up, from 1; None if it is
            part of none.
        level: What was checked.
        party: Who did the highest check: the row's submitter (first) or somebody else (third); None for papers.
        by: Name of who did it; empty for papers.
        scores: Every figure by name in the units of the task; None where it is not defined. A paper's row has the
            figures that the paper prints.
        main: Name of the main score, a key of `scores` where the row has it.
        unit: Unit of the main score.
        higher_is_better: Whether a higher main score is better.
        std: Standard deviation of the main score over seeds; None with one seed, and for papers.
        ci95: 95 % interval of the main score as the result states it; None if it states none.
        per_class: Figures by class (or joint), then by name of figure.
        seeds: Number of trainings behind the scores; 0 if unknown.
        notes: What a reader should know, whole sentences.
        sources: Where the figures come from.
        result: The result file's content; None for papers.
        evidence: Evidence files, one a seed; empty for papers.
        folder: Folder of the row; None for papers.
    """

    id: str
    key: BoardKey
    name: str
    method: str
    backbone: str
    init: str
    pretrain_data: str
    ratio: float | None
    ablation: int | None
    level: Level
    party: Party | None
    by: str
    scores: Mapping[str, float | None]
    main: str
    unit: str
    higher_is_better: bool
    std: float | None = None
    ci95: tuple[float, float] | None = None
    per_class: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    seeds: int = 0
    notes: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    result: Result | None = None
    evidence: tuple[EvidenceFile, ...] = ()
    folder: Path | None = None

    @property
    def score(self) -> float | None:
        """The main score; None if the row does not have it."""
        return self.scores.get(self.main)

    @property
    def ranked(self) -> bool:
        """Whether the row has evidence, by which it is compared with others."""
        return bool(self.evidence)
