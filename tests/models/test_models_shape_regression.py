"""The head of HMR: rotations from columns, the first estimate, steps, and the camera."""

from __future__ import annotations

import pytest
import torch
from scipy.spatial.transform import Rotation

from hcmoco_bench.models.encoders import create_encoder
from hcmoco_bench.models.shape_regression import BodyEstimate, ShapeNet, rotations_from_columns


@pytest.fixture
def net() -> ShapeNet:
    torch.manual_seed(0)
    return ShapeNet(create_encoder("test_resnet", image_size=32), 5, 3, width=16).eval()


def test_columns_of_rotations_give_them_back() -> None:
    turns = torch.from_numpy(Rotation.random(20, random_state=0).as_matrix())
    torch.testing.assert_close(rotations_from_columns(turns[..., :2]), turns)
    torch.testing.assert_close(rotations_from_columns(3.0 * turns[..., :2]), turns)  # lengths do not matter


def test_any_numbers_give_rotations(net: ShapeNet) -> None:
    estimate = net(torch.randn(4, 3, 32, 32))
    assert estimate.rotations.shape == (4, 5, 3, 3)
    assert estimate.shape.shape == (4, 3)
    assert estimate.camera.shape == (4, 3)
    torch.testing.assert_close(
        estimate.rotations @ estimate.rotations.mT, torch.eye(3).expand(4, 5, 3, 3), atol=1e-5, rtol=0
    )
    torch.testing.assert_close(torch.linalg.det(estimate.rotations), torch.ones(4, 5))


def test_without_weights_the_body_faces_the_camera_in_the_rest_pose(net: ShapeNet) -> None:
    torch.nn.init.zeros_(net.decode.weight)
    estimate = net(torch.randn(2, 3, 32, 32))
    torch.testing.assert_close(estimate.rotations[0, 0], torch.diag(torch.tensor([1.0, -1.0, -1.0])))
    torch.testing.assert_close(estimate.rotations[1, 1:], torch.eye(3).expand(4, 3, 3))
    assert (estimate.shape == 0).all()


def test_each_step_corrects_the_last(net: ShapeNet) -> None:
    """Three steps are three direct regressions, each from where the last one ended."""
    image = torch.randn(2, 3, 32, 32)
    wanted = net(image).camera
    net.iterations = 1
    first, estimate = net.first.clone(), None
    for _ in range(3):
        maps = net.encoder(image)
        features = torch.cat([one.mean((2, 3)) for one in maps], 1)
        given = first.expand(2, -1) if estimate is None else estimate
        estimate = given + net.decode(net.refine(torch.cat([features, given], 1)))
    assert estimate is not None
    torch.testing.assert_close(estimate[:, -3:], wanted)


def test_a_grid_tells_where_things_are(net: ShapeNet) -> None:
    """Averages over the whole image are the means of those over the cells of a grid."""
    fine = ShapeNet(net.encoder, 5, 3, width=16, grid=2, iterations=1).eval()
    seen: list[torch.Tensor] = []
    for one in (net, fine):
        one.iterations = 1
        one.refine[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        one(torch.arange(2.0 * 3 * 64 * 64).reshape(2, 3, 64, 64) / 1e4)
    channels = list(net.encoder.channels)
    whole, cells = seen[0][:, : sum(channels)], seen[1][:, : 4 * sum(channels)]
    parts = torch.cat([part.unflatten(1, (-1, 4)).mean(2) for part in cells.split([4 * n for n in channels], 1)], 1)
    torch.testing.assert_close(parts, whole, atol=1e-4, rtol=1e-4)


def test_the_camera_is_a_weak_perspective() -> None:
    estimate = BodyEstimate(torch.eye(3).expand(1, 1, 3, 3), torch.zeros(1, 1), torch.tensor([[0.5, 0.1, -0.2]]))
    points = torch.tensor([[[1.0, 2.0, 9.0], [0.0, 0.0, 0.0]]])
    torch.testing.assert_close(estimate.project(points), torch.tensor([[[0.6, 0.8], [0.1, -0.2]]]))
