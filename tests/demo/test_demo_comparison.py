"""What the demo says of two scores: better, worse, or nothing, from evidence that is made for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hcmoco_bench.demo.comparison import Comparison, compare_results
from hcmoco_bench.errors import UsageError
from hcmoco_bench.metrics.segmentation import SegmentationMetric
from hcmoco_bench.results.evidence import save_evidence
from hcmoco_bench.results.schema import (
    DataEntry,
    EvidenceEntry,
    ModelEntry,
    Result,
    RunEntry,
    ScoreEntry,
    StatusEntry,
    TaskEntry,
    write_result,
)
from hcmoco_bench.results.statistics import PairedDifference

PEOPLE, FRAMES = 12, 3


def write(folder: Path, hits: np.ndarray, *, people: int = PEOPLE) -> Path:
    """A result whose model labels the share `hits[person]` of each of two classes correctly, on real evidence."""
    import torch

    metric = SegmentationMetric(("first", "second"))
    for person in range(people):
        for frame in range(FRAMES):
            target = torch.arange(200).reshape(1, 10, 20) % 2
            wrong = torch.arange(200).reshape(1, 10, 20) >= round(200 * hits[person])
            prediction = torch.where(wrong, 1 - target, target)
            metric.update(prediction, target, [f"S001C001P{person + 1:03d}R001A001F{frame + 1:03d}"])
    folder.mkdir()
    sha256 = save_evidence(folder / "result-evidence-0.npz", metric.evidence())
    result = Result(
        task=TaskEntry(id="depth_parsing", version="1", protocol="native", split="test", split_sha256="0" * 64),
        model=ModelEntry(name=folder.name),
        data=DataEntry(name="made", n_expected=people * FRAMES, n_scored=people * FRAMES),
        run=RunEntry(tool="test", seeds=(0,)),
        scores=ScoreEntry(main="miou", unit="%", mean=1.0),
        evidence=(EvidenceEntry(file="result-evidence-0.npz", sha256=sha256),),
        status=StatusEntry(tier="self-reported"),
    )
    write_result(folder / "result.json", result)
    return folder / "result.json"


def test_better_worse_and_no_difference(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    base = rng.uniform(0.5, 0.7, PEOPLE)
    scratch = write(tmp_path / "scratch", base)
    better = write(tmp_path / "better", base + 0.2)
    noisy = write(tmp_path / "noisy", np.clip(base + rng.normal(0, 0.1, PEOPLE), 0, 1))
    found = compare_results(better, scratch, draws=300)
    assert (found.people, found.paired.n_samples) == (PEOPLE, PEOPLE * FRAMES)
    # IoU of two equal classes at a hit rate h is h / (2 - h)
    iou = [100 * h / (2 - h) for h in (np.mean(np.round(200 * h) / 200) for h in (base + 0.2, base))]
    assert found.paired.difference == pytest.approx(iou[0] - iou[1], abs=0.2)
    assert found.verdict == f"Pre-training is better by {found.paired.difference:.1f} points of mIoU."
    assert compare_results(scratch, better, draws=300).verdict.startswith("Pre-training is worse by")
    undecided = compare_results(noisy, scratch, draws=300)
    assert undecided.paired.low < 0 < undecided.paired.high
    assert undecided.verdict == "No difference can be claimed between pre-training and training from scratch."
    same = compare_results(scratch, scratch, draws=300)
    assert same.paired.p_value == 1
    assert "No difference" in same.verdict


def test_whole_people_are_drawn(tmp_path: Path) -> None:
    hits = np.array([0.5, 0.9])
    first, second = write(tmp_path / "a", hits, people=2), write(tmp_path / "b", np.full(2, 0.7), people=2)
    found = compare_results(first, second, draws=300)
    frames_only = (found.paired.low, found.paired.high)
    # with two people the draws can only be: the first twice, both, the second twice
    low, high = (100 * (h / (2 - h) - 0.7 / 1.3) for h in (0.5, 0.9))
    assert frames_only == pytest.approx((low, high), abs=0.5)
    one = compare_results(
        write(tmp_path / "c", hits[:1], people=1), write(tmp_path / "d", hits[1:], people=1), draws=50
    )
    assert one.people == 0
    assert "over the 3 frames" in one.grounds


def test_other_samples_are_refused(tmp_path: Path) -> None:
    hits = np.full(3, 0.5)
    with pytest.raises(UsageError, match="3 only in the first, 0 only in the second"):
        compare_results(write(tmp_path / "a", hits, people=3), write(tmp_path / "b", hits, people=2))


def test_the_grounds_state_difference_interval_and_p() -> None:
    paired = PairedDifference(2.345, -0.14, 4.96, 0.0612, 90)
    assert Comparison(paired, "mIoU", "points", 7).grounds == (
        "Pre-trained minus from scratch: +2.3 points (95 % interval -0.1 to +5.0, p = 0.061; paired bootstrap over the "
        "7 people of the test split)."
    )
