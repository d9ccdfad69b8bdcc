"""Detections from a network's charts and from results files."""

from __future__ import annotations

import base64
import gzip
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from densepose_people import make_annotations, make_body, make_detections
from PIL import Image
from torch.nn import functional

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.metrics.densepose import (
    ChartOutputs,
    DensePoseMetric,
    Detection,
    chart_detections,
    quantize_charts,
    read_results,
    to_result,
    write_results,
)


def charts(n: int, size: int = 14, seed: int = 0, coarse: int = 2) -> ChartOutputs:
    generator = torch.Generator().manual_seed(seed)
    maps = [torch.randn(n, channels, size, size, generator=generator) for channels in (coarse, 25, 25, 25)]
    return ChartOutputs(maps[0], maps[1], 0.5 + maps[2] / 2, 0.5 + maps[3] / 2)  # U, V beyond 0..1 too


class TestCharts:
    @pytest.mark.parametrize(("size", "coarse"), [((31, 17), 2), ((5, 60), 15), ((1, 1), 2), ((14, 14), 2)])
    def test_each_pixel_has_its_best_chart(self, size: tuple[int, int], coarse: int) -> None:
        outputs = charts(1, coarse=coarse)
        whole = [
            functional.interpolate(one, size, mode="bilinear", align_corners=False)[0]
            for one in (outputs.coarse, outputs.fine, outputs.u, outputs.v)
        ]
        expected = np.zeros((3, *size), np.uint8)
        for y in range(size[0]):
            for x in range(size[1]):
                mask, fine, u, v = (one[:, y, x] for one in whole)
                if mask.argmax() > 0 and (part := int(fine.argmax())) > 0:
                    values = (torch.stack([u[part], v[part]]) * 255).clamp(0, 255)
                    expected[:, y, x] = [part, *values.byte().tolist()]
        one = ChartOutputs(outputs.coarse[0], outputs.fine[0], outputs.u[0], outputs.v[0])
        np.testing.assert_array_equal(quantize_charts(one, size), expected)

    def test_people_of_a_image(self) -> None:
        boxes, scores = [(1.5, 2.0, 30.9, 20.2), (0.0, 0.0, 0.4, 7.0)], [0.9, 0.1]
        found = chart_detections(5, boxes, scores, charts(2))
        assert [one.iuv.shape for one in found] == [(3, 20, 30), (3, 7, 1)]
        assert [(one.image_id, one.box, one.score) for one in found] == [(5, boxes[0], 0.9), (5, boxes[1], 0.1)]
        assert chart_detections(5, [], [], charts(0)) == []

    @pytest.mark.parametrize("name", ["coarse", "fine", "u", "v"])
    def test_nan_is_refused_by_name(self, name: str) -> None:
        outputs = charts(1)
        getattr(outputs, name)[0, 1, 3, 3] = float("nan")
        with pytest.raises(DataError, match=f": {name} not finite") as caught:
            chart_detections(5, [(0, 0, 9, 9)], [0.5], outputs)
        assert caught.value.kind == "not_finite"

    def test_numbers_that_do_not_fit(self) -> None:
        with pytest.raises(DataError, match="1 boxes, 2 scores and charts of 2 people"):
            chart_detections(5, [(0, 0, 9, 9)], [0.5, 0.6], charts(2))
        with pytest.raises(DataError, match="not finite"):
            chart_detections(5, [(0, 0, float("nan"), 9)], [0.5], charts(1))
        with pytest.raises(DataError, match="of one size"):
            chart_detections(5, [(0, 0, 9, 9)], [0.5], replace(charts(1), u=torch.zeros(1, 25, 3, 3)))


def png(iuv: Any) -> str:
    content = io.BytesIO()
    Image.fromarray(np.moveaxis(iuv, 0, -1)).save(content, format="png")
    return base64.encodebytes(content.getvalue()).decode()


def detection() -> Detection:
    iuv = np.random.default_rng(0).integers(0, 25, (3, 6, 4)).astype(np.uint8)
    return Detection(3, (1.0, 2.0, 4.5, 6.0), 0.25, iuv)


def plain() -> dict[str, Any]:
    return {"image_id": 3, "category_id": 1, "bbox": [1.0, 2.0, 4.5, 6.0], "score": 0.25}


def read(path: Path, content: Any) -> tuple[list[Detection], list[Problem]]:
    path.write_text(json.dumps(content))
    results = read_results(path)
    problems = list(results.problems)
    return list(results.detections(problems)), problems


FORMS = {
    "challenge": lambda iuv: {"uv_shape": list(iuv.shape), "uv_data": png(iuv)},
    "detectron2": lambda iuv: {"densepose": {"shape_chw": list(iuv.shape), "labels_uv_str": png(iuv)}},
    "detectron2, old": lambda iuv: {"densepose": [list(iuv.shape), png(iuv)]},
    "lists": lambda iuv: {"densepose": {"labels_uv": iuv.tolist()}},
    "plain lists": lambda iuv: {"uv": iuv.tolist()},
}


