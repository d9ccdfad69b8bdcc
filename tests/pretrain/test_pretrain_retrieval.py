"""Retrieval and dense correspondence: small cases by hand, a plain slow version, and degenerate batches."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from hcmoco_bench.data.batch import Batch
from hcmoco_bench.pretrain.multimodal.model import Embeddings
from hcmoco_bench.pretrain.retrieval import dense_error, measure_agreement, recall_at_1


def test_recall_by_hand() -> None:
    gallery = torch.eye(4)
    queries = gallery[[0, 1, 3, 2]]
    assert recall_at_1(queries, gallery) == 0.5
    assert recall_at_1(gallery, gallery) == 1


def test_recall_of_collapsed_embeddings_is_chance() -> None:
    same = functional.normalize(torch.ones(5, 3), dim=1)
    assert recall_at_1(same, same) == pytest.approx(1 / 5)
    two_places = functional.normalize(torch.eye(2), dim=1)[[0, 0, 1, 1]]
    assert recall_at_1(two_places, two_places) == pytest.approx(1 / 2)


def test_recall_needs_pairs() -> None:
    with pytest.raises(ValueError, match="must pair up"):
        recall_at_1(torch.zeros(0, 4), torch.zeros(0, 4))
    with pytest.raises(ValueError, match="must pair up"):
        recall_at_1(torch.eye(4), torch.eye(4)[:3])


def _place_codes(height: int, width: int) -> Tensor:
    """(1, C, h, w) features of length 1, different in every cell and most alike where cells are near."""
    codes = torch.eye(height * width).reshape(1, height * width, height, width)
    return functional.normalize(codes, dim=1)


def test_dense_error_of_the_same_maps_is_nothing_and_of_a_shift_its_length() -> None:
    codes = _place_codes(8, 10)
    person = torch.zeros(1, 32, 40, dtype=torch.bool)
    person[:, 8:24, 8:24] = True  # cells 2..5 in both axes
    same = dense_error(codes, codes, person)
    assert same.cells.tolist() == [16]
    assert same.everywhere.item() == 0
    assert same.on_person.item() == 0
    moved = codes.roll((2, 1), dims=(2, 3))
    assert dense_error(codes, moved, person).everywhere.item() == pytest.approx(math.hypot(2, 1))


def test_dense_error_is_that_of_a_plain_loop() -> None:
    generator = torch.Generator().manual_seed(2)
    rgb, depth = functional.normalize(torch.randn(2, 3, 6, 5, 7, generator=generator), dim=2)
    person = torch.rand(3, 20, 28, generator=generator) < 0.3
    person[1] = False
    found = dense_error(rgb, depth, person)
    expected = []
    for sample in (0, 2):
        cells = [(y, x) for y in range(5) for x in range(7) if person[sample, 4 * y, 4 * x]]
        everywhere = [(y, x) for y in range(5) for x in range(7)]
        line = [float(len(cells))]
        for candidates in (everywhere, cells):
            errors = []
            for y, x in cells:
                best = max(candidates, key=lambda at: float(depth[sample, :, at[0], at[1]] @ rgb[sample, :, y, x]))
                errors.append(math.dist((y, x), best))
            line.append(sum(errors) / len(errors))
        for candidates in (everywhere, cells):
            distances = [math.dist(a, b) for a in cells for b in candidates]
            line.append(sum(distances) / len(distances))
        expected.append(line)
    got = torch.stack(list(vars(found).values()), dim=1)
    torch.testing.assert_close(got, torch.tensor(expected, dtype=torch.float64), rtol=1e-5, atol=1e-5)


def test_dense_error_of_random_features_is_chance() -> None:
    generator = torch.Generator().manual_seed(0)
    rgb, depth = functional.normalize(torch.randn(2, 40, 16, 12, 12, generator=generator), dim=2)
    found = dense_error(rgb, depth, torch.ones(40, 48, 48, dtype=torch.bool))
    assert found.everywhere.mean().item() == pytest.approx(found.chance_everywhere.mean().item(), rel=0.05)


class _Echo(nn.Module):
    """Gives the embeddings it was made with, of the samples that a batch names by `index`."""

    def __init__(self, embeddings: Embeddings) -> None:
        super().__init__()
        self.embeddings = embeddings
        self.modes: list[bool] = []

    def forward(self, batch: Batch, *, dense: bool = True) -> Embeddings:
        self.modes.append(self.training)
        found = self.embeddings
        return Embeddings(
            {name: value[batch.index] for name, value in found.global_.items()},
            {name: value[batch.index] for name, value in found.maps.items()},
            found.keypoints[batch.index],
        )


def _batch(index: list[int], *, depth: list[bool]) -> Batch:
    n = len(index)
    here = torch.ones(n, dtype=torch.bool)
    return Batch(
        sample_ids=tuple(map(str, index)),
        sources=("ntu",) * n,
        index=torch.tensor(index),
        rgb=torch.zeros(n, 3, 32, 32, dtype=torch.uint8),
        depth=torch.ones(n, 1, 32, 32),
        foreground=torch.ones(n, 32, 32, dtype=torch.bool),
        parts=torch.zeros(n, 32, 32, dtype=torch.uint8),
        joints=torch.zeros(n, 16, 2),
        visible=torch.ones(n, 16, dtype=torch.bool),
        intrinsics=torch.ones(n, 4),
        has_rgb=here,
        has_depth=torch.tensor(depth),
        has_foreground=here,
        has_parts=~here,
        joints3d=torch.zeros(n, 16, 3),
        valid3d=torch.zeros(n, 16, dtype=torch.bool),
    )


def _echo() -> _Echo:
    places = functional.normalize(torch.randn(5, 4, generator=torch.Generator().manual_seed(1)), dim=1)
    codes = _place_codes(8, 8).expand(5, -1, -1, -1)
    return _Echo(
        Embeddings(
            {"rgb": places, "depth": places, "keypoints": places.flip(0)},
            {"rgb": codes, "depth": codes.roll(1, dims=3)},
            torch.zeros(5, 16, 4),
        )
    )


def test_agreement_over_batches_leaves_out_what_lacks_a_modality() -> None:
    model = _echo()
    model.train()
    found = measure_agreement(model, [_batch([0, 1, 2], depth=[True, True, False]), _batch([3, 4], depth=[True, True])])
    assert found.n_samples == 4
    assert found.chance == 1 / 4
    assert found.recall_at_1 == {"rgb->depth": 1.0, "depth->keypoints": 0.0}
    assert found.n_cells == 4 * 64
    # a column further in all cells but those of the last column, which wrap to the first
    assert found.dense_error == pytest.approx((7 * 1 + 7) / 8)
    assert model.modes == [False, False]
    assert model.training, "left in the mode it had"


def test_agreement_without_people_or_without_any_whole_sample() -> None:
    nobody = replace(_batch([0, 1], depth=[True, True]), foreground=torch.zeros(2, 32, 32, dtype=torch.bool))
    found = measure_agreement(_echo(), [nobody])
    assert found.n_samples == 2
    assert math.isnan(found.dense_error)
    with pytest.raises(ValueError, match="nothing can be retrieved"):
        measure_agreement(_echo(), [_batch([0, 1], depth=[False, False])])
    with pytest.raises(ValueError, match="nothing can be retrieved"):
        measure_agreement(_echo(), [])
