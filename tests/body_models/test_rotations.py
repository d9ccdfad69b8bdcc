"""Rotations against scipy's, at small and large angles, and their gradients."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from hcmoco_bench.body_models.rotations import from_axis_angle, from_six, to_axis_angle, to_six


def vectors() -> torch.Tensor:
    rng = np.random.default_rng(0)
    axes = rng.normal(size=(200, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    angles = np.concatenate([np.zeros(3), np.full(3, 1e-7), np.full(3, 1e-4), rng.uniform(0, np.pi - 1e-4, 191)])
    return torch.from_numpy(axes * angles[:, None])


def test_axis_times_angle_is_that_of_scipy() -> None:
    expected = Rotation.from_rotvec(vectors().numpy())
    np.testing.assert_allclose(from_axis_angle(vectors()), expected.as_matrix(), atol=1e-12)
    np.testing.assert_allclose(to_axis_angle(from_axis_angle(vectors())), vectors(), atol=1e-7)


def test_half_turns_come_back_as_the_same_rotation() -> None:
    axes = torch.nn.functional.normalize(
        torch.randn(50, 3, generator=torch.Generator().manual_seed(1)).double(), dim=-1
    )
    matrices = from_axis_angle(torch.pi * torch.cat([axes, torch.eye(3).double()]))
    np.testing.assert_allclose(from_axis_angle(to_axis_angle(matrices)), matrices, atol=1e-7)


def test_six_numbers_come_back_and_any_six_give_a_rotation() -> None:
    matrices = from_axis_angle(vectors())
    np.testing.assert_allclose(from_six(to_six(matrices)), matrices, atol=1e-12)
    rotations = from_six(torch.randn(100, 6, generator=torch.Generator().manual_seed(2)).double())
    identity = torch.eye(3).double().expand(100, 3, 3)
    np.testing.assert_allclose(rotations.transpose(1, 2) @ rotations, identity, atol=1e-12)
    np.testing.assert_allclose(torch.linalg.det(rotations), 1, atol=1e-12)


def test_the_first_columns_are_kept_up_to_length() -> None:
    six = torch.tensor([[2.0, 0.0, 0.0, 5.0, 3.0, 0.0]])
    np.testing.assert_allclose(from_six(six)[0], np.eye(3), atol=1e-7)


def test_gradients_also_at_no_rotation() -> None:
    some = torch.cat([torch.zeros(1, 3), torch.randn(3, 3, generator=torch.Generator().manual_seed(3))]).double()
    assert torch.autograd.gradcheck(from_axis_angle, (some.requires_grad_(),))
    six = torch.randn(3, 6, generator=torch.Generator().manual_seed(4)).double().requires_grad_()
    assert torch.autograd.gradcheck(from_six, (six,))