class TestResults:
    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("category", [0, 1, None])
    def test_every_form_is_read(self, tmp_path: Path, form: str, category: int | None) -> None:
        expected = detection()
        entry = plain() | FORMS[form](expected.iuv) | {"category_id": category}
        if category is None:
            del entry["category_id"]
        (found,), problems = read(tmp_path / "results.json", [entry])
        assert (found.image_id, found.box, found.score, problems) == (3, expected.box, 0.25, [])
        np.testing.assert_array_equal(found.iuv, expected.iuv)

    @pytest.mark.parametrize("image", [3.0, "3", "3.0", "000003"])
    @pytest.mark.parametrize("category", [1.0, "1", "0"])
    def test_ids_and_categories_may_be_text_or_floats(self, tmp_path: Path, image: Any, category: Any) -> None:
        (found,), problems = read(
            tmp_path / "results.json", [to_result(detection()) | {"image_id": image, "category_id": category}]
        )
        assert (found.image_id, problems) == (3, [])

    def test_u_and_v_between_0_and_1_are_not_cut_to_0(self, tmp_path: Path) -> None:
        result = to_result(detection())
        iuv = detection().iuv.astype(float)
        for scale in (1, 255):
            lists = np.concatenate([iuv[:1], iuv[1:] / scale]).tolist()
            entry = {name: result[name] for name in ("image_id", "bbox", "score")} | {"densepose": {"labels_uv": lists}}
            found, problems = read(tmp_path / "results.json", [entry])
            assert len(found) == (scale == 1)
        assert "U and V between 0 and 1" in problems[0].reason

    def test_packed_results_are_read(self, tmp_path: Path) -> None:
        path = tmp_path / "results.json.gz"
        path.write_bytes(gzip.compress(json.dumps([to_result(detection())]).encode()))
        assert read_results(path).image_ids == (3,)

    def test_written_and_read_they_score_the_same(self, tmp_path: Path) -> None:
        annotations, body = make_annotations(seed=2), make_body()
        detections = make_detections(annotations, 2)
        write_results(tmp_path / "results.json", detections)
        metric = DensePoseMetric(annotations, body)
        metric.update(detections)
        expected = metric.compute()
        metric.reset()
        results, problems = read_results(tmp_path / "results.json"), []
        metric.update(results.detections(problems))
        assert (metric.compute(), problems) == (expected, [])
        assert results.image_ids == tuple(sorted({one.image_id for one in detections}))

    def test_an_empty_file_is_no_detection(self, tmp_path: Path) -> None:
        assert read(tmp_path / "results.json", []) == ([], [])

    @pytest.mark.parametrize(
        ("changes", "kind"),
        [
            ({"category_id": 2}, "other_category"),
            ({"image_id": None}, "result_wrong"),
            ({"image_id": "3.5"}, "result_wrong"),
            ({"image_id": True}, "result_wrong"),
            ({"bbox": [1, 2, 3]}, "result_wrong"),
            ({"bbox": None}, "result_wrong"),
            ({"score": None}, "result_wrong"),
            ({"score": float("nan")}, "not_finite"),
            ({"bbox": [0, 0, float("inf"), 5]}, "not_finite"),
            ({"bbox": [0, 0, 40, 6]}, "iuv_wrong_size"),
            ({"bbox": [0, 0, -4, 6]}, "box_wrong"),
            ({"uv_shape": [3, 4, 6]}, "iuv_unreadable"),
            ({"uv_data": "AAAA"}, "iuv_unreadable"),
            ({"uv_data": 3}, "result_wrong"),
            ({"uv_data": png(np.zeros((3, 6, 4), np.uint8))[:60]}, "iuv_unreadable"),
            ({"uv_data": png(np.full((3, 6, 4), 25, np.uint8))}, "iuv_wrong_part"),
        ],
    )
    def test_what_cannot_be_scored_is_counted(self, tmp_path: Path, changes: dict[str, Any], kind: str) -> None:
        good = to_result(detection())
        found, problems = read(tmp_path / "results.json", [good | changes, good])
        assert len(found) == 1
        assert [problem.kind for problem in problems] == [kind]
        assert "results.json" in problems[0].reason

    def test_entries_without_a_pose_are_counted(self, tmp_path: Path) -> None:
        entries = [plain(), plain() | {"densepose": [1]}, plain() | {"uv": [[[300]]]}, plain() | {"uv": [[1], [1, 2]]}]
        found, problems = read(tmp_path / "results.json", entries)
        assert found == []
        kinds = [problem.kind for problem in problems]
        assert kinds == ["result_wrong", "result_wrong", "iuv_unreadable", "iuv_unreadable"]

    @pytest.mark.parametrize("content", ["", "[{", '{"images": []}', "[1, 2]", "\x80"])
    def test_truncated_and_foreign_files(self, tmp_path: Path, content: str) -> None:
        path = tmp_path / "results.json"
        path.write_bytes(content.encode("latin1"))
        with pytest.raises(DataError, match=r"results\.json") as caught:
            read_results(path)
        assert caught.value.kind == "results_unreadable"
