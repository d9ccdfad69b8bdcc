"""Dense poses as detectron2's two programs save them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from densepose_people import make_annotations, make_body, make_detections
from detectron2_files import CHART_RESULT, EMBEDDINGS, Found, classes, filled, write_dump, write_evaluation

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.metrics.densepose import DensePoseMetric, Detection, read_results, to_result, write_results

NUMBERS = {"a.jpg": 3, "b.jpg": 9, "c.jpg": 4}


def detection(image_id: int = 3) -> Detection:
    iuv = np.random.default_rng(0).integers(0, 25, (3, 6, 4)).astype(np.uint8)
    return Detection(image_id, (1.0, 2.0, 4.5, 6.25), 0.25, iuv)


def read(path: Path, numbers: dict[str, int] | None = None) -> tuple[list[Detection], list[Problem]]:
    results = read_results(path, image_ids=None if numbers is None else lambda: numbers)
    problems = list(results.problems)
    return list(results.detections(problems)), problems


def same(one: Detection, other: Detection) -> bool:
    return (one.image_id, one.box, one.score) == (other.image_id, other.box, other.score) and np.array_equal(
        one.iuv, other.iuv
    )


class TestEvaluation:
    @pytest.mark.parametrize("category", [0, 1])
    @pytest.mark.parametrize("zip_format", [True, False])
    def test_it_is_read_and_both_numbers_of_the_person_mean_one(
        self, tmp_path: Path, category: int, zip_format: bool
    ) -> None:
        path = write_evaluation(tmp_path / "x.pth", [detection()], category=category, zip_format=zip_format)
        (found,), problems = read(path)
        assert same(found, detection())
        assert problems == []

    def test_it_scores_as_the_same_detections_in_json(self, tmp_path: Path) -> None:
        annotations, body = make_annotations(seed=2), make_body()
        detections = make_detections(annotations, 2)
        write_results(tmp_path / "results.json", detections)
        write_evaluation(tmp_path / "coco_densepose_predictions.pth", detections)
        scores = []
        for name in ("results.json", "coco_densepose_predictions.pth"):
            metric = DensePoseMetric(annotations, body)
            found, problems = read(tmp_path / name)
            metric.update(found)
            scores.append(metric.compute())
            assert problems == []
        assert scores[0] == scores[1]

    @pytest.mark.parametrize("category", [2, 18, "person"])
    def test_another_class_is_an_error(self, tmp_path: Path, category: Any) -> None:
        path = write_evaluation(tmp_path / "x.pth", [detection(), detection(4)], category=category)
        with pytest.raises(DataError, match=f"detection 0 is of class {category}") as caught:
            read(path)
        assert caught.value.kind == "results_of_other_classes"

    def test_no_detections(self, tmp_path: Path) -> None:
        assert read(write_evaluation(tmp_path / "x.pth", [])) == ([], [])

    def test_what_cannot_be_scored_is_counted(self, tmp_path: Path) -> None:
        iuv = detection().iuv
        parts = iuv.copy()
        parts[0, 1, 1] = 25
        with classes(CHART_RESULT, "DensePoseChartResultQuantized") as (kind,):
            poses = {
                "iuv_wrong_part": filled(kind, labels_uv_uint8=torch.from_numpy(parts)),
                "iuv_wrong_size": filled(kind, labels_uv_uint8=torch.from_numpy(iuv[:, :3].copy())),
                "result_wrong": filled(kind, labels_uv_uint8=torch.from_numpy(iuv.astype(np.float32))),
                "iuv_unreadable": filled(kind, labels=torch.zeros(6, 4, dtype=torch.long), uv=torch.zeros(2, 4, 6)),
                "not_finite": filled(
                    kind, labels=torch.zeros(6, 4, dtype=torch.long), uv=torch.full((2, 6, 4), float("nan"))
                ),
            }
            plain = {"image_id": 3, "category_id": 0, "bbox": [1.0, 2.0, 4.5, 6.0], "score": 0.5}
            torch.save([plain | {"densepose": pose} for pose in poses.values()] + [plain], tmp_path / "x.pth")
        found, problems = read(tmp_path / "x.pth")
        assert found == []
        assert [problem.kind for problem in problems] == [*poses, "result_wrong"]

    def test_compressed_results_are_read(self, tmp_path: Path) -> None:
        entry = to_result(detection())
        with classes(CHART_RESULT, "DensePoseChartResultCompressed") as (kind,):
            entry["densepose"] = filled(kind, shape_chw=(3, 6, 4), labels_uv_str=entry.pop("uv_data"))
            torch.save([entry], tmp_path / "x.pth")
        (found,), _ = read(tmp_path / "x.pth")
        assert same(found, detection())


class TestDump:
    @pytest.mark.parametrize("kind", ["DensePoseChartResult", "DensePoseChartResultWithConfidences"])
    def test_it_is_read_by_file_name_and_quantized_as_there(self, tmp_path: Path, kind: str) -> None:
        generator = torch.Generator().manual_seed(0)
        labels = torch.randint(0, 25, (6, 4), generator=generator)
        uv = torch.rand(2, 6, 4, generator=generator) * 1.2 - 0.1  # what a network gives leaves 0..1
        found = Found((1.1, 2.2, 5.9, 8.7), 0.7, labels, uv)
        path = write_dump(
            tmp_path / "x.pkl", {"/data/val2014/b.jpg": [found], "C:\\images\\a.jpg": [found, found]}, kind
        )
        detections, problems = read(path, NUMBERS)
        assert [one.image_id for one in detections] == [3, 3, 9]
        corners = torch.tensor(found.corners)
        box = torch.cat([corners[:2], corners[2:] - corners[:2]]).tolist()
        iuv = torch.cat([labels[None].byte(), (uv * 255).clamp(0, 255).byte()])
        for one in detections:
            assert (list(one.box), one.score) == (box, torch.tensor(0.7).item())
            np.testing.assert_array_equal(one.iuv, iuv.numpy())
        assert [(problem.kind, problem.kept) for problem in problems] == [("not_predicted", True)]
        assert "1 of 3 images" in problems[0].reason
        assert "c.jpg" in problems[0].reason

    def test_the_older_form_is_read(self, tmp_path: Path) -> None:
        entry = to_result(detection())
        with classes("densepose.data.structures", "DensePoseResult") as (kind,):
            results = [((3, 6, 4), entry["uv_data"])]
            dense = filled(kind, results=results, boxes_xywh=[[1.0, 2.0, 4.5, 6.25]])
            boxes = torch.tensor([[1.0, 2.0, 5.5, 8.25]])
            content = {"file_name": "a.jpg", "scores": torch.tensor([0.25]), "pred_boxes_XYXY": boxes}
            torch.save([content | {"pred_densepose": dense}], tmp_path / "x.pkl")
        (found,), _ = read(tmp_path / "x.pkl", {"a.jpg": 3})
        assert same(found, detection())

    def test_images_of_other_splits_are_left_out_and_named(self, tmp_path: Path) -> None:
        found = Found.of(detection())
        names = ["x.jpg", "val/a.jpg", "y.jpg", "b.jpg", "c.jpg"]
        detections, problems = read(write_dump(tmp_path / "x.pkl", {name: [found] for name in names}), NUMBERS)
        assert [one.image_id for one in detections] == [3, 4, 9]
        assert [(problem.kind, problem.kept) for problem in problems] == [("not_in_split", False)] * 2
        assert "x.jpg" in problems[0].reason

    def test_images_that_cannot_be_told_are_an_error(self, tmp_path: Path) -> None:
        found = [Found.of(detection())]
        with pytest.raises(DataError, match="no image is of this split") as caught:
            read(write_dump(tmp_path / "x.pkl", {"x.jpg": found}), NUMBERS)
        assert caught.value.kind == "predictions_ids"
        with pytest.raises(DataError, match=r"1 images come more than once, first a\.jpg"):
            read(write_dump(tmp_path / "x.pkl", {"one/a.jpg": found, "two/a.jpg": found}), NUMBERS)
        with pytest.raises(DataError, match="their numbers are needed"):
            read(write_dump(tmp_path / "x.pkl", {"a.jpg": found}))

    @pytest.mark.parametrize("change", ["less", "scores", "pred_boxes_XYXY", "pred_densepose"])
    def test_one_of_each_for_every_detection(self, tmp_path: Path, change: str) -> None:
        content = {
            "file_name": "a.jpg",
            "scores": torch.ones(1),
            "pred_boxes_XYXY": torch.tensor([[0.0, 0, 4, 6]]),
            "pred_densepose": [],
        }
        torch.save([{key: value for key, value in content.items() if key != change}], tmp_path / "x.pkl")
        with pytest.raises(DataError, match=r"a\.jpg"):
            read(tmp_path / "x.pkl", NUMBERS)


class Attack:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.path}",)


class TestRefused:
    def test_code_is_refused_and_not_run(self, tmp_path: Path) -> None:
        made = tmp_path / "made"
        with classes(CHART_RESULT, "DensePoseChartResultQuantized") as (kind,):
            entry = {"image_id": 3, "category_id": 0, "bbox": [0, 0, 4, 6], "score": 1.0}
            torch.save([entry | {"densepose": filled(kind, labels_uv_uint8=Attack(made))}], tmp_path / "x.pth")
        with pytest.raises(DataError, match="nothing in it was run") as caught:
            read(tmp_path / "x.pth")
        assert caught.value.kind == "results_refused"
        assert f"{os.system.__module__}.system" in str(caught.value)
        assert not made.exists()

    def test_a_class_of_another_program_is_refused(self, tmp_path: Path) -> None:
        with classes("elsewhere.structures", "DensePoseChartResult") as (kind,):
            torch.save([{"image_id": 3, "densepose": filled(kind)}], tmp_path / "x.pth")
        with pytest.raises(DataError, match=r"elsewhere\.structures\.DensePoseChartResult"):
            read(tmp_path / "x.pth")

    def test_embeddings_are_no_charts(self, tmp_path: Path) -> None:
        path = tmp_path / "x.pth"
        torch.save([{"image_id": 3, "embedding": torch.zeros(16, 4, 4), "coarse_segm": torch.zeros(2, 4, 4)}], path)
        with pytest.raises(DataError, match="chart-based") as caught:
            read(path)
        assert caught.value.kind == "results_of_embeddings"
        with classes(EMBEDDINGS, "DensePoseEmbeddingPredictorOutput") as (kind,):
            dense = filled(kind, embedding=torch.zeros(1, 16, 4, 4), coarse_segm=torch.zeros(1, 2, 4, 4))
            torch.save([{"file_name": "a.jpg", "pred_densepose": dense}], path)
        with pytest.raises(DataError, match="chart-based"):
            read(path, NUMBERS)

    def test_results_that_were_kept_elsewhere(self, tmp_path: Path) -> None:
        path = tmp_path / "x.pth"
        entry = {"image_id": 3, "category_id": 0, "bbox": [0, 0, 4, 6], "score": 1.0, "record_id": 7, "rank": 0}
        torch.save([entry], path)
        with pytest.raises(DataError, match=r"DENSEPOSE_EVALUATION\.STORAGE none"):
            read(path)

    @pytest.mark.parametrize("content", [{"model": {}}, [1, 2], torch.zeros(3), None])
    def test_other_files_of_torch(self, tmp_path: Path, content: Any) -> None:
        torch.save(content, tmp_path / "x.pth")
        with pytest.raises(DataError, match=r"coco_densepose_predictions\.pth") as caught:
            read(tmp_path / "x.pth")
        assert caught.value.kind == "results_unreadable"

    def test_a_torn_file(self, tmp_path: Path) -> None:
        path = write_evaluation(tmp_path / "x.pth", [detection()])
        path.write_bytes(path.read_bytes()[:-200])
        with pytest.raises(DataError, match=r"x\.pth") as caught:
            read(path)
        assert caught.value.kind == "results_unreadable"

    def test_boxes_alone_get_told_where_the_poses_are(self, tmp_path: Path) -> None:
        path = tmp_path / "coco_instances_results.json"
        path.write_text('[{"image_id": 3, "category_id": 1, "bbox": [0, 0, 4, 6], "score": 1.0}]')
        with pytest.raises(DataError, match="boxes without dense poses") as caught:
            read(path)
        assert caught.value.kind == "results_without_poses"
        assert str(tmp_path / "coco_densepose_predictions.pth") in str(caught.value)
