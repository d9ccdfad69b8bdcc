"""The A2J network: shapes, the order of its channels, and that it can learn where something is."""

from __future__ import annotations

import pytest
import torch

from hcmoco_bench.errors import UsageError
from hcmoco_bench.losses.a2j import a2j_loss
from hcmoco_bench.models.a2j import A2J, concatenate_maps
from hcmoco_bench.models.encoders import create_encoder


@pytest.fixture(scope="module")
def model() -> A2J:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return A2J(create_encoder("hrnet_w18_small"), 2, width=16)


def test_shapes(model: A2J) -> None:
    heads = model.heads(torch.zeros(1, 3, 64, 96))
    assert heads.logits.shape == heads.depths.shape == (1, 9, 2, 16, 24)
    assert heads.offsets.shape == (1, 9, 2, 2, 16, 24)
    votes = model(torch.zeros(1, 3, 64, 96))
    assert votes.anchors.shape == votes.places.shape == (1, 2, 2)
    assert votes.depths.shape == (1, 2)
    # nothing is known yet: the anchors' mean is near the middle
    torch.testing.assert_close(votes.anchors[0], torch.tensor([[48.0, 32.0]] * 2), rtol=0, atol=12.0)


def test_published_size() -> None:
    model = A2J(create_encoder("hrnet_w18"), 15)
    assert [layer.out_channels for layer in model.offset_head if isinstance(layer, torch.nn.Conv2d)] == [256] * 4 + [
        270
    ]
    assert model.depth_head[0].in_channels == 270


def test_maps_are_put_together() -> None:
    fine, coarse = torch.rand(1, 2, 8, 8), torch.full((1, 3, 4, 4), 2.0)
    together = concatenate_maps([fine, coarse])
    torch.testing.assert_close(together[:, :2], fine)
    assert (together[:, 2:] == 2).all()


def test_it_finds_a_spot(model: A2J) -> None:
    """Two joints that are a bright spot and its mirror image, at depths that its brightness tells."""
    generator = torch.Generator().manual_seed(0)
    xy = torch.randint(8, 56, (48, 2), generator=generator).float()
    bright = torch.rand(48, generator=generator) + 0.5
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    far = (columns - xy[:, 0, None, None]) ** 2 + (rows - xy[:, 1, None, None]) ** 2
    images = (bright[:, None, None] * torch.exp(-far / 18))[:, None].repeat(1, 3, 1, 1)
    mirrored = torch.stack([63 - xy[:, 0], xy[:, 1]], dim=1)
    target = torch.cat([torch.stack([xy, mirrored], 1), 10 * bright[:, None, None].expand(-1, 2, 1)], dim=2)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    model.train()
    for step in range(30):
        rows_of = torch.arange(16) + 16 * (step % 3)
        votes = model(images[rows_of])
        loss = a2j_loss(votes.anchors, votes.places, votes.depths, target[rows_of]).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    error = (votes.places - target[rows_of][..., :2]).norm(dim=-1).mean()
    by_chance = (target[..., :2].mean(0) - target[..., :2]).norm(dim=-1).mean()
    assert float(error.detach()) < 0.5 * float(by_chance)


def test_a_backbone_without_stride_four() -> None:
    encoder = create_encoder("hrnet_w18_small")
    encoder.strides = (8, 16, 32)
    with pytest.raises(UsageError, match="stride 4"):
        A2J(encoder, 15)
