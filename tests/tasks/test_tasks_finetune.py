"""Fine-tuning on a generated store: seeds, resume, choosing an epoch, and scoring what is left."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from hcmoco_bench.data.data_record import UNRECORDED
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.pretrain.methods.hcmoco import HCMoCoSettings
from hcmoco_bench.pretrain.registry import get_method
from hcmoco_bench.results import load_evidence, read_result
from hcmoco_bench.tasks.core.batches import hold_out
from hcmoco_bench.tasks.core.checkpoints import load_task_checkpoint
from hcmoco_bench.tasks.core.evaluate import evaluate_checkpoint
from hcmoco_bench.tasks.core.finetune import run_finetune
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings, scoring_settings
from hcmoco_bench.tasks.core.registry import get_task
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.training.checkpoint import load_checkpoint, save_checkpoint
from hcmoco_bench.training.loss_table import read_losses

TASK = get_task("depth_parsing")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pre-training checkpoint of random weights."""
    config = HCMoCoSettings(backbone="test_resnet", init="scratch", image_size=64, stores=("/somewhere/pretrain",))
    path = tmp_path_factory.mktemp("encoder") / "checkpoint.pth"
    save_checkpoint(
        path,
        {
            "kind": "pretrain",
            "config": config.to_dict(),
            "model": get_method(config.method).build_model(config).state_dict(),
        },
    )
    return path


def test_seeds_make_one_result_and_eval_gives_the_same_score(
    small_config: FinetuneSettings, encoder: Path, tmp_path: Path
) -> None:
    config = small_config.model_copy(update={"ckpt": str(encoder)})
    report = run_finetune(config, tmp_path / "run", seeds=(3, 5), command="as typed", bootstrap=50, sheet_size=2)
    result = read_result(tmp_path / "run" / "result.json")
    assert report.written is not None
    assert result == report.written.result
    assert result.status.tier == "self-reported"
    assert result.run.seeds == (3, 5)
    assert result.run.command == "as typed"
    assert len(set(result.scores.per_seed)) == 2
    assert result.scores.mean == pytest.approx(sum(result.scores.per_seed) / 2)
    assert result.scores.std == pytest.approx(abs(result.scores.per_seed[0] - result.scores.per_seed[1]) / 2**0.5)
    assert result.scores.ci95 is not None
    assert result.scores.ci95[0] < result.scores.ci95[1]
    assert any("ci95 draws whole groups" in note for note in result.status.notes)
    assert result.model.pretrain is not None
    assert result.model.pretrain.model_dump() == {"method": "hcmoco", "data": "pretrain", "init": "scratch"}
    assert result.data.name == "NTURGBD-Parsing-4K (generated)"
    assert result.data.n_expected == result.data.n_scored == 13
    assert {path.name for path in report.written.figures} == {"classes.png", "confusion.png", "sheet.png"}
    for number, (run, entry) in enumerate(zip(report.runs, result.evidence, strict=True)):
        evidence = load_evidence(tmp_path / "run" / entry.file, sha256=entry.sha256)
        assert TASK.scores(evidence)["miou"] == result.scores.per_seed[number]
        assert run.model is not None
        model = load_task_checkpoint(run.model, "depth_parsing", backbone="test_resnet")
        again = evaluate_checkpoint(TASK, model, model.config)
        assert run.evaluation is not None
        assert again.evaluation.scores == run.evaluation.scores
        for name, column in run.evaluation.evidence.columns.items():
            assert (again.evaluation.evidence.columns[name] == column).all()
    with pytest.raises(UsageError, match="these runs are finished"):
        run_finetune(config, tmp_path / "run", resume=True)


def test_the_encoder_of_the_checkpoint_is_where_the_model_begins(small: dict[str, Any], encoder: Path) -> None:
    config = make_finetune_settings("depth_parsing", small | {"ckpt": str(encoder)})
    model = TASK.build_model(config)
    source = torch.load(encoder, weights_only=True)["model"]
    for name, value in model.state_dict().items():
        if name.startswith("encoder.backbone."):
            assert torch.equal(value, source[f"depth_{name}"])
    tuned = encoder.with_name("tuned.pth")
    save_checkpoint(tuned, {"kind": "task", "config": {}, "model": model.state_dict()})
    onward = TASK.build_model(make_finetune_settings("depth_parsing", small | {"init": str(tuned)}))
    kept = model.encoder.state_dict()
    assert all(torch.equal(value, kept[name]) for name, value in onward.encoder.state_dict().items())
    without = {name: value for name, value in small.items() if name != "backbone"}
    assert make_finetune_settings("depth_parsing", without | {"ckpt": str(encoder)}).backbone == "test_resnet"
    other = make_finetune_settings("depth_parsing", small | {"ckpt": str(encoder), "backbone": "hrnet_w18_small"})
    with pytest.raises(UsageError, match="its depth encoder is a test_resnet, not a hrnet_w18_small"):
        TASK.build_model(other)


