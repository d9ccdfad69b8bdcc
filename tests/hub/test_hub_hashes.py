"""Fingerprints against values computed by hand, and what they do and do not tell apart."""

from __future__ import annotations

import hashlib
import io
import struct

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from hcmoco_bench.hub.hashes import (
    DIFFERENCE_TOLERANCE,
    array_sha256,
    bodies_sha256,
    difference,
    difference_hash,
    hash_row,
)
from hcmoco_bench.store.arrays.samples import SampleArrays


def _scene(seed: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    return cv2.GaussianBlur(cv2.resize(rng.integers(0, 255, (20, 24, 3), np.uint8), (512, 424)), (0, 0), 3)


def _arrays(joints: NDArray[np.float32]) -> SampleArrays:
    rgb = np.zeros((424, 512, 3), np.uint8)
    return SampleArrays(
        "x", rgb, None, None, np.array([7]), joints, joints[..., :2], joints[..., 1:], np.full((1, 25), 2, np.uint8)
    )


def test_depth_hash_is_of_little_endian_rows() -> None:
    depth = np.array([[1, 258], [0, 65535]], np.uint16)
    expected = hashlib.sha256(struct.pack("<4H", 1, 258, 0, 65535)).hexdigest()
    assert array_sha256(depth) == expected
    assert array_sha256(depth.astype(">u2")) == expected
    assert array_sha256(np.asfortranarray(depth)) == expected


def test_bodies_hash_by_hand_and_nan_has_one_form() -> None:
    joints = np.arange(75, dtype=np.float32).reshape(1, 25, 3)
    flat = joints[0].ravel()
    content = struct.pack("<q75f", 7, *flat)
    content += struct.pack("<50f", *joints[0, :, :2].ravel()) + struct.pack("<50f", *joints[0, :, 1:].ravel())
    assert bodies_sha256(_arrays(joints)) == hashlib.sha256(content + bytes([2] * 25)).hexdigest()
    one, other = joints.copy(), joints.copy()
    one[0, 3] = np.nan
    other.view(np.uint32)[0, 3] = 0xFFC00001  # another nan
    assert np.isnan(other[0, 3]).all()
    assert bodies_sha256(_arrays(one)) == bodies_sha256(_arrays(other)) != bodies_sha256(_arrays(joints))


def test_nobody_is_the_hash_of_nothing() -> None:
    empty = SampleArrays(
        "x",
        np.zeros((424, 512, 3), np.uint8),
        None,
        None,
        np.empty(0, np.int64),
        *(np.empty((0, 25, size), np.float32) for size in (3, 2, 2)),
        np.empty((0, 25), np.uint8),
    )
    assert bodies_sha256(empty) == hashlib.sha256(b"").hexdigest()


def test_difference_hash_by_hand() -> None:
    # 17 cells of equal width and value 10 i: every cell is brighter than its left neighbor.
    rising = np.repeat(np.arange(17, dtype=np.uint8) * 10, 3)[None, :, None].repeat(32, 0).repeat(3, 2)
    assert difference_hash(rising) == "ff" * 32
    assert difference_hash(rising[:, ::-1]) == "00" * 32
    assert difference("ff" * 32, "00" * 32) == 256
    step = np.zeros((16, 17, 3), np.uint8)
    step[0, 1:] = 100  # one step, in the first row
    assert difference_hash(step) == "8000" + "0000" * 15


@pytest.mark.parametrize("seed", range(5))
def test_last_bits_pass_and_other_images_do_not(seed: int) -> None:
    scene = _scene(seed)
    original = difference_hash(scene)
    noise = np.random.default_rng(seed).integers(-2, 3, scene.shape)
    noisy = np.clip(scene.astype(int) + noise, 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(scene).save(buffer, "JPEG", quality=95)
    recoded = np.asarray(Image.open(buffer))
    assert difference(original, difference_hash(noisy)) <= DIFFERENCE_TOLERANCE
    assert difference(original, difference_hash(recoded)) <= DIFFERENCE_TOLERANCE
    for other in (_scene(seed + 100), scene[:, ::-1], scene[::-1], np.roll(scene, 60, axis=1)):
        assert difference(original, difference_hash(other)) > 5 * DIFFERENCE_TOLERANCE


@given(st.integers(0, 2**256 - 1), st.integers(0, 2**256 - 1))
def test_difference_is_a_metric_on_bits(one: int, other: int) -> None:
    a, b = f"{one:064x}", f"{other:064x}"
    assert difference(a, b) == difference(b, a) == bin(one ^ other).count("1")


def test_hash_row_decodes_whatever_wrote_the_png() -> None:
    depth = np.random.default_rng(0).integers(0, 65535, (424, 512)).astype(np.uint16)
    parts = (depth % 25).astype(np.uint8)
    jpeg = cv2.imencode(".jpg", _scene(0))[1].tobytes()
    by_pillow = io.BytesIO()
    Image.fromarray(depth).save(by_pillow, "PNG")
    by_opencv = cv2.imencode(".png", depth, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
    assert by_pillow.getvalue() != by_opencv
    hashes = [
        hash_row(
            {
                "sample_id": "x",
                "rgb": {"bytes": jpeg},
                "depth": {"bytes": data},
                "parts": {"bytes": cv2.imencode(".png", parts)[1].tobytes()},
                "bodies": [],
            }
        )
        for data in (by_pillow.getvalue(), by_opencv)
    ]
    assert hashes[0] == hashes[1]
    assert hashes[0].depth_sha256 == hashlib.sha256(depth.astype("<u2").tobytes()).hexdigest()
    assert hashes[0].parts_sha256 == hashlib.sha256(parts.tobytes()).hexdigest()
    assert hashes[0].rgb_sha256 == hashlib.sha256(jpeg).hexdigest()


def test_missing_depth_and_parts_have_no_hash() -> None:
    jpeg = cv2.imencode(".jpg", _scene(0))[1].tobytes()
    hashes = hash_row({"sample_id": "x", "rgb": {"bytes": jpeg}, "depth": None, "bodies": []})
    assert hashes.depth_sha256 is None
    assert hashes.parts_sha256 is None
