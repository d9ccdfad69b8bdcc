"""First hits, shadow rays and boxes, against intersections computed in another way."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import warp as wp

from hcmoco_bench.errors import UsageError
from hcmoco_bench.synth.kinect.cameras import Pinhole, look_at
from hcmoco_bench.synth.kinect.raycast import Box, Surface, View, box_around
from hcmoco_bench.synth.kinect.warp_runtime import pick_device, start_warp

CAMERA = Pinhole(120.0, 118.0, 63.2, 47.7, 128, 96)


def _soup(n=300, seed=0):
    """Random triangles in front of a camera that looks along world -z."""
    rng = np.random.default_rng(seed)
    centers = rng.uniform([-1.5, -1.2, -4.0], [1.5, 1.2, -1.0], (n, 1, 3))
    vertices = (centers + rng.normal(0, 0.12, (n, 3, 3))).reshape(-1, 3).astype(np.float32)
    return vertices, np.arange(3 * n, dtype=np.int32).reshape(-1, 3)


def _view():
    return View(CAMERA, look_at([0.1, 0.2, 0.3], [0.0, 0.0, -3.0], 0.2))


def _moller_trumbore(vertices, faces, origin, directions):
    """Nearest face and distance for every ray, in float64, by the textbook."""
    best, which = np.full(len(directions), np.inf), np.full(len(directions), -1)
    for number, (a, b, c) in enumerate(vertices[faces].astype(np.float64)):
        e1, e2 = b - a, c - a
        p = np.cross(directions, e2)
        determinant = p @ e1
        with np.errstate(divide="ignore", invalid="ignore"):
            u = (p @ (origin - a)) / determinant
            q = np.cross(origin - a, e1)
            v = (directions @ q) / determinant
            t = (e2 @ q) / determinant
        hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0) & (t < best)
        best[hit], which[hit] = t[hit], number
    return which, best


def _rays(view):
    x, y = np.meshgrid(np.arange(view.camera.width), np.arange(view.camera.height))
    local = view.camera.unproject(np.stack([x, y], axis=-1), np.ones(x.shape))
    return (local @ view.pose[:, :3]).reshape(-1, 3)


@pytest.fixture(params=["cpu", "cuda"])
def device(request):
    start_warp()
    if request.param == "cuda" and not wp.is_cuda_available():
        pytest.skip("no CUDA device here")
    return pick_device(request.param)


def test_first_hits_are_those_of_the_textbook(device):
    vertices, faces = _soup()
    view = _view()
    face, z = Surface(vertices, faces, device).see(view)
    expected, distance = _moller_trumbore(vertices, faces, view.position, _rays(view))
    # Only rays through an edge may be decided differently.
    same = face.reshape(-1) == expected
    assert same.mean() > 0.999
    hit = same & (expected >= 0)
    assert hit.mean() > 0.2
    # The rays' directions have z = 1 in the camera, so distances along them are depths.
    np.testing.assert_allclose(z.reshape(-1)[hit], distance[hit], rtol=2e-6)


def test_first_hits_are_those_of_the_bounding_volumes(device):
    vertices, faces = _soup(seed=1)
    view = _view()
    surface = Surface(vertices, faces, device)
    face, z = surface.see(view)
    traced, distance = surface.trace(view.position, _rays(view))
    same = face.reshape(-1) == traced
    assert same.mean() > 0.999
    hit = same & (traced >= 0)
    np.testing.assert_allclose(z.reshape(-1)[hit], distance[hit], rtol=1e-5)


def test_a_closed_surface_has_no_seams(device):
    # A finely divided wall that fills the image: every pixel must be hit, although most lie near some edge.
    u, v = np.meshgrid(np.linspace(-3, 3, 81), np.linspace(-3, 3, 71))
    vertices = np.stack([u, v, np.full_like(u, -2.0) + 0.1 * np.sin(3 * u)], axis=-1).reshape(-1, 3).astype(np.float32)
    corner = (np.arange(70)[:, None] * 81 + np.arange(80)).reshape(-1)
    faces = np.concatenate(
        [np.stack([corner, corner + 1, corner + 82], 1), np.stack([corner, corner + 82, corner + 81], 1)]
    ).astype(np.int32)
    face, _ = Surface(vertices, faces, device).see(_view())
    assert (face >= 0).all()


def test_a_box_is_a_cut_of_the_whole(device):
    vertices, faces = _soup(seed=2)
    surface, view, box = Surface(vertices, faces, device), _view(), Box(17, 9, 50, 40)
    whole, cut = surface.see(view), surface.see(view, box)
    for one, other in zip(whole, cut, strict=True):
        np.testing.assert_array_equal(one[box.slices], other)


def test_moving_is_like_making_anew(device):
    vertices, faces = _soup(seed=3)
    surface, view = Surface(vertices, faces, device), _view()
    assert surface.mesh is not None
    surface.move(vertices + np.float32(0.05))
    fresh = Surface(vertices + np.float32(0.05), faces, device)
    for one, other in zip(surface.see(view), fresh.see(view), strict=True):
        np.testing.assert_array_equal(one, other)
    ends = np.random.default_rng(0).uniform([-1.5, -1.2, -4.5], [1.5, 1.2, -3.0], (500, 3))
    origins = np.broadcast_to(view.position, ends.shape)
    np.testing.assert_array_equal(surface.blocks(origins, ends), fresh.blocks(origins, ends))


def test_blocks_between_two_points(device):
    wall = np.array([[-1, -1, -2], [1, -1, -2], [1, 1, -2], [-1, 1, -2]], np.float32)
    surface = Surface(wall, np.array([[0, 1, 2], [0, 2, 3]], np.int32), device)
    origins = np.zeros((5, 3))
    ends = np.array([[0, 0, -3], [0, 0, -1.9], [0, 0, -2.0], [3, 0, -3], [0, 0, 3.0]])
    # Behind it; before it; on it (within the slack); past its rim; on the other side.
    assert surface.blocks(origins, ends).tolist() == [True, False, False, False, False]


def test_what_is_behind_or_at_the_camera_is_not_seen(device):
    camera = Pinhole(100.0, 100.0, 32.0, 32.0, 64, 64)
    view = View(camera, look_at([0, 0, 0], [0, 0, -1]))
    behind = np.array([[-1, -1, 2], [1, -1, 2], [0, 1, 2]], np.float32)
    across = np.array([[-1, -1, -2], [1, -1, 2], [0, 1, -2]], np.float32)
    for vertices in (behind, across):
        face, z = Surface(vertices, np.array([[0, 1, 2]], np.int32), device).see(view)
        assert (face == -1).all()
        assert (z == 0).all()


def test_degenerate_triangles_are_nothing(device):
    vertices = np.array([[0, 0, -2], [0, 0, -2], [0, 0, -2], [0.1, 0, -2], [0.2, 0, -2], [0.3, 0, -2]], np.float32)
    face, _ = Surface(vertices, np.array([[0, 1, 2], [3, 4, 5]], np.int32), device).see(_view())
    assert (face == -1).all()


def test_box_around_points():
    view = View(Pinhole(100.0, 100.0, 32.0, 32.0, 64, 48), np.eye(3, 4))
    inside = np.array([[10.2, 20.7, 1.0], [30.0, 25.0, 2.0], [0.0, 0.0, -1.0]], np.float32)
    assert box_around(inside, view, 2) == Box(8, 18, 25, 10)
    assert box_around(np.array([[-50.0, 20.0, 1.0]], np.float32), view, 2) is None
    assert box_around(np.array([[5.0, 5.0, -1.0]], np.float32), view, 2) is None
    assert box_around(np.array([[-5.0, -5.0, 1.0], [99.0, 99.0, 1.0]], np.float32), view, 2) == Box(0, 0, 64, 48)


def test_an_unknown_device_is_refused():
    with pytest.raises(UsageError, match="auto, cpu or cuda"):
        pick_device("tpu")
    if not wp.is_cuda_available():
        with pytest.raises(UsageError, match="no CUDA device"):
            pick_device("cuda")
        assert pick_device("auto") == "cpu"


@pytest.mark.slow
def test_starting_warp_says_nothing():
    code = (
        "from hcmoco_bench.synth.kinect.raycast import Surface; import numpy as np;"
        "Surface(np.eye(3, dtype=np.float32), np.array([[0, 1, 2]], np.int32), 'cpu').mesh"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert done.stderr == ""
