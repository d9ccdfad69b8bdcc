"""PCKh against a plain version of the published evaluation, by hand, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.errors import DataError
from hcmoco_bench.metrics.pckh import CURVE, PckhMetric, pckh_curve, pckh_per_joint, pckh_scores
from hcmoco_bench.metrics.possible_evidence import impossible
from hcmoco_bench.results import load_evidence, save_evidence
from hcmoco_bench.results.evidence import Evidence

Array = NDArray[np.float64]
J = 16


def people(n: int, seed: int = 0) -> tuple[Array, Array, NDArray[np.bool_], Array, list[str]]:
    """Predictions, truth, validity, head boxes and ids of people of all sizes, some joints exactly at the threshold."""
    rng = np.random.default_rng(seed)
    true = rng.uniform(0, 300, (n, J, 2))
    low = rng.uniform(0, 100, (n, 2))
    heads = np.concatenate([low, low + rng.uniform(5, 60, (n, 2))], axis=1)
    size = 0.6 * np.linalg.norm(heads[:, 2:] - heads[:, :2], axis=1)
    off = rng.choice([0.0, 0.05, 0.3, 0.7], (n, J)) * size[:, None]
    found = true + np.stack([off, np.zeros_like(off)], axis=2)
    return found, true, rng.random((n, J)) < 0.8, heads, [f"{row:03d}_00" for row in range(n)]


def published(
    found: Array, true: Array, valid: Array, heads: Array, threshold: float
) -> tuple[Array, float, dict[str, float]]:
    """The evaluation of HRNet's `mpii.py`, in loops."""
    right, count = np.zeros(J), np.zeros(J)
    for person in range(len(found)):
        size = 0.6 * float(np.hypot(*(heads[person, 2:] - heads[person, :2])))
        for joint in range(J):
            if valid[person, joint]:
                count[joint] += 1
                right[joint] += float(np.hypot(*(found[person, joint] - true[person, joint]))) / size <= threshold
    pckh = 100 * right / count
    counted = [joint for joint in range(J) if joint not in (6, 7)]
    mean = sum(pckh[joint] * count[joint] for joint in counted) / sum(count[joint] for joint in counted)
    pairs = {"shoulder": (12, 13), "elbow": (11, 14), "wrist": (10, 15), "hip": (2, 3), "knee": (1, 4), "ankle": (0, 5)}
    groups = {name: 0.5 * (pckh[a] + pckh[b]) for name, (a, b) in pairs.items()} | {"head": pckh[9]}
    return pckh, mean, groups


def evidence_of(n: int = 40, seed: int = 0) -> Evidence:
    metric = PckhMetric()
    found, true, valid, heads, ids = people(n, seed)
    for rows in np.array_split(np.arange(n), 3):
        metric.update(found[rows], true[rows], valid[rows], heads[rows], [ids[row] for row in rows])
    return metric.evidence()


@pytest.mark.parametrize("seed", range(3))
def test_the_scores_are_those_of_the_published_evaluation(seed: int) -> None:
    found, true, valid, heads, _ = people(40, seed)
    evidence = evidence_of(40, seed)
    scores = pckh_scores(evidence)
    for name, threshold in (("PCKh", 0.5), ("PCKh_0.1", 0.1)):
        each, mean, groups = published(found, true, valid, heads, threshold)
        assert 100 * scores[name] == pytest.approx(mean, abs=1e-10)
        per_joint = pckh_per_joint(evidence)
        np.testing.assert_allclose([100 * per_joint[joint][name] for joint in joint_set("mpii16").joints], each)
        if name == "PCKh":
            assert {key: 100 * scores[f"PCKh_{key}"] for key in groups} == pytest.approx(groups, abs=1e-10)
    assert 0.2 < scores["PCKh_0.1"] < scores["PCKh"] < 0.9


def test_by_hand() -> None:
    """A head of 30x40 px has the size 30; 15 px are right, 15.1 px are not; pelvis and thorax do not count."""
    true = np.zeros((1, J, 2))
    found = true.copy()
    found[0, 0, 0], found[0, 1, 1] = 15.0, 15.1
    found[0, [6, 7]] = 1000.0
    metric = PckhMetric()
    metric.update(found, true, np.ones((1, J), bool), np.array([[10.0, 10.0, 40.0, 50.0]]), ["a_00"])
    scores = metric.compute()
    assert scores["PCKh"] == pytest.approx(13 / 14)
    assert scores["PCKh_ankle"] == 1.0
    assert scores["PCKh_knee"] == 0.5
    curve = pckh_curve(metric.evidence())
    assert curve[-1] == pytest.approx(13 / 14)
    assert curve[CURVE.tolist().index(0.0)] == pytest.approx(12 / 14)


def test_evidence_comes_back_and_is_possible(tmp_path: Path) -> None:
    evidence = evidence_of()
    save_evidence(tmp_path / "one.npz", evidence)
    assert pckh_scores(load_evidence(tmp_path / "one.npz")) == pckh_scores(evidence)
    assert impossible(evidence) == ()
    wrong = {**evidence.columns, "distance": -evidence.columns["distance"] - 1}
    assert "below 0" in impossible(Evidence(evidence.metric, evidence.sample_ids, wrong, evidence.meta))[0]


def test_what_is_refused() -> None:
    found, true, valid, heads, ids = people(4)
    metric = PckhMetric()
    broken = found.copy()
    broken[2, valid[2].argmax()] = np.nan
    flat = heads.copy()
    flat[1, 2:] = flat[1, :2]
    for arguments, kind in (
        ((found[:, :15], true, valid, heads, ids), "prediction_wrong_size"),
        ((found, true, valid, heads[:3], ids), "prediction_wrong_size"),
        ((broken, true, valid, heads, ids), "prediction_not_finite"),
        ((found, broken, valid, heads, ids), "label_not_finite"),
        ((found, true, valid, flat, ids), "label_not_finite"),
    ):
        with pytest.raises(DataError) as caught:
            metric.update(*arguments)
        assert caught.value.kind == kind
    with pytest.raises(DataError) as caught:
        metric.compute()
    assert caught.value.kind == "nothing_scored"
    broken[~valid] = np.inf  # what does not count may be anything
    metric.update(np.where(valid[..., None], found, broken), true, valid, heads, ids)
    assert np.isfinite(metric.compute()["PCKh"])
