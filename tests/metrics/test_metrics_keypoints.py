"""OKS average precision against pycocotools, on images with crowds, ties, nobody, and too many detections."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from hcmoco_bench.body import joint_set
from hcmoco_bench.errors import DataError, LabelError
from hcmoco_bench.metrics.coco_statistics import STATISTICS
from hcmoco_bench.metrics.keypoints import KeypointMetric, keypoint_scores
from hcmoco_bench.results import load_evidence, save_evidence

J = 17
Records = list[dict[str, Any]]


def pycocotools(truth: dict[str, Any], detections: Records) -> np.ndarray:
    with contextlib.redirect_stdout(io.StringIO()):
        annotations = COCO()
        annotations.dataset = truth
        annotations.createIndex()
        evaluation = COCOeval(annotations, annotations.loadRes(detections), "keypoints")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return np.array(evaluation.stats)


def ours(truth: dict[str, Any], detections: Records) -> np.ndarray:
    metric = KeypointMetric(truth)
    metric.update(detections)
    return np.array(list(metric.compute().as_dict().values()))


def crowded(seed: int, n_images: int = 25) -> tuple[dict[str, Any], Records]:
    """Overlapping people of all sizes, and detections near them, elsewhere, with equal scores and beyond twenty."""
    rng = np.random.default_rng(seed)
    annotations: Records = []
    detections: Records = []
    images = rng.permutation(1000)[:n_images].tolist()
    for image in images:
        for _ in range(rng.integers(0, 6)):
            size = 10 ** rng.uniform(1, 2.6)
            middle = rng.uniform(0, 500, 2)
            points = np.concatenate([middle + size * rng.normal(0, 0.3, (J, 2)), rng.integers(0, 3, (J, 1))], axis=1)
            kind = rng.choice(["plain", "plain", "plain", "crowd", "no joints"])
            if kind != "plain":
                points[:, 2] = 0 if kind == "no joints" else points[:, 2]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": 1,
                    "keypoints": points.flatten().tolist(),
                    "num_keypoints": int((points[:, 2] > 0).sum()),
                    "bbox": [*(middle - size / 2), size, 1.5 * size],
                    "area": size**2 * rng.uniform(0.5, 1),
                    "iscrowd": int(kind == "crowd"),
                }
            )
            for _ in range(rng.integers(0, 3) if rng.random() < 0.9 else 25):
                found = points.copy()
                found[:, :2] += size * rng.choice([0.0, 0.02, 0.05, 0.1]) * rng.normal(size=(J, 2))
                detections.append({"image_id": image, "keypoints": found, "score": round(rng.random(), 1)})
        for _ in range(rng.integers(0, 3)):
            found = rng.uniform(0, 500, (J, 3))
            detections.append({"image_id": image, "keypoints": found, "score": round(rng.random(), 1)})
    for one in detections:
        one |= {"keypoints": one["keypoints"].flatten().tolist(), "category_id": 1}
    truth = {
        "images": [{"id": image} for image in images],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "person"}],
    }
    rng.shuffle(detections)
    return truth, detections


@pytest.mark.parametrize("seed", range(6))
def test_the_statistics_are_pycocotools(seed: int) -> None:
    truth, detections = crowded(seed)
    expected = pycocotools(truth, detections)
    assert 0.1 < expected[0] < 0.9
    np.testing.assert_allclose(ours(truth, detections), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("what", ["large", "ignored"])
def test_sizes_without_people_score_minus_one(what: str) -> None:
    truth, detections = crowded(3)
    if what == "large":
        truth["annotations"] = [one for one in truth["annotations"] if one["area"] > 96**2]
    else:
        truth["annotations"] = [one for one in truth["annotations"] if one["iscrowd"] or not one["num_keypoints"]]
    expected = pycocotools(truth, detections)
    assert (expected == -1).any()
    np.testing.assert_allclose(ours(truth, detections), expected, rtol=0, atol=1e-12)


def test_without_detections_everything_is_missed() -> None:
    truth, _ = crowded(0)
    assert KeypointMetric(truth).compute().ap == 0
    assert ours(truth, []).tolist() == [0] * 10


@pytest.mark.parametrize("seed", range(3))
def test_num_keypoints_counts_as_in_pycocotools(seed: int) -> None:
    truth, detections = crowded(seed)
    rng = np.random.default_rng(seed)
    for entry in truth["annotations"]:
        if rng.random() < 0.4:
            entry["num_keypoints"] = int(rng.choice([0, 5]))  # whatever the visibilities say
    np.testing.assert_allclose(ours(truth, detections), pycocotools(truth, detections), rtol=0, atol=1e-12)


def test_without_num_keypoints_the_visibilities_count() -> None:
    truth, detections = crowded(1)
    expected = ours(truth, detections)
    for entry in truth["annotations"]:
        del entry["num_keypoints"]
    np.testing.assert_array_equal(ours(truth, detections), expected)


@pytest.mark.parametrize("form", [str, float, lambda number: f"{number}.0", np.int64, np.float32])
def test_ids_of_any_form_are_the_same_ids(form: Any) -> None:
    truth, detections = crowded(2)
    expected = ours(truth, detections)
    named = [one | {"image_id": form(one["image_id"]), "category_id": form(one["category_id"])} for one in detections]
    np.testing.assert_array_equal(ours(truth, named), expected)
    for image in truth["images"]:
        image["id"] = form(image["id"])
    for entry in truth["annotations"]:
        entry |= {name: form(entry[name]) for name in ("image_id", "category_id", "iscrowd", "num_keypoints")}
    np.testing.assert_array_equal(ours(truth, detections), expected)


def test_category_0_is_the_person_of_detectron2() -> None:
    truth, detections = crowded(2)
    expected = ours(truth, detections)
    np.testing.assert_array_equal(ours(truth, [one | {"category_id": 0} for one in detections]), expected)


def test_the_sigmas_are_pycocotools() -> None:
    np.testing.assert_allclose(joint_set("coco17").sigmas, COCOeval(iouType="keypoints").params.kpt_oks_sigmas)


def test_truth_itself_as_detections_is_perfect() -> None:
    truth, _ = crowded(1)
    wanted = [one for one in truth["annotations"] if one["num_keypoints"] and not one["iscrowd"]]
    detections = [{"image_id": one["image_id"], "keypoints": one["keypoints"], "score": 1} for one in wanted]
    assert ours(truth, detections).tolist() == [1] * 10


class TestEvidence:
    def test_scores_come_back_from_the_file(self, tmp_path: Path) -> None:
        truth, detections = crowded(2)
        (tmp_path / "truth.json").write_text(json.dumps(truth))
        metric = KeypointMetric(tmp_path / "truth.json")
        metric.update(detections[:40])
        metric.update(detections[40:])
        save_evidence(tmp_path / "one.npz", metric.evidence())
        evidence = load_evidence(tmp_path / "one.npz")
        assert keypoint_scores(evidence) == metric.compute().as_dict()
        assert tuple(keypoint_scores(evidence)) == STATISTICS
        assert evidence.sample_ids == tuple(
            str(image["id"]) for image in sorted(truth["images"], key=lambda i: i["id"])
        )

    def test_a_selection_scores_as_those_images_alone(self) -> None:
        truth, detections = crowded(4)
        metric = KeypointMetric(truth)
        metric.update(detections)
        rows = np.arange(3, 15)
        evidence = metric.evidence().select(rows)
        kept = set(map(int, evidence.sample_ids))
        alone = {
            "images": [one for one in truth["images"] if one["id"] in kept],
            "annotations": [one for one in truth["annotations"] if one["image_id"] in kept],
        }
        found = ours(alone, [one for one in detections if one["image_id"] in kept])
        assert list(keypoint_scores(evidence).values()) == pytest.approx(found.tolist())


class TestBadInput:
    @pytest.fixture
    def truth(self) -> dict[str, Any]:
        return crowded(0, 4)[0]

    def refused(self, truth: dict[str, Any], **changes: Any) -> DataError:
        image = truth["images"][0]["id"]
        good = {"image_id": image, "keypoints": [1.0] * 3 * J, "score": 0.5, "category_id": 1}
        metric = KeypointMetric(truth)
        with pytest.raises(DataError) as caught:
            metric.update([good, good | changes])
        assert not (metric.evidence().columns["outcome"] != 0).any()
        return caught.value

    def test_detections(self, truth: dict[str, Any]) -> None:
        assert self.refused(truth, keypoints=[1.0] * 34).kind == "prediction_wrong_size"
        assert self.refused(truth, keypoints=[float("nan")] * 51).kind == "prediction_not_finite"
        assert self.refused(truth, score=float("inf")).kind == "prediction_not_finite"
        assert self.refused(truth, score=None).kind == "prediction_wrong_size"
        assert self.refused(truth, category_id=2).kind == "prediction_category"
        assert self.refused(truth, image_id=truth["images"][0]["id"] + 0.5).kind == "prediction_wrong_size"
        error = self.refused(truth, image_id=123456)
        assert error.kind == "unknown_ids"
        assert "1 detections in 1 images that the annotations do not list (123456)" in str(error)

    def test_annotations(self, truth: dict[str, Any], tmp_path: Path) -> None:
        path = tmp_path / "truth.json"
        for wrong in ("", json.dumps(truth)[:200], "[]", json.dumps(truth | {"images": []})):
            path.write_text(wrong)
            with pytest.raises(DataError, match=r"truth\.json: not COCO keypoint annotations") as caught:
                KeypointMetric(path)
            assert caught.value.kind == "annotations_unreadable"
        truth["annotations"][0]["category_id"] = 3
        with pytest.raises(DataError, match="categories"):
            KeypointMetric(truth)

    def test_a_joint_set_without_sigmas(self, truth: dict[str, Any]) -> None:
        with pytest.raises(LabelError, match="itop15 has no sigmas"):
            KeypointMetric(truth, "itop15")

    def test_no_images(self) -> None:
        with pytest.raises(DataError) as caught:
            KeypointMetric({"images": [], "annotations": []}).compute()
        assert caught.value.kind == "nothing_scored"
