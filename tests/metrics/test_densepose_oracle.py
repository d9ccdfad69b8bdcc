"""Values of the published implementation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hcmoco_bench.metrics.coco_statistics import STATISTICS
from hcmoco_bench.metrics.densepose import BodyCharts, DensePoseMetric, Detection, Geodesics

pytestmark = pytest.mark.oracle


@pytest.fixture(scope="module")
def expected(oracle: Path) -> dict[str, Any]:
    return json.loads((oracle / "densepose_expected.json").read_text())


@pytest.fixture(scope="module")
def metric(oracle: Path) -> DensePoseMetric:
    with np.load(oracle / "densepose_arrays.npz", allow_pickle=False) as arrays:
        charts = BodyCharts.of(arrays["vertex_part"], arrays["vertex_u"], arrays["vertex_v"])
        body = Geodesics(charts, arrays["vertex_to_unique"] - 1, arrays["geodesic_condensed"])
        scales = arrays["mean_distances"][arrays["coarse_part_of_fine"]]
        detections = [
            Detection(entry["image_id"], tuple(entry["bbox"]), entry["score"], arrays[f"iuv/{entry['id']}"])
            for entry in json.loads((oracle / "densepose_det.json").read_text())
        ]
    found = DensePoseMetric(oracle / "densepose_gt.json", body, scales=scales)
    found.update(detections)
    return found


@pytest.mark.parametrize("measure", ["gps", "gpsm", "iou"])
def test_the_ten_statistics_are_the_published_ones(
    metric: DensePoseMetric, expected: dict[str, Any], measure: str
) -> None:
    assert expected["stat_names"] == list(STATISTICS)
    found = metric.compute()[measure].as_dict()
    np.testing.assert_allclose(list(found.values()), expected[measure.upper()], rtol=0, atol=1e-9)


@pytest.mark.parametrize("measure", ["gps", "iou"])
def test_every_pair_has_the_published_similarity(
    metric: DensePoseMetric, expected: dict[str, Any], measure: str
) -> None:
    pairs = metric.pairs()
    for image, matrix in expected[f"pair_{measure}"].items():
        np.testing.assert_allclose(getattr(pairs[int(image)], measure), np.array(matrix), rtol=0, atol=1e-9)
