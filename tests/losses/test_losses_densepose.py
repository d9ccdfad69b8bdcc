"""DensePose's losses against loops over points and cells, and where nothing is annotated."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from hcmoco_bench.losses.densepose import (
    IGNORED,
    ChartPoints,
    ChartWeights,
    densepose_losses,
    resample_segmentation,
)

REGIONS, SIDE, PARTS = 3, 8, 25


def make_charts(coarse: int = 2, seed: int = 0) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(
        torch.randn(REGIONS, channels, SIDE, SIDE, generator=generator, dtype=torch.float64).requires_grad_()
        for channels in (coarse, PARTS, PARTS, PARTS)
    )


def make_points(n: int = 40, seed: int = 1) -> ChartPoints:
    generator = torch.Generator().manual_seed(seed)
    return ChartPoints(
        region=torch.randint(REGIONS, (n,), generator=generator),
        xy=torch.rand(n, 2, generator=generator, dtype=torch.float64) * 1.2 - 0.1,  # some are outside
        part=torch.randint(1, PARTS, (n,), generator=generator),
        uv=torch.rand(n, 2, generator=generator, dtype=torch.float64) * 3,  # errors on both sides of the bend at 1
    )


def value_at(chart: np.ndarray, x: float, y: float) -> float:
    """Bilinear between cell centers; at the border the value of the outermost cells."""
    column, row = (min(max(place * SIDE - 0.5, 0), SIDE - 1) for place in (x, y))
    total = 0.0
    for i in range(SIDE):
        for j in range(SIDE):
            total += max(0, 1 - abs(row - i)) * max(0, 1 - abs(column - j)) * chart[i, j]
    return total


def slow_losses(charts: tuple[Tensor, ...], points: ChartPoints, segmentation: Tensor) -> dict[str, float]:
    coarse, fine, u, v = (values.detach().numpy() for values in charts)
    sums, entropies = {"u": 0.0, "v": 0.0}, []
    for region, (x, y), part, uv in zip(points.region, points.xy, points.part, points.uv, strict=True):
        if not (0 <= x < 1 and 0 <= y < 1):
            continue
        for name, chart, truth in (("u", u, uv[0]), ("v", v, uv[1])):
            error = abs(value_at(chart[region, part], float(x), float(y)) - float(truth))
            sums[name] += 0.5 * error**2 if error < 1 else error - 0.5
        scores = np.array([value_at(channel, float(x), float(y)) for channel in fine[region]])
        entropies.append(np.log(np.exp(scores).sum()) - scores[part])
    cells = []
    for region in range(REGIONS):
        for i in range(SIDE):
            for j in range(SIDE):
                truth = int(segmentation[region, i, j])
                if truth == IGNORED:
                    continue
                scores = coarse[region, :, i, j]
                truth = min(truth, 1) if len(scores) == 2 else truth
                cells.append(np.log(np.exp(scores).sum()) - scores[truth])
    return {
        "u": 0.01 * sums["u"],
        "v": 0.01 * sums["v"],
        "part": float(np.mean(entropies)),
        "coarse": 5 * float(np.mean(cells)),
    }


@pytest.mark.parametrize("coarse", [2, 15])
def test_equal_to_loops(coarse: int) -> None:
    charts, points = make_charts(coarse), make_points()
    segmentation = torch.randint(-1, 15, (REGIONS, SIDE, SIDE), generator=torch.Generator().manual_seed(3))
    losses = densepose_losses(*charts, points, segmentation)
    expected = slow_losses(charts, points, segmentation)
    assert {name: float(getattr(losses, name).detach()) for name in expected} == pytest.approx(expected, rel=1e-9)
    assert float(losses.total.detach()) == pytest.approx(sum(expected.values()), rel=1e-9)
    assert 0 < losses.points < len(points.part)
    assert losses.cells == int((segmentation != IGNORED).sum())


def test_gradients_are_those_of_finite_differences() -> None:
    charts, points = make_charts(), make_points(6)
    segmentation = torch.ones(REGIONS, SIDE, SIDE, dtype=torch.int64)

    def total(*values: Tensor) -> Tensor:
        return densepose_losses(*values, points, segmentation).total

    assert torch.autograd.gradcheck(total, charts, fast_mode=True)


def test_coordinates_teach_the_true_part_at_the_point_alone() -> None:
    charts = make_charts()
    place = torch.tensor([[0.5 / SIDE, 1.5 / SIDE]], dtype=torch.float64)
    points = ChartPoints(torch.tensor([1]), place, torch.tensor([7]), torch.full_like(place, 9.0))
    losses = densepose_losses(*charts, points, torch.full((REGIONS, SIDE, SIDE), IGNORED))
    losses.u.backward()
    gradient = charts[2].grad
    assert gradient is not None
    assert torch.nonzero(gradient).tolist() == [[1, 7, 1, 0]]


@pytest.mark.parametrize("regions", [0, 2])
def test_without_annotations_the_loss_is_zero_and_has_gradients(regions: int) -> None:
    charts = tuple(torch.randn(regions, c, SIDE, SIDE, requires_grad=True) for c in (2, PARTS, PARTS, PARTS))
    empty = ChartPoints(
        torch.zeros(0, dtype=torch.int64), torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64), torch.zeros(0, 2)
    )
    losses = densepose_losses(*charts, empty, torch.full((regions, SIDE, SIDE), IGNORED))
    losses.total.backward()
    assert float(losses.total.detach()) == 0
    assert (losses.points, losses.cells) == (0, 0)
    assert all(chart.grad is not None and not chart.grad.any() for chart in charts)


def test_weights_scale_their_terms() -> None:
    charts, points = make_charts(), make_points()
    segmentation = torch.ones(REGIONS, SIDE, SIDE, dtype=torch.int64)
    one = densepose_losses(*charts, points, segmentation)
    other = densepose_losses(*charts, points, segmentation, ChartWeights(coordinates=0.02, part=3.0, coarse=0.0))
    assert float(other.u.detach()) == pytest.approx(2 * float(one.u.detach()))
    assert float(other.part.detach()) == pytest.approx(3 * float(one.part.detach()))
    assert float(other.coarse.detach()) == 0


def test_segmentation_is_resampled_cell_by_cell() -> None:
    segmentation = torch.randint(0, 15, (2, 16, 16), generator=torch.Generator().manual_seed(0))
    own = torch.tensor([[10.0, 20.0, 42.0, 52.0], [0.0, 0.0, 7.0, 30.0]])
    boxes = torch.tensor([[5.0, 25.0, 40.0, 70.0], [1.0, -3.0, 9.0, 20.0]])
    found = resample_segmentation(segmentation, torch.tensor([1, 0]), own, boxes, 6)
    for row in range(2):
        for i in range(6):
            for j in range(6):
                x = boxes[row, 0] + (j + 0.5) / 6 * (boxes[row, 2] - boxes[row, 0])
                y = boxes[row, 1] + (i + 0.5) / 6 * (boxes[row, 3] - boxes[row, 1])
                column = int(((x - own[row, 0]) / (own[row, 2] - own[row, 0]) * 16).floor())
                line = int(((y - own[row, 1]) / (own[row, 3] - own[row, 1]) * 16).floor())
                expected = int(segmentation[1 - row, line, column]) if 0 <= column < 16 and 0 <= line < 16 else 0
                assert int(found[row, i, j]) == expected


def test_a_region_equal_to_the_persons_box_takes_its_segmentation_over() -> None:
    segmentation = torch.randint(0, 15, (1, 8, 8), generator=torch.Generator().manual_seed(0))
    box = torch.tensor([[3.0, 4.0, 50.0, 90.0]])
    assert torch.equal(resample_segmentation(segmentation, torch.tensor([0]), box, box, 8), segmentation)
