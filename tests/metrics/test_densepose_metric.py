"""The whole metric: hand-made cases, pycocotools' boxes, a plain transcription of the published assignment."""

from __future__ import annotations

import contextlib
import copy
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from densepose_people import make_annotations, make_body, make_detections
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from hcmoco_bench.errors import DataError
from hcmoco_bench.metrics.coco_matching import Outcome, best_detections, match_image
from hcmoco_bench.metrics.coco_statistics import SIZES, STATISTICS, THRESHOLDS
from hcmoco_bench.metrics.densepose import (
    MEASURES,
    DensePoseMetric,
    Detection,
    Geodesics,
    densepose_scores,
    densepose_statistics,
    read_annotations,
)
from hcmoco_bench.metrics.densepose.box_rule import judge_by_boxes
from hcmoco_bench.results import load_evidence, save_evidence

ZEROS = dict.fromkeys(STATISTICS, 0.0)


@pytest.fixture(scope="module")
def body() -> Geodesics:
    return make_body()


def one_person(points: int = 3, side: int = 60) -> dict[str, Any]:
    """A square person whose points are the vertices of its first chart, side by side."""
    person = {"id": 1, "image_id": 7, "category_id": 1, "area": float(side**2), "bbox": [20, 30, side, side]}
    x = np.linspace(10, 240, points)
    person |= {"dp_x": x.tolist(), "dp_y": x.tolist(), "dp_I": [1.0] * points, "dp_U": [0.0] * points}
    person |= {"dp_V": np.linspace(0, 1, points).tolist(), "segmentation": [[20, 30, 80, 30, 80, 90, 20, 90]]}
    return {"images": [{"id": 7, "height": 100, "width": 100}], "annotations": [person]}


def perfect(annotations: dict[str, Any], score: float = 0.5) -> Detection:
    person = annotations["annotations"][0]
    left, top, width, height = person["bbox"]
    iuv = np.zeros((3, height, width), np.uint8)
    iuv[0] = 1
    x, y = (np.array(person[name]) * width / 255 for name in ("dp_x", "dp_y"))
    iuv[2, y.astype(int), x.astype(int)] = np.round(255 * np.array(person["dp_V"]))
    return Detection(7, (left, top, width, height), score, iuv)


class TestOnePerson:
    def test_a_perfect_detection_scores_one(self, body: Geodesics) -> None:
        annotations = one_person()
        metric = DensePoseMetric(annotations, body)
        metric.update([perfect(annotations)])
        assert metric.pairs()[7].gps.tolist() == [[1.0]]
        for statistics in metric.compute().values():
            figures = statistics.as_dict()
            assert figures.pop("APl") == figures.pop("ARl") == -1.0  # no large person
            assert list(figures.values()) == pytest.approx([1.0] * 8)

    def test_an_annotation_with_the_id_0_is_found_as_any_other(self, body: Geodesics) -> None:
        # detectron2 reads 0 as "no match", and gives such a person a recall of 0
        annotations = one_person()
        annotations["annotations"][0]["id"] = 0
        metric = DensePoseMetric(annotations, body)
        metric.update([perfect(annotations)])
        for statistics in metric.compute().values():
            assert statistics.ap == pytest.approx(1.0)
            assert statistics.as_dict()["AR"] == pytest.approx(1.0)

    def test_points_off_the_detection_count_as_nothing(self, body: Geodesics) -> None:
        annotations = one_person()
        whole = perfect(annotations)
        left = replace(whole, box=(20.0, 30.0, 20.0, 20.0), iuv=whole.iuv[:, :20, :20])
        metric = DensePoseMetric(annotations, body)
        metric.update([left])
        np.testing.assert_allclose(metric.pairs()[7].gps, [[1 / 3]], atol=1e-12)

    def test_similarity_is_the_mean_over_points_by_distance(self, body: Geodesics) -> None:
        annotations = one_person(points=1)
        person = annotations["annotations"][0]
        person["dp_U"], person["dp_V"] = ([float(value[5])] for value in (body.charts.u, body.charts.v))
        detection = perfect(annotations)
        detection.iuv[1:] = np.round(255 * np.array([body.charts.u[2], body.charts.v[2]]))[:, None, None]
        metric = DensePoseMetric(annotations, body)
        metric.update([detection])
        distance = body.between(np.array([5]), np.array([2]))
        np.testing.assert_allclose(metric.pairs()[7].gps, [np.exp(-(distance**2) / 2 / 0.351**2)], atol=1e-12)

    def test_gpsm_is_the_geometric_mean(self, body: Geodesics) -> None:
        annotations = one_person()
        detection = perfect(annotations)
        detection.iuv[0, 30:] = 0  # half of the mask, and the last of three points
        metric = DensePoseMetric(annotations, body)
        metric.update([detection])
        pairs = metric.pairs()[7]
        np.testing.assert_allclose([pairs.iou[0, 0], pairs.gps[0, 0]], [0.5, 2 / 3], atol=1e-12)
        np.testing.assert_allclose(pairs.gpsm, np.sqrt(1 / 3), atol=1e-12)

    def test_nothing_detected_is_zero(self, body: Geodesics) -> None:
        metric = DensePoseMetric(one_person(side=99), body)
        metric.update([])
        for statistics in metric.compute().values():
            assert statistics.as_dict() == ZEROS | {"APm": -1.0, "ARm": -1.0}

    def test_an_empty_detection_is_wrong_and_no_error(self, body: Geodesics) -> None:
        annotations = one_person()
        metric = DensePoseMetric(annotations, body)
        nothing = Detection(7, (200.0, 300.0, 0.0, 0.0), 0.9, np.zeros((3, 1, 1), np.uint8))
        metric.update([nothing, perfect(annotations)])
        assert metric.compute()["gps"].ap == pytest.approx(0.5)

    def test_without_people_there_is_nothing_to_find(self, body: Geodesics) -> None:
        annotations = one_person()
        nobody = annotations | {"annotations": []}
        metric = DensePoseMetric(nobody, body)
        metric.update([perfect(annotations)])
        assert {value for one in metric.compute().values() for value in one.as_dict().values()} == {-1.0}


