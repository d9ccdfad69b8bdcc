"""Warping planes instead of RGB: the colors, the edges, the part of the frame that is read."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from simulated_kinect import SimulatedKinect, simulated_joints

from hcmoco_bench.align import Mode, RigCalibration, align_rgb, apply_homography, calibrate_rig, color_map
from hcmoco_bench.align.aligner import Aligner
from hcmoco_bench.files.images import decode_rgb, encode_rgb
from hcmoco_bench.sources.video_colors import ColorPlanes, colors_of, to_rgb
from hcmoco_bench.store.columns import JPEG_QUALITY

KINECT = SimulatedKinect(depth_distortion=np.array([0.09, -0.26, 0, 0, 0.08]))
GRID = np.stack(np.meshgrid(np.arange(512.0), np.arange(424.0)), axis=-1)


@pytest.fixture(scope="module")
def calibration() -> RigCalibration:
    return calibrate_rig(simulated_joints(KINECT, np.random.default_rng(0), clips=16), seed=0)


def planes_of(image: VideoFrame) -> ColorPlanes:
    planes = colors_of(image)
    assert isinstance(planes, ColorPlanes)
    return planes


def scene(seed: int, cells: int = 60) -> VideoFrame:
    """A frame with texture of some px in luma and in color."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (cells, cells * 16 // 9, 3), dtype=np.uint8)
    rgb = cv2.resize(coarse, (1920, 1080), interpolation=cv2.INTER_CUBIC)
    return VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p")


def person(seed: int) -> NDArray[np.uint16]:
    rng = np.random.default_rng(seed)
    depth = np.zeros((424, 512), np.uint16)
    top, left = rng.integers(0, 200, 2)
    depth[top : top + 200, left : left + 120] = rng.integers(2000, 3500, (200, 120))
    return depth


def moved(calibration: RigCalibration, x: float, y: float, scale: float = 1.0) -> RigCalibration:
    """A rig whose color camera looks elsewhere; `x` and `y` in px of the depth frame."""
    turn = np.array([[scale, 0, x], [0, scale, y], [0, 0, 1]])
    homography = tuple(map(tuple, (turn @ np.array(calibration.homography)).tolist()))
    return calibration.model_copy(update={"homography": homography})


def footprints(image: VideoFrame, calibration: RigCalibration) -> NDArray[np.float64]:
    """The exact average of the color frame over the area that each depth pixel covers (8 x 8 places in it)."""
    back, rgb = np.linalg.inv(np.array(calibration.homography)), to_rgb(image).astype(np.float32)
    steps = (np.arange(8) + 0.5) / 8 - 0.5
    total = np.zeros((424, 512, 3))
    for y in steps:
        for x in steps:
            total += cv2.remap(
                rgb, apply_homography(back, GRID + np.array([x, y])).astype(np.float32), None, cv2.INTER_NEAREST
            )
    return total / 64


def inside(where: NDArray[np.float32], margin: float = 4) -> NDArray[np.bool_]:
    return ((where > margin) & (where < np.array([1919 - margin, 1079 - margin]))).all(axis=-1)


def decibels(a: NDArray[np.uint8], b: NDArray[np.float64], where: NDArray[np.bool_]) -> float:
    return float(10 * np.log10(255**2 / np.square(a[where].astype(float) - b[where]).mean()))


def test_as_stored_planes_come_as_close_to_the_exact_average_as_rgb(calibration: RigCalibration) -> None:
    image = scene(0)
    exact, there = footprints(image, calibration), inside(color_map(calibration, None, "homography"))
    planes = Aligner(calibration, "homography").align(planes_of(image), None)
    assert decibels(planes, exact, there) > 46
    stored = [
        decibels(decode_rgb(encode_rgb(aligned, JPEG_QUALITY)), exact, there)
        for aligned in (planes, align_rgb(to_rgb(image), None, calibration, "homography"))
    ]
    assert stored[0] > stored[1] - 0.5


