from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from simulated_kinect import SimulatedKinect, simulated_joints

from hcmoco_bench.align import RigCalibration, align_rgb, apply_homography, calibrate_rig, color_map
from hcmoco_bench.align.occlusion import hidden_pixels, nearest_visible
from hcmoco_bench.align.warp import sample_rgb
from hcmoco_bench.errors import CalibrationError, DataError

KINECT = SimulatedKinect(depth_distortion=np.array([0.09, -0.26, 0, 0, 0.08]))
GRID = np.stack(np.meshgrid(np.arange(512.0), np.arange(424.0)), axis=-1)


@pytest.fixture(scope="module")
def calibration() -> RigCalibration:
    return calibrate_rig(simulated_joints(KINECT, np.random.default_rng(0), clips=16), seed=0)


def true_colors(depth: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Where OpenCV's camera model sees the point behind every pixel; nonsense without depth."""
    z = np.maximum(depth, 1).ravel() / 1000.0
    return KINECT.to_color(KINECT.unproject(GRID.reshape(-1, 2), z)).reshape(424, 512, 2)


def empty() -> NDArray[np.uint16]:
    return np.zeros((424, 512), np.uint16)


def plane_map(calibration: RigCalibration) -> NDArray[np.float64]:
    return apply_homography(np.linalg.inv(np.array(calibration.homography)), GRID)


def test_homography_map_inverts_the_homography(calibration: RigCalibration) -> None:
    where = color_map(calibration, None, "homography")
    assert where.shape == (424, 512, 2)
    assert where.dtype == np.float32
    np.testing.assert_allclose(apply_homography(calibration.homography, where.astype(np.float64)), GRID, atol=1e-3)


def test_homography_image_is_opencvs_warp(calibration: RigCalibration) -> None:
    smooth = np.stack(np.meshgrid(np.linspace(0, 255, 1920), np.linspace(0, 255, 1080)), axis=-1)
    rgb = np.dstack([smooth, np.full((1080, 1920), 77.0)]).astype(np.uint8)
    expected = cv2.warpPerspective(rgb, np.array(calibration.homography), (512, 424), flags=cv2.INTER_LINEAR)
    difference = np.abs(align_rgb(rgb, None, calibration, "homography").astype(int) - expected)
    assert np.percentile(difference, 99) <= 1


def test_every_pixel_with_depth_fetches_its_own_color(calibration: RigCalibration) -> None:
    rng = np.random.default_rng(1)
    slow = cv2.resize(rng.uniform(-1, 1, (6, 7)), (512, 424), interpolation=cv2.INTER_CUBIC)
    depth = empty()
    depth[40:380, 150:380] = (2900 + 300 * slow)[40:380, 150:380].astype(np.uint16)
    error = np.linalg.norm(color_map(calibration, depth, "registered") - true_colors(depth), axis=-1)
    assert error[depth > 0].max() < 0.5  # color px: a sixth of a depth px


@pytest.mark.parametrize("millimeters", [600, 1500, 3000, 4500, 8000])
def test_flat_walls_at_any_distance(calibration: RigCalibration, millimeters: int) -> None:
    depth = empty()
    depth[100:350, 120:400] = millimeters
    error = np.linalg.norm(color_map(calibration, depth, "registered") - true_colors(depth), axis=-1)
    assert error[depth > 0].max() < 1.5


def test_pixels_without_depth_follow_the_homography(calibration: RigCalibration) -> None:
    depth = empty()
    depth[100:300, 200:300] = 2500
    where = color_map(calibration, depth, "registered")
    outside = depth == 0
    np.testing.assert_allclose(where[outside], plane_map(calibration)[outside], atol=1e-3)
    assert np.abs(where[~outside] - plane_map(calibration)[~outside]).max() > 0.5


@pytest.mark.parametrize("nothing", [None, empty()])
def test_no_depth_at_all(calibration: RigCalibration, nothing: NDArray[np.uint16] | None) -> None:
    where = color_map(calibration, nothing, "registered")
    np.testing.assert_array_equal(where, color_map(calibration, None, "homography"))


def test_a_single_pixel_and_the_corners(calibration: RigCalibration) -> None:
    depth = empty()
    depth[[0, 0, 423, 423, 200], [0, 511, 0, 511, 256]] = 3000
    where = color_map(calibration, depth, "registered")
    assert np.isfinite(where).all()
    np.testing.assert_allclose(where[200, 256], true_colors(depth)[200, 256], atol=0.3)


def test_depths_that_no_sensor_measures_count_as_none(calibration: RigCalibration) -> None:
    depth = empty()
    depth[200, 200:240] = np.arange(1, 41)
    depth[100, 100] = 65535
    where = color_map(calibration, depth, "registered")
    assert np.isfinite(where).all()
    np.testing.assert_allclose(where[200], plane_map(calibration)[200], atol=1e-3)


def test_small_holes_are_interpolated(calibration: RigCalibration) -> None:
    depth = empty()
    depth[100:300, 180:330] = 2300
    whole = color_map(calibration, depth, "registered")
    holes = empty().astype(bool)
    holes[150:153, 200:203] = holes[200, 190:320] = holes[240:244, 250] = True
    depth[holes] = 0
    filled = color_map(calibration, depth, "registered")
    assert np.linalg.norm(filled - whole, axis=-1)[holes].max() < 0.2
    assert np.linalg.norm(plane_map(calibration) - whole, axis=-1)[holes].min() > 2.0


def test_a_large_hole_follows_the_homography(calibration: RigCalibration) -> None:
    depth = empty()
    depth[100:300, 150:350] = 2300
    depth[180:220, 230:270] = 0
    where = color_map(calibration, depth, "registered")
    np.testing.assert_allclose(where[190:210, 240:260], plane_map(calibration)[190:210, 240:260], atol=1e-3)


def step_scene() -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:
    """A bar at 1.2 m before a wall at 3.6 m; the bar hides a strip of the wall from the color camera."""
    depth = empty()
    depth[60:360, 140:380] = 3600
    depth[60:360, 230:270] = 1200
    colors = true_colors(depth)
    bar = depth == 1200
    # Rays of the wall that end inside the bar, as the color camera sees it.
    hidden = np.zeros_like(bar)
    for y in range(60, 360):
        reach = colors[y, bar[y], 0]
        hidden[y] = (depth[y] == 3600) & (colors[y, :, 0] > reach.min()) & (colors[y, :, 0] < reach.max())
    return depth, hidden


def test_hidden_pixels_do_not_take_the_occluders_color(calibration: RigCalibration) -> None:
    depth, hidden = step_scene()
    assert hidden.sum(axis=1)[60:360].min() >= 5
    colors = true_colors(depth)
    bar = depth == 1200
    rgb = np.zeros((1080, 1920, 3), np.uint8)
    rgb[..., 2] = 200
    for y in range(60, 360):
        reach = colors[y, bar[y]]
        top, bottom = int(reach[:, 1].min()) - 2, int(reach[:, 1].max()) + 3
        rgb[max(top, 0) : bottom, int(reach[:, 0].min()) : int(np.ceil(reach[:, 0].max())) + 1] = (255, 0, 0)
    image = align_rgb(rgb, depth, calibration, "registered")
    inner = np.zeros_like(bar)
    inner[70:350] = True
    wall = (depth == 3600) & inner
    assert (image[bar & inner & (cv2.erode(bar.view(np.uint8), np.ones((3, 5))) > 0), 0] > 240).all()
    red = wall & (image[..., 0] > 60)
    # None of the strip, and nothing elsewhere but what the 3 x 3 average mixes in beside the bar and the strip.
    beside = cv2.dilate((bar | hidden).view(np.uint8), np.ones((3, 3))) > 0
    assert hidden[inner].sum() > 2000
    assert not (red & hidden).any()
    assert not (red & ~beside).any()


def test_hidden_pixels_are_found_and_no_others(calibration: RigCalibration) -> None:
    depth, hidden = step_scene()
    valid = depth > 0
    points = KINECT.unproject(GRID[valid], depth[valid] / 1000.0)
    found = np.zeros_like(valid)
    found[valid] = hidden_pixels(KINECT.to_color(points).astype(np.float32), points[:, 2].astype(np.float32))
    edge = cv2.morphologyEx(hidden.view(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3))) > 0
    np.testing.assert_array_equal(found[~edge], hidden[~edge])
    assert abs(int(found.sum()) - int(hidden.sum())) < 0.25 * hidden.sum()


