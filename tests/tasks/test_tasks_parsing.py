"""Parsing: the loss by hand, protocols, points, bad input, and predictions of other programs."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from neighbor_offsets import clouds_of, neighbor_offsets
from torch import Tensor, nn
from typer.testing import CliRunner

from hcmoco_bench.body import part_table
from hcmoco_bench.cli.app import app
from hcmoco_bench.data.framing import Region, region_crop
from hcmoco_bench.data.parsing import ParsingDataset, collate_parsing
from hcmoco_bench.errors import DataError, LabelError, UsageError
from hcmoco_bench.models.encoders import create_encoder
from hcmoco_bench.models.pointnet import Level, PointNetEncoder
from hcmoco_bench.models.segmentation import SegmentationNet
from hcmoco_bench.results import read_result
from hcmoco_bench.tasks.core.checkpoints import load_task_checkpoint
from hcmoco_bench.tasks.core.evaluate import evaluate_model
from hcmoco_bench.tasks.core.finetune import run_finetune
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings
from hcmoco_bench.tasks.core.registry import get_task
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.core.task_data import TaskData
from hcmoco_bench.tasks.parsing.label_images import LabelImages
from hcmoco_bench.tasks.parsing.objective import network_input, pixel_loss
from hcmoco_bench.tasks.parsing.prediction import class_scores, whole_prediction
from hcmoco_bench.tasks.parsing.protocols import NATIVE, PUBLISHED

TASK, RGB = get_task("depth_parsing"), get_task("rgb_parsing")
CPU = torch.device("cpu")


def parsing_data(data: TaskData) -> ParsingDataset:
    assert isinstance(data.dataset, ParsingDataset)
    return data.dataset


@pytest.fixture
def test_data(small_config: FinetuneSettings) -> TaskData:
    return TASK.open_data(small_config, "test", train=False)


def test_the_loss_by_hand() -> None:
    scores = torch.randn(2, 25, 4, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.randint(0, 25, (2, 8, 8), generator=torch.Generator().manual_seed(1))
    labels[0, :4] = 255
    weights = torch.from_numpy(part_table().weights.copy())
    loss, accuracy = pixel_loss(scores, labels, weights)
    enlarged = nn.functional.interpolate(scores, size=(8, 8), mode="bilinear")
    expected = nn.functional.cross_entropy(enlarged, labels, weights, ignore_index=255)
    assert float(loss) == pytest.approx(float(expected))
    assert int(accuracy.weight) == (labels != 255).sum()
    nothing, _ = pixel_loss(scores, torch.full_like(labels, 255), None)
    assert float(nothing) == 0.0


@pytest.mark.parametrize("region", [Region(0, 0, 48, 48), Region(-7, -3, 40, 40), Region(20, 10, 36, 36)])
def test_scores_of_a_region_come_back_to_their_place(region: Region) -> None:
    rng = np.random.default_rng(0)
    label = rng.integers(1, 25, (30, 48)).astype(np.uint8)
    crop = region_crop(region, region.width)
    inside = torch.from_numpy(crop.parts(label)).long()
    scores = torch.nn.functional.one_hot(inside, 25).permute(2, 0, 1).float()
    predicted = whole_prediction(scores, region, torch.from_numpy(label), "x").numpy()
    covered = np.zeros_like(label, np.bool_)
    covered[max(0, region.top) : region.top + region.height, max(0, region.left) : region.left + region.width] = True
    assert (predicted == np.where(covered, label, 0)).all()


def test_training_samples_depend_on_the_draw_alone(small_config: FinetuneSettings) -> None:
    data = TASK.open_data(small_config, "train", train=True)
    first, again, other = (data.dataset[key] for key in ((3, 1), (3, 1), (3, 2)))
    assert torch.equal(first.depth, again.depth)
    assert torch.equal(first.label, again.label)
    assert not torch.equal(first.depth, other.depth)
    assert first.label.shape == (64, 64)
    person = first.depth[0] > 0
    # depth and labels are of the same crop: labeled pixels are where something was measured
    assert (first.label[person] != 255).all()
    labeled = (first.label > 0) & (first.label != 255)
    assert (labeled & person).sum() > 0.7 * labeled.sum()


@pytest.mark.parametrize("task", [TASK, RGB])
def test_a_network_that_knows_the_labels_scores_nearly_all(task: Any, small: dict[str, Any]) -> None:
    """The whole way from store to score, with the labels themselves in place of class scores."""
    given = small | {"image_size": 512, "eval_batch_size": 1}
    config = make_finetune_settings(task.record.id, given)
    data = task.open_data(config, "test", train=False)
    dataset = parsing_data(data)

    class Knows(nn.Module):
        row = 0

        def forward(self, image: Tensor, intrinsics: Tensor | None) -> Tensor:
            label = torch.zeros(512, 512, dtype=torch.long)
            label[:424] = torch.from_numpy(dataset.label(self.row)).long()
            self.row += 1
            return nn.functional.one_hot(label, 25).permute(2, 0, 1)[None].float()

    evaluation = evaluate_model(task, Knows(), data, config, CPU, sheet_size=2)
    assert evaluation.scores["miou"] == 100.0
    assert evaluation.n_scored == evaluation.n_expected == 13
    assert evaluation.per_class["head"]["iou"] == 100.0
    assert [image.name for image in evaluation.figures] == ["classes", "confusion", "sheet"]


def test_published_averages_with_the_mirror_image(small: dict[str, Any]) -> None:
    config = make_finetune_settings("depth_parsing", small | {"protocol": "published"})
    data = TASK.open_data(config, "test", train=False)
    sample = data.dataset[0]
    assert sample.label.shape == (1000, 1000)
    assert sample.region == (0, 0, 1000, 1000)
    torch.manual_seed(0)
    model = TASK.build_model(config).eval()
    batch = collate_parsing([sample], 1)
    with torch.inference_mode():
        scores = class_scores(model, batch, config, CPU, protocol=PUBLISHED)
        mirrored = class_scores(model, batch.mirrored(), config, CPU, protocol=PUBLISHED)
        plain = class_scores(model, batch, config, CPU, protocol=NATIVE)
    partners = part_table().flip.astype(np.int64)
    torch.testing.assert_close(mirrored.flip(-1)[:, partners], scores)
    assert scores.shape == (1, 25, 64, 64)
    assert plain.shape == (1, 25, 16, 16)
    enlarged = nn.functional.interpolate(plain, size=(64, 64), mode="bilinear")
    assert not torch.allclose(scores, enlarged.exp())


def test_published_compares_epochs_by_a_plain_validation(small: dict[str, Any], tmp_path: Path) -> None:
    given = small | {"protocol": "published", "choose": "best", "epochs": 1}
    config = make_finetune_settings("depth_parsing", given)
    report = run_finetune(config, tmp_path / "run", bootstrap=0, sheet_size=0)
    assert report.written is not None
    assert "the epoch was chosen on the test split: a leak" in report.written.result.status.notes
    (line,) = csv.DictReader((tmp_path / "run" / "seed-0" / "epochs.csv").open())
    model = TASK.build_model(config)
    model.load_state_dict(load_task_checkpoint(tmp_path / "run" / "seed-0" / "model.pth", "depth_parsing").model)
    data = TASK.open_data(config, "test", train=False)
    model.eval()
    with torch.inference_mode():
        plain = TASK.evaluate_epoch(model, data, config, device=CPU)
    assert float(line["miou"]) == plain.scores["miou"]
    assert report.runs[0].evaluation is not None
    assert report.runs[0].evaluation.scores["miou"] != plain.scores["miou"]


def test_points_leave_background_out(small: dict[str, Any]) -> None:
    given = {**small, "backbone": "pointnet", "framing": "person"}
    config = make_finetune_settings("depth_parsing", given)
    data = TASK.open_data(config, "test", train=False)
    torch.manual_seed(0)
    encoder = PointNetEncoder(64, (Level(32, (0.1,), (8,), ((8, 8),), 16), Level(8, (0.3,), (8,), ((8, 8),), 16)))
    model = SegmentationNet(encoder, 25)
    objective = TASK.build_objective(config, model, data)
    train = TASK.open_data(config, "train", train=True)
    result = objective(
        model, collate_parsing([train.dataset[0], train.dataset[1]], 2), stage=0, generator=torch.Generator()
    )
    result.loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    evaluation = evaluate_model(TASK, model, data.subset([0, 1], split="two"), config, CPU)
    counts = evaluation.evidence.columns
    assert counts["target"][:, 0].sum() == 0
    # a person's pixel is background only where the input's square does not reach
    assert counts["prediction"][:, 0].sum() <= 0.02 * counts["target"].sum()
    assert evaluation.scores["miou"] == evaluation.scores["miou_parts"]


def test_neighbors_of_points_lie_on_all_sides(small: dict[str, Any]) -> None:
    """Of crops as they are scored, through the encoder as it is used, at every level, scale and coordinate."""
    given = {**small, "backbone": "pointnet", "framing": "person", "image_size": 128}
    data = TASK.open_data(make_finetune_settings("depth_parsing", given), "test", train=False)
    batch = collate_parsing([data.dataset[0], data.dataset[5]], 2)
    model = SegmentationNet(create_encoder("pointnet"), 25).eval()
    assert isinstance(model.encoder, PointNetEncoder)
    network = model.encoder.network
    with torch.no_grad():
        offsets = neighbor_offsets(network, clouds_of(network, lambda: model(*network_input(batch, points=True))))
    crowded = ~offsets.isnan()
    assert crowded[0, 1].all()  # the balls of 2.5 cm are too small for so small a crop
    assert crowded[1:].all()
    assert offsets[crowded].abs().max() < 0.1


def test_a_network_that_diverged_is_an_error(small_config: FinetuneSettings, test_data: TaskData) -> None:
    model = TASK.build_model(small_config)
    with torch.no_grad():
        model.head.layers[-1].bias.fill_(float("nan"))
    with pytest.raises(DataError, match=r"sample S\d+.*nan or infinite"):
        evaluate_model(TASK, model, test_data, small_config, CPU)


def test_labels_outside_the_table_are_an_error(test_data: TaskData, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = parsing_data(test_data)
    monkeypatch.setattr(dataset._images, "read", lambda row, column: np.full((424, 512), 25, np.uint8))
    with pytest.raises(LabelError, match=r"not class indices 0\.\.24"):
        dataset[0]


def test_samples_that_are_not_in_the_store_are_counted(small_config: FinetuneSettings, test_data: TaskData) -> None:
    more = replace(test_data, expected=(*test_data.expected, "S001C001P001R001A001F001"))
    evaluation = evaluate_model(TASK, TASK.build_model(small_config), more, small_config, CPU)
    assert (evaluation.n_expected, evaluation.n_scored) == (14, 13)
    empty = test_data.subset([], split="none")
    with pytest.raises(DataError, match="no sample to score"):
        evaluate_model(TASK, TASK.build_model(small_config), empty, small_config, CPU)


def write_truth(folder: Path, data: TaskData, *, raw: bool = False) -> Path:
    folder.mkdir()
    dataset = parsing_data(data)
    for row, name in enumerate(data.ids):
        label = dataset.label(row)
        cv2.imwrite(str(folder / f"{name}.png"), part_table().encode(label) if raw else label)
    return folder


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("protocol", ["native", "published"])
def test_the_labels_as_predictions_score_all(
    small: dict[str, Any], test_data: TaskData, tmp_path: Path, raw: bool, protocol: str
) -> None:
    folder = write_truth(tmp_path / "masks", test_data, raw=raw)
    config = make_finetune_settings("depth_parsing", small | {"protocol": protocol})
    data = TASK.open_data(config, "test", train=False)
    evaluation = TASK.score_predictions(folder, data, config)
    assert evaluation.scores["miou"] == pytest.approx(100.0)


def test_predictions_may_have_the_size_at_which_they_are_scored(small: dict[str, Any], tmp_path: Path) -> None:
    """The published labels of RGB themselves, interpolated, are right everywhere; the stored ones are not."""
    config = make_finetune_settings("rgb_parsing", small | {"protocol": "published"})
    data = RGB.open_data(config, "test", train=False)
    dataset = parsing_data(data)
    scored, stored = tmp_path / "scored", tmp_path / "stored"
    for folder in (scored, stored):
        folder.mkdir()
    for row, name in enumerate(data.ids):
        label = dataset.label(row)
        cv2.imwrite(str(scored / f"{name}.png"), dataset.scored_label(label))
        cv2.imwrite(str(stored / f"{name}.png"), label)
    best, less = (RGB.score_predictions(folder, data, config).scores["aacc"] for folder in (scored, stored))
    assert best == 100.0
    assert 98.0 < less < 100.0


def test_bad_predictions_are_told_apart(test_data: TaskData, tmp_path: Path) -> None:
    folder = write_truth(tmp_path / "masks", test_data)
    images = LabelImages.open(folder, test_data.ids)
    assert images.encoding == "classes"
    name, other = test_data.ids[:2]
    size = (512, 424)
    cv2.imwrite(str(folder / f"{name}.png"), np.zeros((1000, 1000), np.uint8))
    with pytest.raises(DataError, match=r"1000x1000 px, but labels have 512x424"):
        images.read(name, [size])
    assert images.read(name, [size, (1000, 1000)]).shape == (1000, 1000)
    with pytest.raises(DataError, match=r"512x424; .*nearest, or 900x900 px, at which they are scored"):
        images.read(name, [size, (900, 900)])
    cv2.imwrite(str(folder / f"{name}.png"), np.full((424, 512), 99, np.uint8))
    with pytest.raises(LabelError, match="99 are no class indices"):
        images.read(name, [size])
    with pytest.raises(LabelError, match=r"id 99 \(217088 px\)"):
        LabelImages.open(folder, test_data.ids).read(name, [size])  # one id above 24: raw ids
    cv2.imwrite(str(folder / f"{name}.png"), np.zeros((424, 512, 3), np.uint8))
    with pytest.raises(DataError, match="pixels must be labels"):
        images.read(name, [size])
    whole = (folder / f"{other}.png").read_bytes()
    (folder / f"{other}.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="cut off"):
        images.read(other, [size])
    (folder / f"{other}.png").unlink()
    (folder / "again").mkdir()
    (folder / "again" / f"{name}.png").write_bytes(whole)
    with pytest.raises(DataError, match=rf"1 missing \({other}\); 1 given more than once \({name}\)"):
        LabelImages.open(folder, test_data.ids)
    with pytest.raises(DataError, match="no folder with"):
        LabelImages.open(tmp_path / "none", test_data.ids)


def test_no_depth_in_a_store_is_told(small: dict[str, Any], tmp_path: Path) -> None:
    two = make_finetune_settings("depth_parsing", small | {"stores": ("a", "b")})
    with pytest.raises(UsageError, match="reads one store, 2 are given"):
        TASK.open_data(two, "test", train=False)


@pytest.mark.slow
def test_from_the_command_line(small: dict[str, Any], test_data: TaskData, tmp_path: Path) -> None:
    run, store = tmp_path / "run", small["stores"][0]
    options = ["--backbone", "test_resnet", "--init", "scratch", "--size", "64", "--batch-size", "4", "--epochs", "1"]
    base = ["--task", "depth_parsing", "--store", store]
    started = ["finetune", *base, *options, "--set", "lr=0.01", "--out", str(run)]
    done = CliRunner().invoke(app, [*started, "--seeds", "0,1"])
    assert done.exit_code == 0, done.output
    assert "right forearm" in done.output
    assert "over 2 seeds" in done.output.replace("\n", " ")
    model = run / "seed-1" / "model.pth"
    scored = CliRunner().invoke(app, ["eval", *base, "--ckpt", str(model), "--json"])
    assert scored.exit_code == 0, scored.output
    result = read_result(run / "result.json")
    assert json.loads(scored.stdout)["scores"]["miou"] == result.scores.per_seed[1]
    folder = write_truth(tmp_path / "masks", test_data)
    out = tmp_path / "truth.json"
    told = CliRunner().invoke(
        app, ["eval", *base, "--predictions", str(folder), "--out", str(out), "--name", "truth", "--sheet", "1"]
    )
    assert told.exit_code == 0, told.output
    assert read_result(out).scores.mean == pytest.approx(100.0)
    assert read_result(out).model.name == "truth"
    assert (tmp_path / "truth-figures" / "sheet.png").is_file()
    again = CliRunner().invoke(app, ["eval", *base, "--predictions", str(folder), "--out", str(out)])
    assert isinstance(again.exception, UsageError)
    neither = CliRunner().invoke(app, ["eval", *base])
    assert isinstance(neither.exception, UsageError)
    wrong = CliRunner().invoke(app, [*started, "--seeds", "0,a"])
    assert "write numbers with commas" in str(wrong.exception)
