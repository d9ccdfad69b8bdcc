"""The levels of weights that are run again, and of a training that somebody else repeats."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from leaderboard_results import edit_result, write_predictions, write_result

from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.leaderboard.level import Level
from hcmoco_bench.leaderboard.rows.add import CheckInputs, add_result
from hcmoco_bench.leaderboard.rows.checklist import RowRefusedError
from hcmoco_bench.leaderboard.rows.read import as_row
from hcmoco_bench.leaderboard.rows.row_file import Submission
from hcmoco_bench.leaderboard.rows.verify import raise_level
from hcmoco_bench.results import read_result
from hcmoco_bench.tasks.core.finetune import run_finetune
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings

SMALL = {"backbone": "test_resnet", "init": "scratch", "image_size": 64, "batch_size": 4, "eval_batch_size": 4}


@pytest.fixture(scope="module")
def runs(parsing_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training of one epoch, and one of four."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("runs")
    for name, epochs in (("short", 1), ("long", 4)):
        settings = SMALL | {"stores": (str(parsing_store),), "epochs": epochs, "lr": 0.05, "ratio": 0.2}
        config = make_finetune_settings("depth_parsing", settings)
        run_finetune(config, out / name, seeds=(0,), bootstrap=50, sheet_size=0)
    torch.set_num_threads(threads)
    return out


def model(runs: Path, name: str) -> Path:
    return runs / name / "seed-0" / "model.pth"


def test_weights_are_run_again(runs: Path, parsing_store: Path, tmp_path: Path) -> None:
    data = {"stores": (str(parsing_store),)}
    inputs = CheckInputs(data, weights=model(runs, "short"))
    stored, checklist = add_result(runs / "short" / "result.json", tmp_path, Submission(by="Ann"), inputs)
    row = as_row(stored)
    assert (row.level, row.ratio, row.method, row.backbone) == (Level.WEIGHTS, 0.2, "scratch", "test_resnet")
    assert "to the last count" in checklist.items[-1].detail
    with pytest.raises(RowRefusedError, match="their SHA-256 is"):
        raise_level(tmp_path, row.id, "Bob", CheckInputs(data, weights=model(runs, "long")))


def test_a_result_that_its_weights_do_not_give(runs: Path, parsing_store: Path, tmp_path: Path) -> None:
    """Somebody states a figure of their own under the weights of another model."""
    (tmp_path / "claimed").mkdir()
    for path in (runs / "short").glob("result*"):
        if path.is_file():
            (tmp_path / "claimed" / path.name).write_bytes(path.read_bytes())
    claimed = tmp_path / "claimed" / "result.json"
    weights = model(runs, "long")
    edit_result(claimed, lambda content: content["model"].update(weights_sha256=file_sha256(weights)))
    inputs = CheckInputs({"stores": (str(parsing_store),)}, weights=weights)
    with pytest.raises(RowRefusedError, match=r"config_sha256 is .* in the model's file"):
        add_result(claimed, tmp_path / "board", Submission(by="Eve"), inputs)
    settings = read_result(runs / "long" / "result.json").run.config_sha256
    edit_result(claimed, lambda content: content["run"].update(config_sha256=settings))
    with pytest.raises(RowRefusedError, match="the main score differs by"):
        add_result(claimed, tmp_path / "board", Submission(by="Eve"), inputs)


def claim_ratio(content: dict[str, Any]) -> None:
    content["model"]["training"].update(ratio=0.01, split="train_1")


def claim_method(content: dict[str, Any]) -> None:
    content["model"]["pretrain"]["method"] = "imagenet"


@pytest.mark.parametrize(
    ("change", "why"),
    [(claim_ratio, r"training is train_20 \(ratio 0.2\)"), (claim_method, "pretrain.method is scratch")],
)
def test_claims_that_the_model_contradicts(
    change: Callable[[dict[str, Any]], None], why: str, runs: Path, parsing_store: Path, tmp_path: Path
) -> None:
    """Fewer labels than the model learned from, or another method: figures follow from the evidence all the same."""
    for path in (runs / "short").glob("result*"):
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    edit_result(tmp_path / "result.json", change)
    inputs = CheckInputs({"stores": (str(parsing_store),)}, weights=model(runs, "short"))
    with pytest.raises(RowRefusedError, match=why):
        add_result(tmp_path / "result.json", tmp_path / "board", Submission(by="Eve"), inputs)


def as_training(path: Path, **changes: Any) -> Path:
    """A result as if a training with these settings, weights and seed had been scored."""
    run = {"config_sha256": "c" * 64, "seeds": [0], **changes}
    weights = run.pop("weights_sha256", "a" * 64)

    def change(content: dict[str, Any]) -> None:
        content["run"].update(run)
        content["model"].update(weights_sha256=weights)

    edit_result(path, change)
    return path


def test_trained_again_by_somebody_else(parsing_store: Path, tmp_path: Path) -> None:
    made = {}
    for name, wrong, seed in (("first", 0.1, 0), ("again", 0.1, 1), ("worse", 0.3, 2)):
        masks = write_predictions(parsing_store, tmp_path / f"{name}-masks", wrong=wrong, seed=seed)
        made[name] = write_result(parsing_store, masks, tmp_path / name / "result.json", name=name)
    first = as_training(made["first"])
    stored, _ = add_result(first, tmp_path / "board", Submission(by="Ann"))

    def again(name: str, by: str = "Bob", **changes: Any) -> Any:
        second = as_training(made[name], **{"weights_sha256": "b" * 64, "seeds": [1], **changes})
        inputs = CheckInputs({"stores": (str(parsing_store),)}, again=second)
        return raise_level(tmp_path / "board", stored.file.id, by, inputs)

    for refused, why in (
        ({"name": "again", "by": "Ann"}, "somebody else must train again"),
        ({"name": "again", "by": " \uff21nn "}, "somebody else must train again"),
        ({"name": "again", "weights_sha256": None}, "names no weights"),
        ({"name": "again", "config_sha256": "d" * 64}, "with other settings"),
        ({"name": "again", "weights_sha256": "a" * 64}, "the same weights"),
        ({"name": "first"}, "the same evidence"),
        ({"name": "worse"}, "score of the second training: "),
    ):
        with pytest.raises(RowRefusedError, match=why):
            again(**refused)
    raised, checklist = again("again")
    row = as_row(raised)
    assert (row.level, row.party, row.by) == (Level.TRAINED_AGAIN, "third", "Bob")
    assert "95 % interval of the paired bootstrap" in checklist.items[-1].detail