def test_a_slanted_surface_hides_nothing_of_itself() -> None:
    """70 degrees from facing the camera."""
    depth = 2000 + 20 * np.arange(100)[None].repeat(100, axis=0)
    pixels = GRID[150:250, 200:300].reshape(-1, 2)
    points = KINECT.unproject(pixels, depth.ravel() / 1000.0)
    assert not hidden_pixels(KINECT.to_color(points).astype(np.float32), points[:, 2].astype(np.float32)).any()


def test_no_pixels_hide_nothing() -> None:
    assert hidden_pixels(np.empty((0, 2), np.float32), np.empty(0, np.float32)).shape == (0,)


def test_nearest_visible_keeps_to_the_surface() -> None:
    z = np.full((20, 20), 3.0, np.float32)
    z[:, 10:] = 2.0
    visible = np.ones((20, 20), bool)
    visible[:, 6:10] = False
    rows, columns, found = nearest_visible((np.array([5, 5]), np.array([9, 6])), visible, z)
    np.testing.assert_array_equal(found, [True, True])
    np.testing.assert_array_equal(columns, [5, 5])  # not 10, which is nearer but in front
    np.testing.assert_array_equal(rows, [5, 5])


def test_nearest_visible_stays_inside_and_gives_up() -> None:
    z = np.full((6, 6), 3.0, np.float32)
    rows, columns, found = nearest_visible((np.array([0, 5]), np.array([0, 5])), np.zeros((6, 6), bool), z)
    assert not found.any()
    np.testing.assert_array_equal(rows, [0, 5])
    np.testing.assert_array_equal(columns, [0, 5])


