"""Meshes over images: what covers what, and what stays."""

from __future__ import annotations

import numpy as np
import trimesh

from hcmoco_bench.plotting.body_mesh import SKIN, draw_mesh, mesh_figure, side_view

FOCAL, MIDDLE = 100.0, 31.5


def seen(mesh: trimesh.Trimesh, z: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels, vertices and faces of a mesh straight ahead of a camera with 64 x 64 px."""
    vertices = np.asarray(mesh.vertices) + np.array([0, 0, z])
    return vertices[:, :2] / vertices[:, 2:] * FOCAL + MIDDLE, vertices, np.array(mesh.faces)


def test_a_ball_covers_its_circle_and_is_brightest_in_the_middle() -> None:
    image = np.full((64, 64, 3), 7, np.uint8)
    drawn = draw_mesh(image, *seen(trimesh.creation.icosphere(4, 0.5), 4.0), opacity=1)
    y, x = np.mgrid[:64, :64]
    radius = np.hypot(x - MIDDLE, y - MIDDLE)
    expected = FOCAL * 0.5 / np.sqrt(4.0**2 - 0.5**2)
    assert (drawn[radius > expected + 1.5] == 7).all()
    assert (drawn[radius < expected - 1.5] != 7).all()
    np.testing.assert_allclose(drawn[32, 32], SKIN, atol=6)
    assert drawn[32, 32].sum() > drawn[32, int(MIDDLE + expected - 2)].sum() + 60
    assert (image == 7).all()


def test_the_nearer_of_two_surfaces_is_in_front_whatever_their_order() -> None:
    near, far = trimesh.creation.icosphere(2, 0.2), trimesh.creation.box((2, 2, 0.1))
    far.apply_translation((0, 0, 1))
    image = np.zeros((64, 64, 3), np.uint8)
    one = draw_mesh(image, *seen(trimesh.util.concatenate([near, far]), 3.0), opacity=1)
    other = draw_mesh(image, *seen(trimesh.util.concatenate([far, near]), 3.0), opacity=1)
    alone = draw_mesh(image, *seen(near, 3.0), opacity=1)
    np.testing.assert_array_equal(one, other)
    covered = alone.any(-1)
    np.testing.assert_array_equal(one[covered], alone[covered])
    assert covered.sum() > 100


def test_opacity_mixes_with_the_image() -> None:
    image, ball = np.full((64, 64, 3), 100, np.uint8), seen(trimesh.creation.icosphere(3, 0.5), 4.0)
    full, half = draw_mesh(image, *ball, opacity=1), draw_mesh(image, *ball, opacity=0.5)
    np.testing.assert_allclose(half, (full.astype(float) + 100) / 2, atol=1)
    np.testing.assert_array_equal(draw_mesh(image, *ball, opacity=0), image)


def test_what_cannot_be_seen_is_left_out() -> None:
    image = np.full((64, 64, 3), 9, np.uint8)
    pixels, vertices, faces = seen(trimesh.creation.icosphere(2, 0.5), 4.0)
    assert (draw_mesh(image, pixels, vertices * [1, 1, -1], faces) == 9).all()
    assert (draw_mesh(image, pixels + 1e6, vertices, faces) == 9).all()
    assert (draw_mesh(image, pixels * np.nan, vertices, faces) == 9).all()
    np.testing.assert_array_equal(draw_mesh(image, pixels, vertices, faces[:, ::-1])[0], image[0])


def test_from_the_side_what_is_away_is_to_the_right() -> None:
    thin = trimesh.creation.box((0.1, 1.0, 0.2))
    front = trimesh.creation.box((0.1, 0.2, 0.6))
    front.apply_translation((0, 0.4, 0.4))  # at the bottom, away from the camera
    mesh = trimesh.util.concatenate([thin, front])
    drawn = side_view(np.asarray(mesh.vertices) + 5, np.array(mesh.faces), (80, 60))
    covered = (drawn != 255).any(-1)
    columns = np.flatnonzero(covered[70])
    assert columns.max() - np.flatnonzero(covered[20]).max() > 15
    assert columns.min() == np.flatnonzero(covered[20]).min()
    # 0.8 m fill nine tenths of the 60 px, and the height of 1 m follows.
    assert abs(covered.any(1).sum() - 0.9 * 60 / 0.8) < 1.5
    assert (side_view(np.full((3, 3), np.nan), np.array([[0, 1, 2]]), (8, 8)) == 255).all()


def test_the_figure_has_three_panels() -> None:
    image = np.zeros((64, 48, 3), np.uint8)
    figure = mesh_figure(image, *seen(trimesh.creation.icosphere(2, 0.4), 4.0), title="S1")
    assert [axes.get_title() for axes in figure.axes] == ["image", "recovered body", "from the side"]
    panels = [axes.images[0].get_array() for axes in figure.axes]
    assert panels[0].shape == panels[1].shape == panels[2].shape == (64, 48, 3)
    assert panels[1].any()
    assert not panels[0].any()
