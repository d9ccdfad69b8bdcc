"""Normalized numbers against the plain formulas, and where there is nothing to normalize."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hcmoco_bench.data.normalize import normalize_depth, normalize_joints, normalize_rgb


def test_rgb_is_imagenets_formula() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (2, 7, 9, 3), dtype=np.uint8)
    expected = (rgb / 255.0 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    result = normalize_rgb(torch.from_numpy(rgb.transpose(0, 3, 1, 2).copy()))
    assert result.dtype == torch.float32
    assert result.is_contiguous()
    assert np.allclose(result.numpy(), expected.transpose(0, 3, 1, 2), atol=1e-5)
    assert normalize_rgb(torch.zeros(0, 3, 7, 9, dtype=torch.uint8)).shape == (0, 3, 7, 9)
    with pytest.raises(TypeError, match="uint8"):
        normalize_rgb(result)


def test_depth_loses_the_mean_of_its_measured_pixels() -> None:
    depth = torch.tensor([[[[0.0, 2.0], [3.0, 4.0]]], [[[0.0, 0.0], [0.0, 0.0]]], [[[5.0, 0.0], [0.0, 0.0]]]])
    result = normalize_depth(depth)
    assert result.shape == (3, 3, 2, 2)
    for channel in range(3):
        assert torch.equal(result[0, channel], torch.tensor([[0.0, -1.0], [0.0, 1.0]]))
    assert not result[1:].any()


def test_joints_are_relative_to_the_root_and_largest_coordinate() -> None:
    joints = torch.zeros(1, 16, 2)
    joints[0] = torch.tensor([10.0, 20.0])
    joints[0, 0] = torch.tensor([14.0, 12.0])
    joints[0, 3] = torch.tensor([9.0, 21.0])
    result = normalize_joints(joints)
    assert torch.allclose(result[0, 0], torch.tensor([-1.0, 0.5]))
    assert torch.allclose(result[0, 3], torch.tensor([0.125, -0.125]))
    assert not result[0, 6].any()
    about_nose = normalize_joints(joints, root=0)
    assert not about_nose[0, 0].any()
    assert torch.allclose(about_nose[0, 3], torch.tensor([1.0, -5 / 9]))


def test_joints_do_not_depend_on_place_and_size_and_may_be_missing() -> None:
    joints = torch.randn(4, 16, 2, generator=torch.Generator().manual_seed(0)) * 50
    visible = torch.rand(4, 16, generator=torch.Generator().manual_seed(1)) < 0.5
    assert torch.allclose(normalize_joints(joints), normalize_joints(joints * 3.0 + 17.0), atol=1e-5)
    hidden = normalize_joints(joints, visible)
    assert torch.equal(hidden[visible], normalize_joints(joints)[visible])
    assert not hidden[~visible].any()
    assert not normalize_joints(torch.full((2, 13, 2), 7.0)).any()