class TestAgainstPlainLoops:
    @given(st.integers(0, 2**32 - 1))
    @settings(max_examples=100, deadline=None)
    def test_the_assignment_is_the_published_one(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        n_detections, n_people = rng.integers(0, 7), rng.integers(0, 5)
        levels = np.array([0.0, 0.3, 0.5, 0.62, 0.62, 0.8, 0.85, 0.95, 1.0])  # equal ones, and just on thresholds
        similarity, boxes = rng.choice(levels, (2, n_detections, n_people))
        areas, people_areas = rng.choice([500.0, 1024.0, 5000.0, 9216.0, 20000.0], (2, 8))
        areas, people_areas = areas[:n_detections], people_areas[:n_people]
        ignored, crowd = rng.random(n_people) < 0.3, rng.random(n_people) < 0.2
        scores = -np.sort(-rng.random(n_detections))
        found = match_image(similarity, scores, areas, people_areas, ignored, crowd)
        found = judge_by_boxes(found, boxes, areas, people_areas, ignored, crowd)
        for place, limits in enumerate(SIZES.values()):
            matched, left_out = published(similarity, boxes, areas, people_areas, ignored, crowd, limits)
            expected = np.where(left_out, Outcome.IGNORED, np.where(matched, Outcome.RIGHT, Outcome.WRONG))
            np.testing.assert_array_equal(found.outcomes[place], expected)

    @pytest.mark.parametrize("seed", range(2))
    def test_boxes_are_pycocotools(self, body: Geodesics, seed: int) -> None:
        annotations = make_annotations(8, seed)
        detections = make_detections(annotations, seed)
        detections += [replace(one, score=one.score / 3) for one in detections] * 4  # more than 20 per image
        metric = DensePoseMetric(annotations, body)
        metric.update(detections)
        np.testing.assert_allclose(
            list(metric.compute()["bbox"].as_dict().values()), coco_boxes(annotations, detections), rtol=0, atol=1e-12
        )

    def test_only_the_best_twenty_of_an_image_are_compared_in_pose(self, body: Geodesics) -> None:
        annotations = one_person()
        wrong = replace(perfect(annotations, 0.9), iuv=np.zeros((3, 60, 60), np.uint8))
        metric = DensePoseMetric(annotations, body)
        metric.update([*[wrong] * 20, perfect(annotations, 0.8)])
        found = metric.compute()
        assert (found["gps"].ap, found["bbox"].ap) == (0.0, pytest.approx(1.0))
        metric.reset()
        metric.update([*[wrong] * 19, perfect(annotations, 0.8)])
        assert metric.compute()["gps"].ap50 == pytest.approx(1 / 20)


def published(
    similarity: Any, boxes: Any, areas: Any, people_areas: Any, ignored: Any, crowd: Any, limits: tuple[float, float]
) -> tuple[Any, Any]:
    """DensePose's assignment in one image and size, step by step as described by its authors' evaluation."""
    low, high = limits
    skip = ignored | (people_areas < low) | (people_areas > high)
    order = np.argsort(skip, kind="stable")
    n = len(similarity)
    matched, left_out = np.zeros((2, len(THRESHOLDS), n), bool)
    taken = np.zeros((len(THRESHOLDS), len(skip)), bool)
    if skip.all():
        left_out[:] = True
    for t, threshold in enumerate(THRESHOLDS):
        for d in range(n):
            best, chosen = min(threshold, 1 - 1e-10), -1
            for g in order:
                if taken[t, g] and not crowd[g]:
                    continue
                if chosen > -1 and not skip[chosen] and skip[g]:
                    break
                if similarity[d, g] < best:
                    continue
                best, chosen = similarity[d, g], g
            if chosen > -1:
                left_out[t, d], matched[t, d], taken[t, chosen] = skip[chosen], True, True
    for d in range(n):
        if matched[-1, d]:
            continue
        best, chosen = 0.8, -1
        for g in order:
            if (taken[-1, g] and not crowd[g]) or boxes[d, g] < best:
                continue
            best, chosen = boxes[d, g], g
        if chosen > -1:
            left_out[:, d] = skip[chosen]
            if skip[chosen]:
                matched[-1, d] = taken[-1, chosen] = True
    outside = (areas < low) | (areas > high)
    return matched, left_out | (~matched & outside)


def coco_boxes(annotations: dict[str, Any], detections: list[Detection]) -> list[float]:
    """The ten statistics by pycocotools."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = copy.deepcopy(annotations)
        truth.createIndex()
        found = truth.loadRes(
            [
                {"image_id": one.image_id, "category_id": 1, "bbox": list(one.box), "score": one.score}
                for one in detections
            ]
        )
        evaluation = COCOeval(truth, found, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
    precision, recall = (evaluation.eval[name][..., -1] for name in ("precision", "recall"))
    places = [(slice(None), 0), (0, 0), (5, 0), (slice(None), 2), (slice(None), 3)]
    figures = [precision[t, ..., size] for t, size in places] + [recall[t, ..., size] for t, size in places]
    return [float(one[one > -1].mean()) if (one > -1).any() else -1.0 for one in figures]


class TestState:
    def test_detections_in_parts_and_any_order_of_images(self, body: Geodesics) -> None:
        annotations = make_annotations(seed=3)
        detections = make_detections(annotations, 3)
        whole, parts = DensePoseMetric(annotations, body), DensePoseMetric(read_annotations(annotations), body)
        whole.update(detections)
        parts.update(detections[:1])
        parts.compute()
        parts.update(iter(detections[1:]))
        assert parts.compute() == whole.compute()
        again = DensePoseMetric(annotations, body)
        again.update(sorted(detections, key=lambda one: -one.image_id))
        assert again.compute() == whole.compute()
        whole.reset()
        assert not whole.pairs()

    def test_evidence_gives_the_scores_again(self, body: Geodesics, tmp_path: Path) -> None:
        annotations = make_annotations(seed=4)
        metric = DensePoseMetric(annotations, body)
        metric.update(make_detections(annotations, 4))
        sha256 = save_evidence(tmp_path / "evidence.npz", metric.evidence())
        loaded = load_evidence(tmp_path / "evidence.npz", sha256=sha256)
        assert densepose_statistics(loaded) == metric.compute()
        assert loaded.sample_ids == tuple(map(str, metric.image_ids))
        figures = densepose_scores(loaded)
        assert list(figures) == [f"{measure}_{name}" for measure in MEASURES for name in STATISTICS]
        assert figures["gpsm_AP"] == metric.compute()["gpsm"].ap

    def test_every_image_twice_has_the_same_recall(self, body: Geodesics) -> None:
        annotations = make_annotations(seed=5)
        metric = DensePoseMetric(annotations, body)
        metric.update(make_detections(annotations, 5))
        evidence = metric.evidence()
        twice = densepose_scores(evidence.select(np.repeat(np.arange(len(evidence)), 2)))
        once = densepose_scores(evidence)
        for name in (name for name in once if "_AR" in name):
            assert twice[name] == pytest.approx(once[name])


class TestBadInput:
    def test_unknown_images_are_named(self, body: Geodesics) -> None:
        annotations = one_person()
        metric = DensePoseMetric(annotations, body)
        with pytest.raises(DataError, match=r"2 images that are not annotated \(8, 9\)") as caught:
            metric.update([replace(perfect(annotations), image_id=image) for image in (8, 9)])
        assert caught.value.kind == "unknown_images"

    @pytest.mark.parametrize(
        ("changes", "kind"),
        [
            ({"score": float("nan")}, "not_finite"),
            ({"box": (0.0, float("inf"), 60.0, 60.0)}, "not_finite"),
            ({"box": (0.0, 0.0, -60.0, 60.0)}, "box_wrong"),
            ({"box": (0.0, 0.0, 62.0, 60.0)}, "iuv_wrong_size"),
            ({"iuv": np.zeros((3, 60, 60))}, "iuv_wrong_size"),
            ({"iuv": np.zeros((60, 60), np.uint8)}, "iuv_wrong_size"),
            ({"iuv": np.full((3, 60, 60), 25, np.uint8)}, "iuv_wrong_part"),
        ],
    )
    def test_detections_that_are_none(self, changes: dict[str, Any], kind: str) -> None:
        with pytest.raises(DataError, match="image 7") as caught:
            replace(perfect(one_person()), **changes)
        assert caught.value.kind == kind

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"dp_U": [float("nan")] * 3}, "annotation 1 has points that are not finite"),
            ({"dp_U": [0.5]}, "annotation 1 has no dp_x"),
            ({"dp_I": [1, 2, 25]}, "annotation 1 has points of parts outside"),
            ({"bbox": [0, 0, 10]}, "annotation 1 has no"),
            ({"area": None}, "annotation 1 has no area"),
            ({"area": float("inf")}, "box or area that is not finite"),
            ({"image_id": 8}, "COCO's form"),
        ],
    )
    def test_annotations_that_are_none(self, body: Geodesics, changes: dict[str, Any], message: str) -> None:
        annotations = one_person()
        annotations["annotations"][0] |= changes
        with pytest.raises(DataError, match=message) as caught:
            DensePoseMetric(annotations, body)
        assert caught.value.kind == "annotations_unreadable"

    def test_truncated_and_foreign_files(self, body: Geodesics, tmp_path: Path) -> None:
        for content in ('{"images": [', "[]", "{}", '{"images": 3, "annotations": []}'):
            path = tmp_path / "annotations.json"
            path.write_text(content)
            with pytest.raises(DataError, match=r"annotations\.json") as caught:
                DensePoseMetric(path, body)
            assert caught.value.kind == "annotations_unreadable"
        with pytest.raises(DataError, match="cannot be read"):
            DensePoseMetric(tmp_path / "missing.json", body)

    def test_charts_that_the_body_lacks(self) -> None:
        half = make_body()
        chart = half.charts
        kept = chart.part > 1
        lacking = Geodesics(
            type(chart).of(chart.part[kept], chart.u[kept], chart.v[kept]), half.point[kept], half.condensed
        )
        with pytest.raises(DataError, match="points on charts 1,") as caught:
            DensePoseMetric(one_person(), lacking)
        assert caught.value.kind == "part_without_vertices"

    def test_no_images_are_no_score(self, body: Geodesics) -> None:
        metric = DensePoseMetric({"images": [], "annotations": []}, body)
        with pytest.raises(DataError, match="no sample"):
            metric.compute()

    def test_a_damaged_mask_names_its_image(self, body: Geodesics) -> None:
        annotations = one_person()
        annotations["annotations"][0]["dp_masks"] = [{"size": [256, 256], "counts": "zzzz"}]
        metric = DensePoseMetric(annotations, body)
        with pytest.raises(DataError, match="image 7: a mask") as caught:
            metric.update([perfect(annotations)])
        assert caught.value.kind == "mask_unreadable"


def test_the_best_are_stable() -> None:
    assert best_detections(np.array([0.5, 0.7, 0.5, 0.7]), 3).tolist() == [1, 3, 0]
