"""The levels of weights that are run again, and of a training that somebody else repeats."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from leaderboard_results import edit_result

from hcmoco_bench.leaderboard.level import Level
from hcmoco_bench.leaderboard.rows.add import CheckInputs, Submission, add_result
from hcmoco_bench.leaderboard.rows.checklist import RowRefusedError
from hcmoco_bench.leaderboard.rows.read import as_row
from hcmoco_bench.leaderboard.rows.verify import raise_level
from hcmoco_bench.tasks.core.finetune import run_finetune
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings

SMALL = {"backbone": "test_resnet", "init": "scratch", "image_size": 64, "batch_size": 4, "eval_batch_size": 4}


@pytest.fixture(scope="module")
def runs(parsing_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trainings of the same settings with seeds 0 and 1, and of other settings."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("runs")
    for name, seed, epochs in (("first", 0, 6), ("again", 1, 6), ("longer", 1, 12)):
        config = make_finetune_settings(
            "depth_parsing", SMALL | {"stores": (str(parsing_store),), "epochs": epochs, "lr": 0.05}
        )
        run_finetune(config, out / name, seeds=(seed,), bootstrap=50, sheet_size=0)
    torch.set_num_threads(threads)
    return out


def test_weights_are_run_again(runs: Path, parsing_store: Path, tmp_path: Path) -> None:
    data = {"stores": (str(parsing_store),)}
    model = runs / "first" / "seed-0" / "model.pth"
    stored, checklist = add_result(
        runs / "first" / "result.json", tmp_path, Submission("Ann"), CheckInputs(data, weights=model)
    )
    row = as_row(stored)
    assert (row.level, row.ratio, row.method, row.backbone) == (Level.WEIGHTS, 1.0, "scratch", "test_resnet")
    assert "to the last count" in checklist.items[-1].detail
    other = runs / "again" / "seed-1" / "model.pth"
    with pytest.raises(RowRefusedError, match="their SHA-256 is"):
        raise_level(tmp_path, row.id, "Bob", CheckInputs(data, weights=other))


def test_a_result_that_its_weights_do_not_give(runs: Path, parsing_store: Path, tmp_path: Path) -> None:
    """Somebody claims other weights under a result of their own."""
    from hcmoco_bench.files.hashing import file_sha256

    model = runs / "again" / "seed-1" / "model.pth"
    folder = tmp_path / "claimed"
    folder.mkdir()
    for path in (runs / "first").glob("result*"):
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    edit_result(folder / "result.json", lambda content: content["model"].update(weights_sha256=file_sha256(model)))
    inputs = CheckInputs({"stores": (str(parsing_store),)}, weights=model)
    with pytest.raises(RowRefusedError, match="the main score differs by"):
        add_result(folder / "result.json", tmp_path / "board", Submission("Eve"), inputs)


def test_trained_again_by_somebody_else(runs: Path, tmp_path: Path) -> None:
    again = CheckInputs(again=runs / "again" / "result.json")
    stored, _ = add_result(runs / "first" / "result.json", tmp_path, Submission("Ann"))
    with pytest.raises(RowRefusedError, match="somebody else must train again"):
        raise_level(tmp_path, stored.file.id, "Ann", again)
    for name, why in (("longer", "with other settings"), ("first", "the same weights")):
        with pytest.raises(RowRefusedError, match=why):
            raise_level(tmp_path, stored.file.id, "Bob", CheckInputs(again=runs / name / "result.json"))
    raised, checklist = raise_level(tmp_path, stored.file.id, "Bob", again)
    row = as_row(raised)
    assert (row.level, row.party) == (Level.TRAINED_AGAIN, "third")
    assert "95 % interval of the paired bootstrap" in checklist.items[-1].detail
