"""The DensePose R-CNN as a whole: shapes, who is learned from, empty images, numbers that are not finite."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from torchvision.ops import box_iou

from hcmoco_bench.errors import DataError
from hcmoco_bench.models.densepose.rcnn import DensePoseRCNN, Detections, TrainingOutput
from hcmoco_bench.models.densepose.settings import RCNNSettings
from hcmoco_bench.models.encoders import create_encoder

SMALL = RCNNSettings(
    width=16,
    levels=4,
    pooling="average",
    box_width=32,
    decoder_width=8,
    convolutions=1,
    head_width=16,
    pooled=7,
    proposals_before=(100, 60),
    proposals_after=(60, 40),
    anchors_per_picture=32,
    boxes_per_picture=32,
)
PEOPLE = [torch.tensor([[10.0, 10, 60, 110], [50, 20, 140, 118]]), torch.zeros(0, 4)]
ANNOTATED = [torch.tensor([False, True]), torch.zeros(0, dtype=torch.bool)]
SIZES = [(120, 150), (100, 140)]


@pytest.fixture(scope="module")
def model() -> DensePoseRCNN:
    torch.manual_seed(0)
    return DensePoseRCNN(create_encoder("hrnet_w18_small"), SMALL)


@pytest.fixture
def images() -> Iterator[torch.Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield torch.randn(2, 3, 120, 150)


def test_training_learns_from_boxes_that_lie_on_annotated_people(model: DensePoseRCNN, images: torch.Tensor) -> None:
    output = model.train()(images, SIZES, PEOPLE, ANNOTATED)
    assert isinstance(output, TrainingOutput)
    assert set(output.losses) == {"objectness", "proposal_box", "class", "box"}
    assert all(loss.isfinite() and loss.ndim == 0 for loss in output.losses.values())
    assert len(output.charts) == len(output.boxes) == len(output.image) == len(output.person) > 0
    assert set(output.image.tolist()) == {0}  # nobody is in the second image
    assert set(output.person.tolist()) == {1}  # nor has the first person an annotation
    assert (box_iou(output.boxes, PEOPLE[0][1:]) >= SMALL.foreground).all()
    (sum(output.losses.values()) + output.charts.u.mean()).backward()
    missing = [name for name, value in model.named_parameters() if value.grad is None]
    # an image's deepest stage that no map is taken from; the other charts are not in this loss
    assert all(name.startswith(("densepose.", "encoder.")) for name in missing)
    model.zero_grad()


def test_images_without_people_train_the_detector_and_give_the_head_no_regions(
    model: DensePoseRCNN, images: torch.Tensor
) -> None:
    nobody = [torch.zeros(0, 4)] * 2
    output = model.train()(images, SIZES, nobody, [torch.zeros(0, dtype=torch.bool)] * 2)
    assert len(output.charts) == 0
    assert float(output.losses["box"].detach()) == 0
    assert float(output.losses["objectness"].detach()) > 0
    output.charts.fine.sum().backward()
    model.zero_grad()


def test_detections_are_sorted_inside_of_their_image_and_charted_as_far_as_asked(
    model: DensePoseRCNN, images: torch.Tensor
) -> None:
    with torch.no_grad():
        found = model.eval()(images, SIZES, charted=2)
    assert [type(each) for each in found] == [Detections, Detections]
    for each, (height, width) in zip(found, SIZES, strict=True):
        assert each.finite
        assert each.boxes.shape == (len(each.scores), 4)
        assert len(each.charts) == min(2, len(each.boxes))
        assert (each.scores.diff() <= 0).all()
        assert (each.boxes[:, 0::2] <= width).all()
        assert (each.boxes[:, 1::2] <= height).all()


def test_a_image_is_detected_alike_alone_and_in_a_batch(model: DensePoseRCNN, images: torch.Tensor) -> None:
    with torch.no_grad():
        together = model.eval()(images, [(120, 150)] * 2)
        alone = model(images[1:], [(120, 150)])
    torch.testing.assert_close(together[1].boxes, alone[0].boxes, rtol=1e-3, atol=1e-2)
    torch.testing.assert_close(together[1].charts.u, alone[0].charts.u, rtol=1e-3, atol=1e-3)


def test_nothing_is_found_without_confidence(images: torch.Tensor) -> None:
    torch.manual_seed(0)
    shy = DensePoseRCNN(create_encoder("hrnet_w18_small"), SMALL).eval()
    torch.nn.init.constant_(shy.people.box_predictor.scores.bias, 0.0)
    shy.people.box_predictor.scores.bias.data[1] = -50.0
    with torch.no_grad():
        found = shy(images, SIZES)
    assert [len(each.boxes) for each in found] == [0, 0]
    assert [len(each.charts) for each in found] == [0, 0]


def test_numbers_that_are_not_finite_are_noticed(images: torch.Tensor) -> None:
    torch.manual_seed(0)
    broken = DensePoseRCNN(create_encoder("hrnet_w18_small"), SMALL).eval()
    broken.densepose.u.bias.data[3] = float("nan")
    with torch.no_grad():
        assert [each.finite for each in broken(images, SIZES)] == [False, False]
        broken.people.box_predictor.scores.bias.data[:] = float("nan")
        assert [each.finite for each in broken(images, SIZES)] == [False, False]
    images[1, 0, 5, 5] = float("nan")
    torch.nn.init.zeros_(broken.people.box_predictor.scores.bias)
    torch.nn.init.zeros_(broken.densepose.u.bias)
    with torch.no_grad():
        assert [each.finite for each in broken(images, SIZES)] == [True, False]


def test_another_backbone_and_the_pyramid_without_decoder() -> None:
    options = SMALL.replace(decoder=False, levels=5, pooling="learned", coarse_channels=15)
    torch.manual_seed(0)
    model = DensePoseRCNN(create_encoder("resnet18"), options).train()
    output = model(torch.randn(1, 3, 96, 128), [(96, 128)], PEOPLE[:1], ANNOTATED[:1])
    assert output.charts.coarse.shape[1:] == (15, 28, 28)
    assert "decoder" not in {name.partition(".")[0] for name, _ in model.named_parameters()}


@pytest.fixture(scope="module")
def finder() -> DensePoseRCNN:
    """Finds people wherever there is a cell: every anchor is as good as any other, and no box is corrected."""
    torch.manual_seed(0)
    many = {"proposals_before": (4000, 4000), "proposals_after": (4000, 4000)}
    options = SMALL.replace(pooling="learned", smallest_score=0.0, suppression=0.9, **many)
    model = DensePoseRCNN(create_encoder("hrnet_w18_small", fusion="nearest"), options).eval()
    model.people.detections_per_img = 4000
    for layer in (model.proposals.head.objectness, model.proposals.head.deltas, model.people.box_predictor.deltas):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    return model


def searched_cells(side: int, levels: int) -> int:
    """Cells of stride 4 that detectron2's HRFPN has of an image's side: rounded up in HRNet, cut and rounded down here.

    Each branch of HRNet has half the cells of the one before, rounded up; a transposed convolution of kernel 4 and
    stride s makes (n - 1) s + 4 of n; the shortest counts, and of it whole cells of the coarsest level.
    """
    branch, lengths = math.ceil(math.ceil(side / 2) / 2), []
    for number in range(4):
        lengths.append((branch - 1) * 2**number + 4)
        branch = math.ceil(branch / 2)
    return min(lengths) // 2 ** (levels - 1) * 2 ** (levels - 1)


@pytest.mark.parametrize("size", [(96, 160), (101, 150), (127, 97), (130, 131)])
def test_without_padding_the_cells_are_those_of_detectron2(finder: DensePoseRCNN, size: tuple[int, int]) -> None:
    seen: list[torch.Tensor] = []
    handle = finder.neck.register_forward_hook(lambda module, given, pyramid: seen.extend(pyramid.values()))
    with torch.no_grad():
        finder(torch.zeros(1, 3, *size), [size], charted=0, padded=False)
        finder(torch.zeros(1, 3, *size), [size], charted=0)
    handle.remove()
    levels = len(finder.neck.strides)
    alone, padded = seen[:levels], seen[levels:]
    for number, (level, more) in enumerate(zip(alone, padded, strict=True)):
        assert level.shape[-2:] == tuple(searched_cells(side, levels) // 2**number for side in size)
        assert level.shape[2] * finder.neck.strides[number] < size[0]
        assert more.shape[2] * finder.neck.strides[number] >= size[0]
        assert more.shape[3] * finder.neck.strides[number] >= size[1]


def test_without_padding_people_at_the_right_and_lower_border_are_lost(finder: DensePoseRCNN) -> None:
    height, width = 96, 160
    images = torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    searched = [4 * searched_cells(side, len(finder.neck.strides)) for side in (height, width)]
    people = torch.tensor(
        [[width - 30.0, 30, width, 60], [30, height - 30.0, 60, height], [40, 30, 70, 60]]  # right, below, inside
    )
    with torch.no_grad():
        overlaps = [
            box_iou(people, finder(images, [(height, width)], charted=0, padded=padded)[0].boxes).max(dim=1).values
            for padded in (False, True)
        ]
    assert searched == [height - 32, width - 32]
    assert (overlaps[1] > 0.5).all()
    assert (overlaps[0] > 0.5).tolist() == [False, False, True]


def test_without_padding_images_of_a_batch_do_not_change_each_other(finder: DensePoseRCNN) -> None:
    images = torch.randn(2, 3, 120, 150, generator=torch.Generator().manual_seed(0))
    sizes = [(120, 150), (97, 131)]
    with torch.no_grad():
        together = finder(images, sizes, charted=1, padded=False)
        for number, (height, width) in enumerate(sizes):
            image = images[number : number + 1, :, :height, :width]
            (alone,) = finder(image, [(height, width)], charted=1, padded=False)
            assert torch.equal(together[number].boxes, alone.boxes)
            assert torch.equal(together[number].charts.u, alone.charts.u)


def test_an_image_without_a_cell_is_an_error_unless_it_is_padded(finder: DensePoseRCNN) -> None:
    with torch.no_grad():
        assert finder(torch.zeros(1, 3, 12, 150), [(12, 150)], charted=0)[0].finite
        with pytest.raises(DataError, match="too small for 4 levels") as caught:
            finder(torch.zeros(1, 3, 12, 150), [(12, 150)], charted=0, padded=False)
    assert caught.value.kind == "image_too_small"


def test_training_without_padding_learns_from_the_cells_that_there_are(finder: DensePoseRCNN) -> None:
    seen: list[torch.Tensor] = []
    handle = finder.neck.register_forward_hook(lambda module, given, pyramid: seen.append(pyramid["p1"]))
    torch.manual_seed(0)
    output = finder.train()(torch.randn(2, 3, 120, 150), SIZES, PEOPLE, ANNOTATED, padded=False)
    handle.remove()
    finder.eval()
    assert all(loss.isfinite() for loss in output.losses.values())
    assert seen[0].shape[-2:] == tuple(searched_cells(side, 4) for side in (120, 150))
