"""Whether the pre-trained encoder did better than the one from scratch: a paired bootstrap over people."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hcmoco_bench.results.evidence import Evidence, load_evidence
from hcmoco_bench.results.schema import read_result
from hcmoco_bench.results.statistics import PairedDifference, paired_bootstrap
from hcmoco_bench.sources.ntu.names import SampleId
from hcmoco_bench.tasks.core.registry import get_task


@dataclass(frozen=True)
class Comparison:
    """The score of the pre-trained model less that of the model from scratch, on the same samples.

    Attributes:
        paired: The difference with its 95 % interval and p-value.
        score: Name of the score as readers know it, e.g. `mIoU`.
        unit: Unit of the difference, e.g. `points`.
        people: Number of test people that the bootstrap drew from; 0 if it drew single samples.
    """

    paired: PairedDifference
    score: str
    unit: str
    people: int

    @property
    def verdict(self) -> str:
        """What can be claimed, in one sentence."""
        size = f"{abs(self.paired.difference):.1f} {self.unit} of {self.score}"
        if self.paired.low > 0:
            return f"Pre-training is better by {size}."
        if self.paired.high < 0:
            return f"Pre-training is worse by {size}."
        return "No difference can be claimed between pre-training and training from scratch."

    @property
    def grounds(self) -> str:
        """The difference, its interval, its p-value, and what was drawn, in one sentence."""
        low, high = (f"{end:+.1f}" for end in (self.paired.low, self.paired.high))
        drawn = f"the {self.people} people" if self.people else f"the {self.paired.n_samples} frames"
        return (
            f"Pre-trained minus from scratch: {self.paired.difference:+.1f} {self.unit} (95 % interval {low} to "
            f"{high}, p = {self.paired.p_value:.3f}; paired bootstrap over {drawn} of the test split)."
        )


def compare_results(pretrained: Path, scratch: Path, *, draws: int = 1000) -> Comparison:
    """Compare two results of one task, of one seed each, from the evidence beside them.

    Frames of one person are alike, so whole people are drawn; with a single person, single frames are.

    Args:
        pretrained: Result file of the pre-trained model.
        scratch: Result file of the model from scratch.
        draws: Number of bootstrap draws.

    Raises:
        DataError: If a result or its evidence is missing or damaged.
        UsageError: If the two were not scored on the same samples.
    """
    task = get_task(read_result(scratch).task.id)
    first, second = _evidence(pretrained), _evidence(scratch)
    performers = [SampleId.parse(one).clip.performer for one in first.sample_ids]
    people = len(set(performers))

    def score(evidence: Evidence) -> float:
        return task.scores(evidence)[task.record.main_score]

    paired = paired_bootstrap(first, second, score, n=draws, groups=performers if people > 1 else None)
    return Comparison(paired, "mIoU", "points", people if people > 1 else 0)


def _evidence(path: Path) -> Evidence:
    entry = read_result(path).evidence[0]
    return load_evidence(path.with_name(entry.file), sha256=entry.sha256)
