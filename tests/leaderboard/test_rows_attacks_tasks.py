"""Labels, predictions and weights of every task, on small generated data."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from leaderboard_results import edit_result, write_predictions
from torch import nn

from hcmoco_bench.errors import UsageError
from hcmoco_bench.leaderboard.level import Level
from hcmoco_bench.leaderboard.rows.add import CheckInputs, add_result
from hcmoco_bench.leaderboard.rows.checklist import RowRefusedError
from hcmoco_bench.leaderboard.rows.read import as_row
from hcmoco_bench.leaderboard.rows.row_file import Submission
from hcmoco_bench.metrics.densepose import write_results
from hcmoco_bench.models.encoders import create_encoder
from hcmoco_bench.models.foreign.registry import FORMATS
from hcmoco_bench.models.segmentation import SegmentationNet
from hcmoco_bench.results.schema import PretrainEntry
from hcmoco_bench.tasks.core.checkpoints import KIND, checkpoint_config, load_task_checkpoint
from hcmoco_bench.tasks.core.evaluate import evaluate_checkpoint, evaluate_predictions
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings, scoring_settings
from hcmoco_bench.tasks.core.registry import get_task
from hcmoco_bench.tasks.densepose.detections import chance_detections
from hcmoco_bench.tasks.shape.references import write_mean
from hcmoco_bench.training.checkpoint import save_checkpoint

ANN = Submission(by="Ann")
SMALL = {"backbone": "test_resnet", "init": "scratch", "image_size": 64, "eval_batch_size": 4}


def scored(task: str, predictions: Path, out: Path, **settings: Any) -> Path:
    """The result of predictions, as `eval` writes it."""
    config = make_finetune_settings(task, settings)
    out.parent.mkdir(parents=True, exist_ok=True)
    evaluate_predictions(task, predictions, config, out=out, name=out.parent.name, bootstrap=50, as_given=True)
    return out


def level(path: Path, board: Path, data: dict[str, Any], **more: Any) -> Level:
    return as_row(add_result(path, board, ANN, CheckInputs(data, **more))[0]).level


def joint_predictions(root: Path, path: Path, off: float) -> Path:
    task = get_task("itop_pose")
    data = task.open_data(make_finetune_settings(task, {"root": str(root)}), "test", train=False)
    true = data.dataset.source.joints  # type: ignore[attr-defined]
    np.savez(path, ids=np.array(data.ids), joints=true + np.random.default_rng(1).normal(0, off, true.shape))
    return path


def test_itop_pose(generated_itop: Path, tmp_path: Path) -> None:
    given = {"root": str(generated_itop)}
    good, other = (joint_predictions(generated_itop, tmp_path / f"{off}.npz", off) for off in (0.05, 0.08))
    path = scored("itop_pose", good, tmp_path / "good" / "result.json", **given)
    with pytest.raises(RowRefusedError, match="other statistics come out"):
        add_result(path, tmp_path / "board", ANN, CheckInputs(given, predictions=other))
    assert level(path, tmp_path / "board", given, predictions=good) == Level.PREDICTIONS
    path = scored("itop_pose", other, tmp_path / "other" / "result.json", **given)
    assert level(path, tmp_path / "board", given) == Level.LABELS
    elsewhere = scored("itop_pose", other, tmp_path / "train" / "result.json", **given)
    edit_result(elsewhere, lambda content: content["task"].update(split="train"))
    with pytest.raises(RowRefusedError, match="its split train has the fingerprint"):
        add_result(elsewhere, tmp_path / "board", ANN, CheckInputs(given))


def test_densepose(generated_densepose: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(generated_densepose, tmp_path / "root"))
    given = {"root": str(root)}
    task = get_task("densepose")
    data = task.open_data(make_finetune_settings(task, given), "minival", train=False)
    detections = list(chance_detections(data))
    write_results(tmp_path / "all.json", detections)
    write_results(tmp_path / "none.json", [])
    path = scored("densepose", tmp_path / "all.json", tmp_path / "all" / "result.json", **given)
    with pytest.raises(RowRefusedError, match="other statistics come out"):
        add_result(path, tmp_path / "board", ANN, CheckInputs(given, predictions=tmp_path / "none.json"))
    assert level(path, tmp_path / "board", given, predictions=tmp_path / "all.json") == Level.PREDICTIONS
    path = scored("densepose", tmp_path / "none.json", tmp_path / "none" / "result.json", **given)
    assert level(path, tmp_path / "board", given) == Level.LABELS


@pytest.mark.parametrize(
    ("task", "setting", "other"),
    [
        ("rgb_parsing", {}, None),
        ("rgb_parsing", {"protocol": "published"}, None),
        ("cross_modality", {"direction": "depth_to_rgb"}, {"direction": "rgb_to_depth"}),
        ("missing_modality", {"only": "depth"}, {"only": "rgb"}),
    ],
)
def test_parsing_by_labels_and_predictions(
    task: str,
    setting: dict[str, Any],
    other: dict[str, Any] | None,
    parsing_store: Path,
    tmp_path: Path,
) -> None:
    given = {"stores": (str(parsing_store),)}
    masks = write_predictions(parsing_store, tmp_path / "masks", wrong=0.2)
    if "protocol" in setting:
        enlarge(masks)
    path = scored(task, masks, tmp_path / "good" / "result.json", **given, **setting)
    if other is not None:
        with pytest.raises(UsageError, match="the settings choose the variant"):
            add_result(path, tmp_path / "board", ANN, CheckInputs({**given, **other}))
    assert level(path, tmp_path / "board", given, predictions=masks) == Level.PREDICTIONS


def enlarge(masks: Path) -> None:
    from PIL import Image

    for path in masks.glob("*.png"):
        with Image.open(path) as image:
            image.resize((1000, 1000), Image.Resampling.NEAREST).save(path)


def test_figures_of_one_task_under_the_name_of_another(parsing_store: Path, tmp_path: Path) -> None:
    """Masks do not tell what they were made from: by labels and predictions alone, depth may pass for RGB."""
    given = {"stores": (str(parsing_store),)}
    masks = write_predictions(parsing_store, tmp_path / "masks", wrong=0.2)
    path = scored("depth_parsing", masks, tmp_path / "good" / "result.json", **given)
    edit_result(path, lambda content: content["task"].update(id="rgb_parsing"))
    assert level(path, tmp_path / "board", given, predictions=masks) == Level.PREDICTIONS


def test_shape(generated_shape: Path, tmp_path: Path) -> None:
    given = {"root": str(generated_shape)}
    task = get_task("shape")
    config = make_finetune_settings(task, given | {"init": "scratch"})
    train, test = (task.open_data(config, split, train=False) for split in ("train", "test"))
    write_mean(tmp_path / "mean.npz", train, test)
    write_mean(tmp_path / "other.npz", test, test)
    path = scored("shape", tmp_path / "mean.npz", tmp_path / "mean" / "result.json", **given)
    with pytest.raises(RowRefusedError, match="other statistics come out"):
        add_result(path, tmp_path / "board", ANN, CheckInputs(given, predictions=tmp_path / "other.npz"))
    assert level(path, tmp_path / "board", given, predictions=tmp_path / "mean.npz") == Level.PREDICTIONS
    edit_result(path, lambda content: content["task"].update(variant="smpl"))
    with pytest.raises(RowRefusedError, match="variant"):
        add_result(path, tmp_path / "other", ANN, CheckInputs(given, predictions=tmp_path / "mean.npz"))
    model = saved_model("shape", tmp_path / "model.pth", head_width=16, **given)
    path = evaluated("shape", model, tmp_path / "model" / "result.json", **given)
    assert level(path, tmp_path / "board", given, weights=model) == Level.WEIGHTS
    again = saved_model("shape", tmp_path / "again.pth", head_width=24, **given)
    path = evaluated("shape", model, tmp_path / "again" / "result.json", **given)
    with pytest.raises(RowRefusedError, match="weights"):
        add_result(path, tmp_path / "other", ANN, CheckInputs(given, weights=again))


def saved_model(task: str, path: Path, **settings: Any) -> Path:
    """A checkpoint as `finetune` leaves it, of a model that was not trained."""
    chosen = get_task(task)
    config = make_finetune_settings(task, SMALL | settings)
    torch.manual_seed(0)
    state = chosen.build_model(config).state_dict()
    about = checkpoint_config(chosen.record, config, PretrainEntry(method="scratch"), "test")
    save_checkpoint(path, {"kind": KIND, "config": about, "model": state})
    return path


def evaluated(task: str, model: Path, out: Path, **settings: Any) -> Path:
    """The result of a model, as `eval` writes it."""
    chosen = get_task(task)
    found = load_task_checkpoint(model, chosen, given=settings)
    config = scoring_settings(chosen, found.config, settings)
    out.parent.mkdir(parents=True, exist_ok=True)
    evaluate_checkpoint(chosen, found, config, out=out, name="model", bootstrap=0)
    return out


def test_weights_of_a_variant_that_scoring_chooses(parsing_store: Path, tmp_path: Path) -> None:
    """The model was trained with one setting of what is left in the test, and scored with the other."""
    given = {"stores": (str(parsing_store),)}
    model = saved_model("missing_modality", tmp_path / "model.pth", only="rgb", stores=(str(parsing_store),))
    path = evaluated("missing_modality", model, tmp_path / "good" / "result.json", **given, only="depth")
    assert level(path, tmp_path / "board", given, weights=model) == Level.WEIGHTS
    told = "the epoch was chosen on the test split: a leak"
    edit_result(path, lambda content: content["status"]["notes"].remove(told))
    with pytest.raises(RowRefusedError, match="leaves out its note 'the epoch was chosen on the test split"):
        add_result(path, tmp_path / "other", ANN, CheckInputs(given, weights=model))


def test_weights_that_score_another_variant(generated_itop: Path, tmp_path: Path) -> None:
    """Boxes of the true joints, given out as boxes of a detector."""
    given = {"root": str(generated_itop)}
    model = saved_model("itop_pose", tmp_path / "model.pth", protocol="published", head_width=16, root=given["root"])
    path = evaluated("itop_pose", model, tmp_path / "good" / "result.json", **given)
    edit_result(path, lambda content: content["task"].update(variant=""))
    with pytest.raises(RowRefusedError, match="it scores the variant true_boxes, and the result is of none"):
        add_result(path, tmp_path / "board", ANN, CheckInputs(given, weights=model))
    edit_result(path, lambda content: content["task"].update(variant="true_boxes"))
    assert level(path, tmp_path / "board", given, weights=model) == Level.WEIGHTS


def published(model: nn.Module) -> dict[str, Any]:
    return dict(FORMATS.get("hrnet-semantic-segmentation").to_published(model.state_dict()))


@pytest.mark.slow
def test_weights_of_another_program(parsing_store: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = tmp_path / "best.pth"
    torch.save(published(SegmentationNet(create_encoder("hrnet_w18_small"), 25)), model)
    data = {"stores": (str(parsing_store),)}
    given = data | {"image_size": 64}
    path = evaluated("depth_parsing", model, tmp_path / "good" / "result.json", **given)
    with pytest.raises(RowRefusedError, match="the main score differs by"):
        add_result(path, tmp_path / "board", ANN, CheckInputs(data | {"image_size": 96}, weights=model))
    assert level(path, tmp_path / "board", given, weights=model) == Level.WEIGHTS
