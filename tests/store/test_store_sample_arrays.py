"""Decoding a row gives back what was encoded."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from hcmoco_bench.errors import StoreError
from hcmoco_bench.store.arrays.samples import decode_row


def png(array: np.ndarray) -> dict[str, Any]:
    return {"bytes": cv2.imencode(".png", array)[1].tobytes(), "path": "x.png"}


@pytest.fixture
def row() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    depth = rng.integers(0, 5000, (424, 512)).astype(np.uint16)
    rgb = np.zeros((424, 512, 3), np.uint8)
    rgb[:, :, 0] = 200
    body = {
        "body_id": 72057594037931648,
        "joints_xyz": rng.normal(size=(25, 3)).tolist(),
        "joints_depth": rng.normal(size=(25, 2)).tolist(),
        "joints_color": rng.normal(size=(25, 2)).tolist(),
        "tracking": [2] * 25,
    }
    return {
        "sample_id": "S001C001P001R001A001F060",
        "rgb": png(rgb[:, :, ::-1]),
        "depth": png(depth),
        "parts": png((depth % 25).astype(np.uint8)),
        "bodies": [body, body],
        "expected": depth,
    }


def test_images_and_joints_survive(row: dict[str, Any]) -> None:
    sample = decode_row(row)
    assert (sample.rgb[..., 0] == 200).all()
    assert not sample.rgb[..., 1:].any()
    assert sample.depth is not None
    assert sample.parts is not None
    assert sample.depth.dtype == np.uint16
    np.testing.assert_array_equal(sample.depth, row["expected"])
    np.testing.assert_array_equal(sample.parts, row["expected"] % 25)
    assert sample.body_id.tolist() == [72057594037931648] * 2
    np.testing.assert_allclose(sample.joints_xyz[1], row["bodies"][1]["joints_xyz"], rtol=1e-6)
    assert sample.joints_depth.shape == sample.joints_color.shape == (2, 25, 2)


def test_no_body_no_depth_no_parts(row: dict[str, Any]) -> None:
    del row["parts"]
    sample = decode_row(row | {"bodies": [], "depth": None})
    assert sample.depth is None
    assert sample.parts is None
    assert sample.joints_xyz.shape == (0, 25, 3)
    assert sample.tracking.shape == (0, 25)


@pytest.mark.parametrize("column", ["rgb", "depth", "parts"])
def test_a_damaged_image_names_sample_and_column(row: dict[str, Any], column: str) -> None:
    with pytest.raises(StoreError, match=f"A001F060.*{column}"):
        decode_row(row | {column: {"bytes": b"not an image", "path": "x"}})
    with pytest.raises(StoreError, match="no rgb"):
        decode_row(row | {"rgb": None})