def test_a_run_that_was_stopped_goes_on_exactly(small_config: FinetuneSettings, tmp_path: Path) -> None:
    config = small_config.model_copy(
        update={"validation_share": 0.3, "choose": "best", "optimizer": "adam", "lr": 0.001, "epochs": 3}
    )

    def stop(label: str, done: int, total: int | None) -> None:
        if label.startswith("training") and done == 4:  # stops after the next step
            os.kill(os.getpid(), signal.SIGTERM)

    whole = run_finetune(config, tmp_path / "whole", bootstrap=0, sheet_size=0)
    cut = run_finetune(config, tmp_path / "cut", bootstrap=0, sheet_size=0, progress=stop)
    assert cut.interrupted
    assert cut.written is None
    with pytest.raises(UsageError, match="add --resume"):
        run_finetune(config, tmp_path / "cut")
    with pytest.raises(UsageError, match=r"lr was 0\.001 and is 0\.5"):
        run_finetune(config.model_copy(update={"lr": 0.5}), tmp_path / "cut", resume=True)
    again = run_finetune(config, tmp_path / "cut", resume=True, bootstrap=0, sheet_size=0)
    for file in ("losses.csv", "epochs.csv"):
        one, other = (tmp_path / name / "seed-0" / file for name in ("whole", "cut"))
        assert one.read_bytes() == other.read_bytes()
    assert whole.runs[0].evaluation is not None
    assert again.runs[0].evaluation is not None
    assert whole.runs[0].evaluation.scores == again.runs[0].evaluation.scores


def test_the_best_epoch_is_chosen_on_what_was_held_out(small_config: FinetuneSettings, tmp_path: Path) -> None:
    config = small_config.model_copy(update={"validation_share": 0.3, "choose": "best", "lr": 0.2, "epochs": 3})
    report = run_finetune(config, tmp_path, bootstrap=0, sheet_size=0)
    table = read_losses(tmp_path / "seed-0" / "epochs.csv")
    assert table["epoch"] == ["1", "2", "3"]
    best = max(range(3), key=lambda epoch: float(table["miou"][epoch]))
    data = TASK.open_data(config, "train", train=True)
    _, held = hold_out(data, 0.3, config.seed)
    choice = TASK.open_data(config, "train", train=False).subset(held, split="held out")
    model = load_task_checkpoint(tmp_path / "seed-0" / "model.pth", "depth_parsing")
    assert model.chosen_on == "validation"
    network = TASK.build_model(config, fresh=False)
    network.load_state_dict(dict(model.model))
    scores = TASK.evaluate(network.eval(), choice, config, device=torch.device("cpu")).scores
    assert scores["miou"] == float(table["miou"][best])
    assert report.written is not None
    assert any("chosen on a share" in note for note in report.written.result.status.notes)


def test_held_out_groups_are_on_one_side(small_config: FinetuneSettings) -> None:
    data = TASK.open_data(small_config, "train", train=True)
    assert data.groups is not None
    kept, held = hold_out(data, 0.2, 1)
    assert sorted(kept + held) == list(range(len(data)))
    assert held
    assert not {data.groups[row] for row in kept} & {data.groups[row] for row in held}
    assert hold_out(data, 0.2, 1) == (kept, held)
    part = data.subset(held, split="part")
    assert part.ids == tuple(data.ids[row] for row in held)
    assert part.dataset[0].sample_id == part.ids[0]
    with pytest.raises(UsageError, match="one group"):
        hold_out(data.subset(kept[:1], split="one"), 0.2, 0)