@pytest.mark.parametrize("mode", ["homography", "registered"])
def test_planes_give_the_colors_of_rgb(calibration: RigCalibration, mode: Mode) -> None:
    aligner = Aligner(calibration, mode)
    for seed in range(3):
        image, depth = scene(seed, 30), person(seed)
        found, plain = aligner.align(planes_of(image), depth), align_rgb(to_rgb(image), depth, calibration, mode)
        there = inside(color_map(calibration, depth, mode))
        difference = np.abs(found.astype(int) - plain)
        assert difference[there].mean() < 1
        assert np.percentile(difference[there], 99.9) <= 6


@pytest.mark.parametrize(
    ("x", "y", "scale"),
    [
        (0, 0, 1),
        (140.3, 0, 1),
        (-151, 77.7, 1),
        (0, 0, 0.5),
        (30.5, -20.25, 3),
        (511, 423, 1),
        (9e3, 0, 1),
        (0, -9e3, 1),
    ],
)
def test_only_the_part_that_is_read_counts(calibration: RigCalibration, x: float, y: float, scale: float) -> None:
    """The whole frame gives the same as the window, and whatever lies outside the window changes nothing."""
    rig, depth, planes = moved(calibration, x, y, scale), person(2), planes_of(scene(1))
    for mode in ("homography", "registered"):
        where = color_map(rig, depth, mode)
        inner = np.clip(where, 0, [1919, 1079]).astype(np.float32)
        chroma = np.clip((inner - np.float32(0.5)) / 2, 0, [959, 539]).astype(np.float32) + where - inner
        smooth = cv2.blur(planes.y, (3, 3), borderType=cv2.BORDER_REPLICATE)
        whole = [
            cv2.remap(plane, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=black)
            for plane, places, black in ((smooth, where, 16), (planes.cb, chroma, 128), (planes.cr, chroma, 128))
        ]
        found = Aligner(rig, mode).align(planes, depth)
        y_, cb, cr = (plane.astype(float) for plane in whole)
        expected = 1.164383 * (y_ - 16)[..., None] + np.stack(
            [1.596027 * (cr - 128), -0.391762 * (cb - 128) - 0.812968 * (cr - 128), 2.017232 * (cb - 128)], axis=-1
        )
        # OpenCV converts in integers, and samples one channel and four in different ways: one level of chroma.
        assert np.abs(found - np.clip(expected, 0, 255)).max() <= 3
        assert np.abs(found - np.clip(expected, 0, 255)).mean() < 0.5


@pytest.mark.parametrize("color", [(200, 30, 60), (10, 90, 200), (255, 255, 255)])
def test_a_color_stays_itself_up_to_the_edge_and_fades_to_black(
    calibration: RigCalibration, color: tuple[int, int, int]
) -> None:
    image = VideoFrame.from_ndarray(np.full((1080, 1920, 3), color, np.uint8), format="rgb24").reformat(
        format="yuv420p"
    )
    for x, y in ((0, 0), (150, 60), (-150, -60)):
        rig = moved(calibration, x, y)
        where = color_map(rig, None, "homography")
        found = Aligner(rig, "homography").align(planes_of(image), None).astype(int)
        edges = ((where >= 0) & (where <= np.array([1919, 1079]))).all(axis=-1)
        assert np.abs(found[edges] - color).max() <= 3  # rounding in 8-bit planes
        assert (found[((where <= -1) | (where >= np.array([1920, 1080]))).any(axis=-1)] == 0).all()
        assert (found <= np.array(color) + 3).all()


@pytest.mark.parametrize("kind", ["yuv420p of BT.709", "yuvj420p", "yuv444p", "rgb24"])
def test_other_videos_are_aligned_as_rgb(calibration: RigCalibration, kind: str) -> None:
    image = scene(0).reformat(format=kind.split()[0])
    if kind.endswith("BT.709"):
        image.colorspace = av.video.reformatter.Colorspace.ITU709
    found = Aligner(calibration, "registered").align(colors_of(image), person(1))
    np.testing.assert_array_equal(found, align_rgb(to_rgb(image), person(1), calibration, "registered"))
