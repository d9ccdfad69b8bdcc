"""Every registered method is complete, and a method of another package runs from the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from hcmoco_outside.method import Adversarial
from typer.testing import CliRunner

from hcmoco_bench.cli.app import app
from hcmoco_bench.errors import UsageError
from hcmoco_bench.pretrain.checkpoints import load_pretrained, saved_settings
from hcmoco_bench.pretrain.recipes import RECIPES, make_pretrain_settings
from hcmoco_bench.pretrain.registry import METHODS, get_method, method_names, register_method
from hcmoco_bench.pretrain.run import run_pretrain
from hcmoco_bench.runtime.recipes import recipe_names
from hcmoco_bench.runtime.settings import describe_settings
from hcmoco_bench.training.checkpoint import load_checkpoint
from hcmoco_bench.training.loss_table import read_losses

RECORDED = Path(__file__).resolve().parents[1] / "recording" / "recorded.json"
SAVED = {name: run["config"] for name, run in json.loads(RECORDED.read_text("utf-8"))["pretrainings"].items()}


@pytest.mark.parametrize("name", method_names())
def test_every_setting_has_a_meaning_a_type_a_default_and_a_flag(name: str) -> None:
    method = get_method(name)
    records = describe_settings(method.settings)
    assert method.record.name == name == method.settings().method
    assert all((method.record.title, method.record.phrase, method.record.summary, method.record.citation))
    assert len({record.name for record in records}) == len(records) > 20
    for record in records:
        assert re.fullmatch(r"[A-Z].{7,}\.", record.meaning), record
        assert record.type, record
        assert record.flag.startswith("--"), record
    required = {record.name for record in records if not record.default}
    assert required <= {"stores", "pictures", "milestones", "hide", "trackers"}, "only lists may be empty"
    shown = CliRunner().invoke(app, ["pretrain", "--method", name, "--help"], env={"COLUMNS": "300"}).output
    assert all(record.flag in shown for record in records if record.name != "method")


@pytest.mark.parametrize("name", recipe_names(RECIPES))
def test_every_recipe_is_one_of_settings(name: str) -> None:
    assert make_pretrain_settings(name).method in method_names()


def test_flags_settings_and_files_say_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []

    def caught(settings: object, *_: object, **__: object) -> None:
        found.append(settings)
        raise UsageError("caught")

    monkeypatch.setattr("hcmoco_bench.pretrain.run.run_pretrain", caught)
    (tmp_path / "own.toml").write_text(
        'method = "hcmoco"\nstores = ["a", "b"]\nlr = 0.5\nclip = 2.0\nstage1_epochs = 1\nstage2_epochs = 2\n'
        'hide = ["depth", "nothing"]\nchannels_last = true\nnegatives = "batch"\nmilestones = [1.0, 2.0]\n'
        "trackers = []\n[weights]\ndense = 0.25\n"
    )
    flags = "--store a --store b --lr 0.5 --clip 2.0 --epochs 1 2 --hide depth --hide nothing --channels-last"
    flags += " --negatives batch --milestones 1,2 --weights.dense 0.25 --set trackers=[]"
    sets = "stores=['a','b'] lr=0.5 clip=2.0 stage1_epochs=1 stage2_epochs=2 hide=['depth','nothing']"
    sets += " channels_last=true negatives=batch milestones=[1,2] weights.dense=0.25 trackers=[]"
    for words in (
        ["--config", str(tmp_path / "own.toml")],
        flags.split(),
        [word for one in sets.split() for word in ("--set", one)],
    ):
        assert "caught" in str(CliRunner().invoke(app, ["pretrain", *words]).exception)
    assert found[0] == found[1] == found[2]
    assert (found[0].lr, found[0].weights.dense, found[0].clip, found[0].hide) == (0.5, 0.25, 2.0, ("depth", "nothing"))


@pytest.mark.parametrize("run", SAVED)
def test_settings_saved_by_the_first_version_still_open(run: str) -> None:
    settings = saved_settings(SAVED[run], run)
    kept = {name: value for name, value in SAVED[run].items() if name in type(settings).model_fields}
    assert {name: settings.to_dict()[name] for name in kept} == kept
    dropped = SAVED[run].keys() - kept.keys()
    assert dropped <= {"weights", "dense", "points", "negatives", "bank_momentum"}
    assert not dropped or settings.method != "hcmoco"


@pytest.mark.slow
def test_a_method_of_another_package_with_two_optimizers_runs_from_the_command_line(
    pretrain_store: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    small = ["--backbone", "test_resnet", "--size", "64", "--batch-size", "8", "--epochs", "2", "--code", "4"]
    command = ["pretrain", "--method", "adversarial", "--store", str(pretrain_store), *small, "--out", str(out)]
    done = CliRunner().invoke(app, [*command, "--checkpoint-every", "3", "--json", "--set", "trackers=[]"])
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    table = read_losses(out / "losses.csv")
    assert summary["steps"] == len(table["step"]) > 4
    assert {"lr/discriminator", "loss/discriminator", "mirror", "fooled", "told_apart"} <= set(table)
    assert set(table["lr/discriminator"]) == {"0.01"}
    state = load_checkpoint(out / "checkpoint.pth")
    assert set(state["optimizer"]) == {"encoder", "discriminator"}
    steps = {name: {int(one["step"]) for one in inner["state"].values()} for name, inner in state["optimizer"].items()}
    assert steps == {"encoder": {summary["steps"]}, "discriminator": {-(-summary["steps"] // 2)}}
    # cut back to the checkpoint before, the run ends with the same bits
    lines, model = (out / "losses.csv").read_bytes(), state["model"]
    (out / "checkpoint.pth").write_bytes((out / "checkpoint.pth").read_bytes()[:-100])
    again = CliRunner().invoke(app, ["pretrain", "--out", str(out), "--resume", "--json"])
    assert again.exit_code == 0, again.output
    assert (out / "losses.csv").read_bytes() == lines
    end = load_checkpoint(out / "checkpoint.pth")["model"]
    assert all(torch.equal(end[name], value) for name, value in model.items())
    # its encoder is exported, and fine-tuning knows it
    exported = ["export", "--ckpt", str(out / "checkpoint.pth"), "--modality", "rgb", "--to", "timm"]
    assert CliRunner().invoke(app, [*exported, "--out", str(tmp_path / "rgb.pth"), "-q"]).exit_code == 0
    refused = CliRunner().invoke(app, [*exported[:4], "depth", *exported[5:], "--out", str(tmp_path / "depth.pth")])
    assert "has no depth encoder; it has rgb" in str(refused.exception)
    card = ["export", "--ckpt", str(out / "checkpoint.pth"), "--modality", "rgb", "--to", "hub", "-q"]
    assert CliRunner().invoke(app, [*card, "--out", str(tmp_path / "hub")]).exit_code == 0
    text = (tmp_path / "hub" / "README.md").read_text("utf-8")
    assert "Adversarial codes" in text
    assert "| `adversary_lr` | `0.01` | Learning rate of the discriminator. |" in text


def test_a_method_can_be_handed_over_as_an_object(pretrain_store: Path, tmp_path: Path) -> None:
    class Renamed(Adversarial):
        record = Adversarial.record.__class__(**{**vars(Adversarial.record), "name": "renamed"})

    given = {"stores": [str(pretrain_store)], "backbone": "test_resnet", "image_size": 64, "batch_size": 16}
    settings = make_pretrain_settings(None, given | {"epochs": 1, "trackers": []}, method=Renamed())
    report = run_pretrain(settings, tmp_path, method=Renamed())
    assert load_pretrained(report.checkpoint, method=Renamed()).method.name == "renamed"
    with pytest.raises(UsageError, match="method 'renamed' is unknown"):
        load_pretrained(report.checkpoint)
    register_method(Renamed)
    try:
        assert load_pretrained(report.checkpoint).settings == settings
        with pytest.raises(UsageError, match="registered already"):
            register_method(Renamed)
    finally:
        METHODS.unregister("renamed")
