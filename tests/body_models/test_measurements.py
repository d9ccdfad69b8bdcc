"""Measures of bodies whose figures are known, and beside those that anny's own code gives."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import trimesh

from hcmoco_bench.body_models.anny_body import AnnyBody
from hcmoco_bench.body_models.anny_mesh import body_vertices
from hcmoco_bench.body_models.anny_shape import Phenotype, with_stature
from hcmoco_bench.body_models.measurements import DENSITY, WAIST_LEVEL, measure


def upright(mesh: trimesh.Trimesh) -> tuple[torch.Tensor, torch.Tensor]:
    """A mesh whose z axis points up, turned so that y does."""
    x, y, z = np.asarray(mesh.vertices).T
    return torch.from_numpy(np.stack([x, z, -y], -1)[None]), torch.from_numpy(np.array(mesh.faces))


def test_a_cylinder() -> None:
    found = measure(*upright(trimesh.creation.cylinder(0.15, 1.7, sections=720)))
    assert found.height_cm.item() == pytest.approx(170)
    assert found.mass_kg.item() == pytest.approx(DENSITY * np.pi * 0.15**2 * 1.7, rel=1e-4)
    assert found.waist_cm.item() == pytest.approx(200 * np.pi * 0.15, rel=1e-4)


def test_an_ellipsoid_wherever_it_stands() -> None:
    mesh = trimesh.creation.icosphere(5)
    vertices, faces = upright(mesh)
    a, b, c = 0.2, 0.9, 0.12
    found = measure(vertices * torch.tensor([a, b, c]) + torch.tensor([3.0, -5.0, 2.0]), faces)
    assert found.height_cm.item() == pytest.approx(180, rel=1e-3)
    assert found.mass_kg.item() == pytest.approx(DENSITY * 4 / 3 * np.pi * a * b * c, rel=2e-3)
    share = np.sqrt(1 - (2 * WAIST_LEVEL - 1) ** 2)
    angles = np.linspace(0, 2 * np.pi, 100_000)
    outline = share * np.stack([a * np.cos(angles), c * np.sin(angles)], -1)
    assert found.waist_cm.item() == pytest.approx(
        100 * np.linalg.norm(np.diff(outline, axis=0), axis=1).sum(), rel=2e-3
    )


def test_hollows_are_spanned_and_hands_do_not_count() -> None:
    """A trunk whose front has a groove down its middle, between two arms."""
    outline = np.array([[-0.2, -0.1], [0.2, -0.1], [0.2, 0.1], [0.0, -0.05], [-0.2, 0.1]])
    count = len(outline)
    corners = np.concatenate([np.c_[outline, np.zeros(count)], np.c_[outline, np.full(count, 1.7)]])
    walls = [[i, (i + 1) % count, count + i] for i in range(count)]
    walls += [[(i + 1) % count, count + (i + 1) % count, count + i] for i in range(count)]
    trunk = trimesh.Trimesh(corners, walls, process=False)
    arms = [trimesh.creation.box((0.08, 0.08, 0.7)), trimesh.creation.box((0.08, 0.08, 0.7))]
    for arm, x in zip(arms, (-0.5, 0.5), strict=True):
        arm.apply_translation((x, 0, 1.0))
    found = measure(*upright(trimesh.util.concatenate([trunk, *arms])))
    assert found.waist_cm.item() == pytest.approx(2 * (40 + 20))


def test_a_body_that_is_not_finite_has_no_measures() -> None:
    vertices, faces = upright(trimesh.creation.box((0.3, 0.2, 1.7)))
    broken = vertices.clone()
    broken[0, 0, 0] = float("nan")
    found = measure(torch.cat([vertices, broken]), faces)
    for values in (found.height_cm, found.mass_kg, found.waist_cm):
        assert torch.isfinite(values).tolist() == [True, False]


def test_generated_people_beside_annys_own_figures(anny: AnnyBody) -> None:
    theirs = pytest.importorskip("anny.anthropometry")
    people = [Phenotype(gender=g, weight=w, height=h) for g, w, h in ((0, 0.2, 0.4), (1, 0.5, 0.3), (0.5, 0.9, 0.5))]
    rest = torch.eye(3).expand(len(people), len(anny.bone_names), 3, 3)
    vertices = anny(anny.shapes(people), rest).vertices
    found = measure(vertices, anny.faces)
    body = SimpleNamespace(base_mesh_vertex_indices=torch.from_numpy(body_vertices()), faces=anny.faces)
    z_up = torch.stack([vertices[..., 0], -vertices[..., 2], vertices[..., 1]], -1).double()
    expected = theirs.Anthropometry(body)(z_up)
    np.testing.assert_allclose(found.height_cm, 100 * expected["height"], rtol=1e-6)
    np.testing.assert_allclose(found.mass_kg, DENSITY * expected["volume"], rtol=1e-6)
    # Theirs follows a ring of edges a little lower, at the navel.
    np.testing.assert_allclose(found.waist_cm, 100 * expected["waist_circumference"], rtol=0.06)


def test_height_is_the_stature_of_the_generator(anny: AnnyBody) -> None:
    person = with_stature(Phenotype(gender=0.8), 1.68)
    vertices = anny(anny.shapes([person]), torch.eye(3).expand(1, len(anny.bone_names), 3, 3)).vertices
    assert measure(vertices, anny.faces).height_cm.item() == pytest.approx(168, abs=0.05)
