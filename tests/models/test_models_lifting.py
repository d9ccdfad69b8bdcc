"""The lifting network and the discriminator: their published sizes, bones, and what the discriminator does not see."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.models.lifting import Lifting
from hcmoco_bench.models.lifting_discriminator import KinematicDiscriminator, kinematic_bones


def count(module: torch.nn.Module) -> int:
    return sum(one.numel() for one in module.parameters())


def test_published_sizes() -> None:
    assert count(KinematicDiscriminator(kinematic_bones("released"))) == 400_129
    lifting = Lifting(2048)
    assert count(lifting) == (2048 + 1) * 512 + 2 * (512 + 1) * 512 + (512 + 1) * 51
    assert lifting(torch.zeros(3, 2048)).shape == (3, 51)
    assert not any("norm" in type(one).__name__.lower() for one in (*lifting.modules(),))


def test_mended_bones_are_the_limbs_and_released_ones_have_the_slip() -> None:
    joints = joint_set("h36m17")
    mended, released = kinematic_bones("mended"), kinematic_bones("released")
    assert len(mended) == 16
    assert len(released) == 15
    assert set(mended) == set(joints.edges)
    assert [pair for pair in released if pair not in set(mended)] == [
        (joints.index("left ankle"), joints.index("belly"))
    ]
    missing = {(joints.index("belly"), joints.index("neck")), (joints.index("nose"), joints.index("head"))}
    assert set(mended) - set(released) == missing
    # every joint hangs on the root by mended bones
    reached = {0}
    for _ in mended:
        reached |= {end for pair in mended if set(pair) & reached for end in pair}
    assert reached == set(range(17))


@pytest.mark.parametrize("bones", ["mended", "released"])
def test_products_of_bones_do_not_change_if_the_pose_is_turned(bones: str) -> None:
    network = KinematicDiscriminator(kinematic_bones(bones), 8)
    pose = torch.randn(1, 17, 3, generator=torch.Generator().manual_seed(0))
    turn = torch.tensor(Rotation.random(5, random_state=0).as_matrix(), dtype=torch.float32)
    turned = torch.einsum("nij,bkj->nki", turn, pose)
    seen = []
    network.kcs.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network(pose.flatten(1))
    network(turned.flatten(1))
    torch.testing.assert_close(seen[1], seen[0].expand(5, -1), rtol=1e-4, atol=1e-4)
    vectors = np.array([pose[0, start].numpy() - pose[0, end].numpy() for start, end in kinematic_bones(bones)])
    np.testing.assert_allclose(seen[0][0].detach().numpy(), (vectors @ vectors.T).ravel(), rtol=1e-4, atol=1e-5)
