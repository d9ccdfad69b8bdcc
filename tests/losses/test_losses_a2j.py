"""A2J: values and gradients of the published loss, and the closed-form gradient of the votes."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from hcmoco_bench.errors import UsageError
from hcmoco_bench.losses.a2j import a2j_loss
from hcmoco_bench.models.anchor_votes import ANCHOR_OFFSETS, AnchorHeads, count_votes

ANCHORS = len(ANCHOR_OFFSETS) ** 2


def random_heads(seed: int = 0, batch: int = 2, joints: int = 3, height: int = 4, width: int = 5) -> AnchorHeads:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()

    return AnchorHeads(
        draw(batch, ANCHORS, joints, height, width),
        draw(batch, ANCHORS, joints, 2, height, width),
        draw(batch, ANCHORS, joints, height, width),
    )


def places_of_anchors(height: int, width: int, stride: int) -> Tensor:
    """(A, h, w, 2), written out."""
    return torch.tensor(
        [
            [[[x * stride + right, y * stride + down] for x in range(width)] for y in range(height)]
            for down in ANCHOR_OFFSETS
            for right in ANCHOR_OFFSETS
        ],
        dtype=torch.float64,
    )


@pytest.mark.oracle
def test_equals_the_published_loss_in_values_and_gradients(oracle: Path) -> None:
    with np.load(oracle / "a2j.npz", allow_pickle=False) as arrays:
        known = {name: torch.tensor(arrays[name]) for name in arrays.files}
    stride = int(known["stride"])
    height, width = int(known["crop_height"]) // stride, int(known["crop_width"]) // stride
    assert known["anchor_offsets"].tolist() == list(ANCHOR_OFFSETS)

    def as_maps(values: Tensor) -> Tensor:
        """Published order: columns of cells, rows of cells, anchors; to (B, A, J, [2], h, w)."""
        cells = values.unflatten(1, (width, height, ANCHORS))
        maps = cells.permute(0, 3, 4, 2, 1) if values.dim() == 3 else cells.flip(-1).permute(0, 3, 4, 5, 2, 1)
        return maps.contiguous()

    published = known["anchors_yx"].flip(-1).unflatten(0, (width, height, ANCHORS)).permute(2, 1, 0, 3)
    torch.testing.assert_close(places_of_anchors(height, width, stride), published.double())
    leaves = [as_maps(known[name]).requires_grad_() for name in ("anchor_logits", "offset_regression")]
    leaves.append(as_maps(known["depth_regression"]).requires_grad_())
    votes = count_votes(AnchorHeads(*leaves), stride=stride)
    keypoints = known["keypoints_yxd"]
    torch.testing.assert_close(votes.places, keypoints[..., :2].flip(-1), rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(votes.depths, keypoints[..., 2], rtol=1e-5, atol=1e-4)
    target = torch.cat([known["target_yxd"][..., :2].flip(-1), known["target_yxd"][..., 2:]], dim=-1)
    loss = a2j_loss(votes.anchors, votes.places, votes.depths, target)
    assert float(loss.anchors.detach()) == pytest.approx(float(known["anchor_loss"]), rel=1e-5)
    assert float(loss.regression.detach()) == pytest.approx(float(known["regression_loss"]), rel=1e-5)
    loss.total.backward()
    for leaf, name in zip(leaves, ("grad_logits", "grad_offset", "grad_depth"), strict=True):
        expected = as_maps(known[name])
        torch.testing.assert_close(leaf.grad, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


def test_votes_are_the_weighted_means_and_their_gradient_is_exact() -> None:
    heads = random_heads()
    votes = count_votes(heads, stride=4)
    weights = torch.softmax(heads.logits.movedim(2, 1).flatten(2), dim=-1).unflatten(2, (ANCHORS, 4, 5)).movedim(1, 2)
    anchors = places_of_anchors(4, 5, 4)
    expected = torch.einsum("bajhw,ahwc->bjc", weights, anchors)
    torch.testing.assert_close(votes.anchors, expected)
    torch.testing.assert_close(votes.places, expected + torch.einsum("bajhw,bajchw->bjc", weights, heads.offsets))
    torch.testing.assert_close(votes.depths, torch.einsum("bajhw,bajhw->bj", weights, heads.depths))

    def flat(*maps: Tensor) -> Tensor:
        found = count_votes(AnchorHeads(*maps), stride=4)
        return torch.cat([found.anchors.flatten(), found.places.flatten(), found.depths.flatten()])

    assert torch.autograd.gradcheck(flat, (heads.logits, heads.offsets, heads.depths))


def test_one_anchor_that_is_sure_decides() -> None:
    heads = random_heads(batch=1, joints=1)
    logits = torch.full_like(heads.logits, -1e4)
    logits[0, 5, 0, 2, 3] = 1e4  # large logits do not overflow
    votes = count_votes(AnchorHeads(logits, heads.offsets, heads.depths), stride=4)
    # anchor 5 of 9 is the second row's last: 2 px down, 3 px right of the cell
    assert votes.anchors[0, 0].tolist() == [3 * 4 + 3, 2 * 4 + 2]
    torch.testing.assert_close(votes.places[0, 0] - votes.anchors[0, 0], heads.offsets[0, 5, 0, :, 2, 3])
    assert float(votes.depths.detach()) == pytest.approx(float(heads.depths.detach()[0, 5, 0, 2, 3]))


def test_half_precision_is_counted_in_single() -> None:
    heads = random_heads()
    half = AnchorHeads(heads.logits.bfloat16(), heads.offsets.bfloat16(), heads.depths.bfloat16())
    votes = count_votes(half, stride=4)
    assert votes.places.dtype == torch.float32
    torch.testing.assert_close(votes.places, count_votes(heads, stride=4).places.float(), rtol=0.05, atol=0.1)


def test_the_benchmark_compares_the_same_loss() -> None:
    benchmark = runpy.run_path(str(Path(__file__).resolve().parents[2] / "benchmarks" / "a2j.py"))
    generator = torch.Generator().manual_seed(0)
    maps = tuple(torch.randn(2, ANCHORS * channels, 6, 6, generator=generator) for channels in (3, 6, 3))
    target = 24 * torch.rand(2, 3, 3, generator=generator)
    _, plain, expected = benchmark["measure"](benchmark["loop"], benchmark["joints_last"](maps, 3), target, 1)
    _, ours, found = benchmark["measure"](benchmark["ours"], maps, target, 1)
    assert ours == pytest.approx(plain, rel=1e-5)
    for one, other in zip(benchmark["joints_last"](found, 3), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_loss_by_hand() -> None:
    target = torch.tensor([[[10.0, 20.0, 5.0]]])
    # anchors off by (0.5, 3), places by (2, 0), depth by 2 (within the beta of 3)
    loss = a2j_loss(torch.tensor([[[10.5, 23.0]]]), torch.tensor([[[12.0, 20.0]]]), torch.tensor([[7.0]]), target)
    assert float(loss.anchors) == pytest.approx((0.125 + 2.5) / 2)
    assert float(loss.regression) == pytest.approx(0.5 * (1.5 + 0) / 2 + 0.5 * 4 / 3)
    assert float(loss.total) == pytest.approx(float(loss.anchors) + 3 * float(loss.regression))
    assert float(a2j_loss(target[..., :2], target[..., :2], target[..., 2], target).total) == 0


def test_heads_that_do_not_belong_together() -> None:
    heads = random_heads()
    with pytest.raises(UsageError, match="do not belong together"):
        count_votes(AnchorHeads(heads.logits, heads.offsets[:, :, :1], heads.depths), stride=4)
    with pytest.raises(UsageError, match="do not belong together"):
        count_votes(AnchorHeads(heads.logits[:, :4], heads.offsets[:, :4], heads.depths[:, :4]), stride=4)
