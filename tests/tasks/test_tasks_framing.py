"""What fills the input in scoring: the square around tracked joints, and the frame stretched to a square."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hcmoco_bench.data.crops import box_around, whole_person, whole_person_region
from hcmoco_bench.data.framing import Region, region_crop
from hcmoco_bench.data.ntu_index import read_index
from hcmoco_bench.data.ntu_store import tracked_region
from hcmoco_bench.data.parsing import ParsingDataset
from hcmoco_bench.errors import UsageError
from hcmoco_bench.store.registry import open_store
from hcmoco_bench.tasks.core.evaluate import evaluate_model
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings, scoring_settings
from hcmoco_bench.tasks.core.registry import get_task

CPU = torch.device("cpu")
WIDTH, HEIGHT = 512, 424


def joints_at(*points: tuple[float, float]) -> tuple[Any, Any]:
    """25 joints of which only the given ones are known; the others lie far off."""
    joints, tracking = np.full((25, 2), 1e6, np.float32), np.zeros(25, np.uint8)
    for place, point in enumerate(points):
        joints[place], tracking[place] = point, 2
    return joints, tracking


def test_the_region_is_the_square_of_the_training_crops() -> None:
    joints, tracking = joints_at((100, 50), (180, 254), (140, 120))
    tracking[2] = 1  # inferred joints count, too
    region = tracked_region(joints, tracking)
    assert region == Region(13, 25, 255, 255)  # 204 px with a margin of an eighth on each side
    crop = whole_person(np.array([100.0, 50.0, 180.0, 254.0]), 64)
    np.testing.assert_allclose(region_crop(region, 64).matrix, crop.matrix, atol=1e-9)


@pytest.mark.parametrize("corner", [(0.0, 0.0), (WIDTH - 1.0, HEIGHT - 1.0), (-500.0, 9000.0)])
def test_a_person_at_the_border_has_a_region_that_meets_the_image(corner: tuple[float, float]) -> None:
    region = tracked_region(*joints_at(corner))
    assert region == whole_person_region(box_around(np.array([corner]), WIDTH, HEIGHT))
    assert region.width == region.height > 0
    assert region.left < WIDTH
    assert region.top < HEIGHT
    assert region.left + region.width > 0
    assert region.top + region.height > 0


def test_without_a_tracked_body_the_whole_frame_is_scored() -> None:
    assert tracked_region(*joints_at()) == Region(0, 0, WIDTH, WIDTH)


class _Head(nn.Module):
    """Predicts the class 1 everywhere."""

    def forward(self, image: Tensor, intrinsics: Tensor | None) -> Tensor:
        scores = torch.zeros(len(image), 25, *image.shape[2:])
        scores[:, 1] = 1
        return scores


@pytest.mark.parametrize("framing", ["joints", "frame"])
def test_outside_the_square_of_the_joints_background_is_scored(
    framing: str, parsing_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = get_task("cross_modality")
    given = {"backbone": "test_resnet", "init": "scratch", "image_size": 64, "stores": (str(parsing_store),)}
    config = make_finetune_settings("cross_modality", given | {"framing": framing})
    data = task.open_data(config, "test", train=False)
    sample = data.dataset[0]
    assert sample.label.shape == (HEIGHT, WIDTH)
    image = sample.rgb if sample.depth is None else sample.depth
    assert image.shape[-1] == (64 if framing == "joints" else 96)
    monkeypatch.setattr(task, "scored_network", lambda model, config: model)
    evidence = evaluate_model(task, _Head(), data, config, CPU).evidence
    index = read_index(open_store(parsing_store), "test")
    rows = {name: row for row, name in enumerate(index.ids.tolist())}
    areas = []
    for name in evidence.sample_ids:
        region = tracked_region(index.joints[rows[name]], index.tracking[rows[name]])
        if framing == "frame":
            region = Region(0, 0, WIDTH, WIDTH)
        across = min(WIDTH, region.left + region.width) - max(0, region.left)
        down = min(HEIGHT, region.top + region.height) - max(0, region.top)
        areas.append(across * down)
    predicted = evidence.columns["prediction"]
    np.testing.assert_array_equal(predicted[:, 1], areas)
    np.testing.assert_array_equal(predicted[:, 0], WIDTH * HEIGHT - np.array(areas))
    assert framing == "frame" or max(areas) < WIDTH * HEIGHT


def test_scoring_may_frame_in_another_way_than_the_run_and_says_so() -> None:
    task = get_task("missing_modality")
    given = {"backbone": "test_resnet", "init": "scratch", "image_size": 64, "stores": ("nowhere",)}
    trained = make_finetune_settings("missing_modality", given)
    config = scoring_settings(task, trained, {"framing": "joints"})
    told = "the square around the joints that the sensor tracked fills the input"
    assert told in task.notes(config)
    assert told not in task.notes(trained)
    assert told not in task.notes(config, own=False)  # nobody knows what another program has framed
    with pytest.raises(UsageError, match="framing"):
        make_finetune_settings("missing_modality", given | {"framing": "person"})


@pytest.mark.parametrize("task_id", ["depth_parsing", "rgb_parsing"])
def test_stretched_changes_the_input_and_not_the_labels(task_id: str, small: dict[str, Any]) -> None:
    task = get_task(task_id)
    found = {}
    for protocol in ("native", "stretched"):
        config = make_finetune_settings(task_id, small | {"protocol": protocol})
        data = task.open_data(config, "test", train=False)
        assert isinstance(data.dataset, ParsingDataset)
        found[protocol] = data.dataset[0]
    assert found["stretched"].region == (0, 0, WIDTH, HEIGHT)
    assert found["native"].region == (0, 0, WIDTH, WIDTH)
    assert torch.equal(found["stretched"].label, found["native"].label)
    assert found["stretched"].label.shape == (HEIGHT, WIDTH)
    assert task.record.protocol("stretched").leaks == task.record.protocol("native").leaks
    with pytest.raises(UsageError, match="framing=person goes with depth and a protocol"):
        task.check(make_finetune_settings(task_id, small | {"protocol": "stretched", "framing": "person"}))