def test_choosing_on_the_test_split_is_marked(small: dict[str, Any], tmp_path: Path) -> None:
    given = small | {"lists": "v3", "choose": "best", "epochs": 1, "batch_size": 2}
    with pytest.raises(UsageError, match="needs a validation_share"):
        run_finetune(make_finetune_settings("depth_parsing", given), tmp_path)
    config = make_finetune_settings("depth_parsing", given | {"protocol": "published"})
    report = run_finetune(config, tmp_path, bootstrap=0, sheet_size=1)
    assert report.written is not None
    notes = report.written.result.status.notes
    assert "the epoch was chosen on the test split: a leak" in notes
    assert report.written.result.task.protocol == "published"
    model = load_task_checkpoint(tmp_path / "seed-0" / "model.pth", "depth_parsing")
    native = evaluate_checkpoint(TASK, model, scoring_settings(TASK, model.config, {"protocol": "native"}))
    assert native.evaluation.n_scored == 2
    with pytest.raises(UsageError, match="there is no protocol 'fair'"):
        scoring_settings(TASK, model.config, {"protocol": "fair"})


def test_what_is_no_model_of_the_task_is_told_in_a_sentence(
    small_config: FinetuneSettings, encoder: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"pre-trained encoder, without a head.*finetune --task depth_parsing"):
        load_task_checkpoint(encoder, "depth_parsing")
    run_finetune(small_config.model_copy(update={"epochs": 1}), tmp_path / "run", bootstrap=0, sheet_size=0)
    model = tmp_path / "run" / "seed-0" / "model.pth"
    with pytest.raises(UsageError, match="of the task depth_parsing, not of rgb_parsing"):
        load_task_checkpoint(model, "rgb_parsing")
    with pytest.raises(UsageError, match="its backbone is test_resnet, not hrnet_w18"):
        load_task_checkpoint(model, "depth_parsing", backbone="hrnet_w18")
    with pytest.raises(UsageError, match="fine-tuned model of a task, not a pre-trained encoder"):
        make_finetune_settings("depth_parsing", {"ckpt": str(model)})
    with pytest.raises(DataError, match="no such checkpoint"):
        load_task_checkpoint(tmp_path / "none.pth", "depth_parsing")
    state = torch.load(model, weights_only=True)
    assert json.dumps(state["config"])  # plain values only


def test_little_data_fills_a_step(small: dict[str, Any], tmp_path: Path) -> None:
    config = make_finetune_settings("depth_parsing", small | {"ratio": 0.2, "epochs": 1})
    report = run_finetune(config, tmp_path, bootstrap=0, sheet_size=0)
    assert report.runs[0].steps == 1
    assert report.written is not None
    assert "trained on train_20" in report.written.result.status.notes


def test_scoring_on_a_store_that_was_prepared_anew_says_what_changed(
    small: dict[str, Any], parsing_store: Path, tmp_path: Path
) -> None:
    store, model = tmp_path / "store", tmp_path / "run" / "seed-0" / "model.pth"
    shutil.copytree(parsing_store, store)
    settings = make_finetune_settings(TASK, small | {"epochs": 1, "stores": (str(store),)})
    run_finetune(settings, tmp_path / "run", bootstrap=0, sheet_size=0)

    def notes(given: dict[str, Any]) -> tuple[str, ...]:
        found = load_task_checkpoint(model, TASK)
        config = scoring_settings(TASK, found.config, given)
        out = tmp_path / f"{len(list(tmp_path.iterdir()))}.json"
        report = evaluate_checkpoint(TASK, found, config, out=out, bootstrap=0)
        assert report.written is not None
        assert set(report.notes) <= set(report.written.result.status.notes)
        return report.notes

    assert notes({}) == ()
    assert notes({"stores": (str(parsing_store),)}) == (), "a copy with the same rows"
    manifest = json.loads((store / "manifest.json").read_text("utf-8"))
    before = manifest["options"]["rows_per_shard"]
    manifest["options"]["rows_per_shard"] = 7
    (store / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    what = f"options.rows_per_shard was {before} and is 7"
    assert notes({}) == (f"the store store was prepared anew since the model was trained: {what}",)
    shutil.move(store, tmp_path / "other")
    moved = notes({"stores": (str(tmp_path / "other"),)})
    assert moved == (f"the scored store is another than store, which the model was trained on: {what}",)
    state = load_checkpoint(model)
    save_checkpoint(model, {name: value for name, value in state.items() if name not in ("data", "format")})
    assert notes({"stores": (str(parsing_store),)}) == (UNRECORDED,), "a checkpoint of an earlier version"


def test_seeds_come_once(small_config: FinetuneSettings, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="give each only once"):
        run_finetune(small_config, tmp_path, seeds=(1, 1))
