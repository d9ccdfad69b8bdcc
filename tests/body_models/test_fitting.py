"""Bodies fitted to joints: the joints come back, in a known frame, also when some are unknown."""

from __future__ import annotations

import pytest
import torch
from generated_bodies import generated, turned
from torch import Tensor

from hcmoco_bench.body import joint_set
from hcmoco_bench.body_models.anny_body import AnnyBody
from hcmoco_bench.body_models.fitting import fit_body
from hcmoco_bench.body_models.linear_blend_body import LinearBlendBody, PosedJoints
from hcmoco_bench.body_models.measurements import measure
from hcmoco_bench.body_models.pose_priors import kind_of_bone, pose_prior
from hcmoco_bench.body_models.rotations import from_axis_angle
from hcmoco_bench.body_models.smpl_body import SmplBody
from hcmoco_bench.errors import UsageError

CAMERA = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
"""From axes with y up to those of a camera in front."""


def people_before_a_camera(anny: AnnyBody) -> tuple[Tensor, Tensor, Tensor]:
    """Shapes, rotations and translations of generated people, three meters and more from a camera."""
    shapes, rotations, shifts = [], [], []
    for person in generated(4):
        turns, _ = anny.generated_pose(person.skeleton, person.heads, person.turns)
        turns[:, 0] = CAMERA @ turns[:, 0]
        shapes.append(anny.shapes([person.phenotype]).expand(len(turns), -1))
        rotations.append(turns)
        shifts.append(torch.tensor([[0.3, 0.1, 3.0], [-0.5, 0.0, 5.0]]))
    return torch.cat(shapes), torch.cat(rotations), torch.cat(shifts)


def test_generated_people_come_back_from_their_joints(anny: AnnyBody) -> None:
    shape, rotations, shift = people_before_a_camera(anny)
    true = anny(shape, rotations, shift).vertices
    joints = anny.regress_joints(true, "h36m17")
    fitted = fit_body(anny, joints, "h36m17")
    vertices = anny(fitted.shape, fitted.rotations, fitted.translation).vertices
    torch.testing.assert_close(fitted.joints, anny.regress_joints(vertices, "h36m17"), atol=1e-5, rtol=0)
    torch.testing.assert_close(fitted.error, (fitted.joints - joints).norm(dim=-1).mean(1), atol=1e-6, rtol=0)
    assert fitted.error.max() < 0.006
    # What joints do not tell, such as twists and the girth, is left to the priors, and stays small.
    assert (vertices - true).norm(dim=-1).mean() < 0.02
    rest = torch.eye(3).expand_as(rotations)
    heights = [measure(anny(one, rest).vertices, anny.faces).height_cm for one in (shape, fitted.shape)]
    assert (heights[0] - heights[1]).abs().mean() < 1.5


def test_unknown_joints_may_be_anything(anny: AnnyBody) -> None:
    shape, rotations, shift = (part[:2] for part in people_before_a_camera(anny))
    joints = PosedJoints(anny, "h36m17")(shape, rotations, shift)
    valid = torch.ones(2, 17, dtype=torch.bool)
    valid[:, [3, 16]] = False  # an ankle and a wrist
    broken = torch.where(valid[..., None], joints, torch.nan)
    fitted = fit_body(anny, broken, "h36m17", valid=valid)
    assert fitted.error.max() < 0.003
    assert (fitted.joints - joints).norm(dim=-1)[valid].max() < 0.01
    assert (fitted.joints - joints).norm(dim=-1).max() < 0.6
    other = fit_body(anny, torch.where(valid[..., None], joints, 99.0), "h36m17", valid=valid)
    torch.testing.assert_close(other.joints, fitted.joints)


def test_a_body_turned_as_a_whole_is_fitted_as_well(smpl: SmplBody) -> None:
    generator = torch.Generator().manual_seed(7)
    shape, rotations = torch.randn(3, 10, generator=generator), turned(generator, 3, 24, 0.1)
    rotations[:, 0] = turned(generator, 3, 1, 2.0)[:, 0]
    joints = smpl.regress_joints(smpl(shape, rotations, torch.ones(3, 3)).vertices, "smpl24")
    fitted = fit_body(smpl, joints, "smpl24")
    assert fitted.error.max() < 0.005
    determinants = torch.linalg.det(fitted.rotations)
    torch.testing.assert_close(determinants, torch.ones_like(determinants), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("joints", "valid", "why"),
    [
        (torch.zeros(2, 16, 3), None, r"are \(B, 17, 3\), not \(2, 16, 3\)"),
        (torch.full((1, 17, 3), torch.nan), None, "must be finite"),
        (torch.zeros(1, 17, 3), torch.arange(17)[None] < 2, "at least three"),
        (torch.zeros(1, 17, 3), torch.ones(2, 17), "17"),
    ],
)
def test_joints_that_cannot_be_fitted_are_refused(
    smpl: SmplBody, joints: Tensor, valid: Tensor | None, why: str
) -> None:
    with pytest.raises(UsageError, match=why):
        fit_body(smpl, joints, "h36m17", valid=valid)


def test_nobody_is_fitted_to_no_joints(smpl: SmplBody) -> None:
    assert len(fit_body(smpl, torch.zeros(0, 17, 3), "h36m17").shape) == 0


def _bent(model: LinearBlendBody, bone: str, angle: float) -> Tensor:
    """(P, 3) heads when one bone bends about its hinge, in the rest pose else."""
    rest = torch.eye(3).repeat(1, len(model.bone_names), 1, 1)
    shape = torch.zeros(1, len(model.shape_names))
    heads = model(shape, rest).joints[0]
    index = model.bone_names.index(bone)
    mean = pose_prior(model, heads).mean[index]
    rest[0, index] = from_axis_angle(mean / mean.norm() * angle)
    return model(shape, rest).joints[0]


@pytest.mark.parametrize("name", ["anny", "smpl"])
def test_the_prior_bends_knees_back_and_elbows_to_the_front(name: str, request: pytest.FixtureRequest) -> None:
    model: LinearBlendBody = request.getfixturevalue(name)
    ends = {"anny": ("lowerleg01.{}", "foot.{}", "lowerarm01.{}", "wrist.{}"),
            "smpl": ("{} knee", "{} ankle", "{} elbow", "{} wrist")}[name]  # fmt: skip
    for side in (("L", "R"), ("left", "right"))[name == "smpl"]:
        knee, ankle, elbow, wrist = (part.format(side) for part in ends)
        place = model.bone_names.index
        straight, bent = _bent(model, knee, 0.0), _bent(model, knee, 1.0)
        assert bent[place(ankle), 2] < straight[place(ankle), 2] - 0.1
        straight, bent = _bent(model, elbow, 0.0), _bent(model, elbow, 1.0)
        assert bent[place(wrist), 2] > straight[place(wrist), 2] + 0.05


def test_kinds_of_bones() -> None:
    bones = ("upperarm01.L", "left hip", "lowerleg01.R", "right elbow", "lowerarm02.L", "spine03", "head", "left hand")
    kinds = ["ball", "ball", "hinge", "hinge", "twist", "stiff", "stiff", "stiff"]
    assert [kind_of_bone(bone) for bone in bones] == kinds
    assert {kind_of_bone(name) for name in joint_set("smpl24").joints} == {"ball", "hinge", "stiff"}