def test_fine_texture_does_not_alias(calibration: RigCalibration) -> None:
    """A checkerboard of single px is gray from afar; plain bilinear sampling shows beats."""
    board = ((np.indices((1080, 1920)).sum(axis=0) % 2) * 255).astype(np.uint8)
    rgb = np.dstack([board] * 3)
    where = color_map(calibration, None, "homography")
    inside = (slice(60, 300), slice(60, 450))
    assert sample_rgb(rgb, where)[inside].std() < 6
    assert cv2.remap(rgb, where, None, cv2.INTER_LINEAR)[inside].std() > 40


def test_black_where_the_color_camera_does_not_look(calibration: RigCalibration) -> None:
    rgb = np.full((1080, 1920, 3), 255, np.uint8)
    image = align_rgb(rgb, None, calibration, "homography")
    where = color_map(calibration, None, "homography")
    outside = (where < -1).any(axis=-1) | (where > np.array([1920, 1080])).any(axis=-1)
    assert outside.any()
    assert (image[outside] == 0).all()
    assert image.shape == (424, 512, 3)


def test_channels_keep_their_order(calibration: RigCalibration) -> None:
    rgb = np.zeros((1080, 1920, 3), np.uint8)
    rgb[...] = (10, 90, 200)
    np.testing.assert_array_equal(align_rgb(rgb, None, calibration, "homography")[212, 256], [10, 90, 200])


def test_inputs_are_left_alone_and_results_are_owned(calibration: RigCalibration) -> None:
    depth, _ = step_scene()
    rgb = np.random.default_rng(0).integers(0, 255, (1080, 1920, 3), dtype=np.uint8)
    before = depth.copy(), rgb.copy()
    first = align_rgb(rgb, depth, calibration, "registered")
    color_map(calibration, depth, "homography")[:] = 0
    color_map(calibration, depth, "registered")[:] = 0
    np.testing.assert_array_equal(align_rgb(rgb, depth, calibration, "registered"), first)
    np.testing.assert_array_equal(depth, before[0])
    np.testing.assert_array_equal(rgb, before[1])


def test_wrong_sizes(calibration: RigCalibration) -> None:
    with pytest.raises(DataError, match="depth is 640x480, not 512x424") as caught:
        color_map(calibration, np.zeros((480, 640), np.uint16), "registered")
    assert caught.value.kind == "depth_wrong_size"
    with pytest.raises(DataError, match="640x480, not 1920x1080") as caught:
        align_rgb(np.zeros((480, 640, 3), np.uint8), None, calibration, "homography")
    assert caught.value.kind == "video_wrong_size"


def test_registered_needs_its_model(calibration: RigCalibration) -> None:
    only = calibration.model_copy(update={"registered": None, "registered_problem": "all joints are at one depth"})
    with pytest.raises(CalibrationError, match=r"S001C001 has no registered model .all joints are at one depth"):
        color_map(only, empty(), "registered")
    assert color_map(only, empty(), "homography").shape == (424, 512, 2)
