"""`export --to densepose-detectron2`, with checkpoints of random weights."""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from detectron2_files import write_evaluation
from typer.testing import CliRunner

from hcmoco_bench.cli.app import app
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.models.densepose.rcnn import DensePoseRCNN
from hcmoco_bench.models.foreign.detectron2_densepose import Detectron2DensePose
from hcmoco_bench.models.weights import load_weights
from hcmoco_bench.pretrain.methods.hcmoco import HCMoCoSettings
from hcmoco_bench.results.schema import PretrainEntry
from hcmoco_bench.tasks.core.checkpoints import checkpoint_config
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings
from hcmoco_bench.tasks.core.registry import get_task
from hcmoco_bench.training.checkpoint import save_checkpoint

SMALL = {"width": 16, "box_width": 24, "decoder_width": 12, "convolutions": 1, "head_width": 20, "pooled": 7}


def write(path: Path, **given: Any) -> Path:
    torch.manual_seed(0)
    config = make_finetune_settings("densepose", SMALL | {"root": "x", "init": "scratch"} | given)
    model = get_task("densepose").build_model(config)
    settings = checkpoint_config(get_task("densepose").record, config, PretrainEntry(method="scratch"), "last epoch")
    save_checkpoint(path, {"kind": "task", "config": settings, "model": model.state_dict()})
    return path


def export(checkpoint: Path, out: Path, *more: str) -> Any:
    arguments = ["export", "--ckpt", str(checkpoint), "--to", "densepose-detectron2", "--out", str(out), *more]
    return CliRunner().invoke(app, arguments)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """COCO's folder, with nothing in it but a file of the later name."""
    folder = tmp_path_factory.mktemp("root")
    (folder / "annotations").mkdir()
    (folder / "annotations" / "densepose_minival2014.json").write_text("{}")
    return folder


@pytest.fixture(scope="module")
def checkpoint(root: Path) -> Path:
    return write(root / "model.pth", root=str(root))  # takes seconds to make, so tests share one


def test_weights_and_configuration_are_written_and_load_back(checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "densepose.pth"
    done = export(checkpoint, out, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["backbone"] == "hrnet_w18"
    settings = yaml.safe_load(out.with_suffix(".yaml").read_text("utf-8"))
    assert settings["MODEL"]["WEIGHTS"] == str(out)
    assert settings["INPUT"]["MIN_SIZE_TEST"] == 800
    assert settings["INPUT"]["MAX_SIZE_TEST"] == 1333
    assert settings["SOLVER"]["BASE_LR"] == 0.01
    torch.manual_seed(9)
    config = make_finetune_settings("densepose", SMALL | {"root": "x", "init": "scratch"})
    model = get_task("densepose").build_model(config)
    assert isinstance(model, DensePoseRCNN)
    load_weights(model, Detectron2DensePose().from_published(torch.load(out, weights_only=True)["model"]))
    trained = torch.load(checkpoint, weights_only=True)["model"]
    background = ("people.box_predictor.deltas.weight", "people.box_predictor.deltas.bias")
    for name, value in model.state_dict().items():
        rows = slice(4, None) if name in background else slice(None)  # corrections of the background are never used
        wanted = trained[name]
        assert torch.equal(value[rows] if value.ndim else value, wanted[rows] if wanted.ndim else wanted), name


def test_the_printed_commands_name_files_that_are_there(checkpoint: Path, root: Path, tmp_path: Path) -> None:
    out = tmp_path / "a folder" / "densepose.pth"
    done = export(checkpoint, out)
    assert done.exit_code == 0, done.output
    printed = [line.strip() for line in done.stderr.splitlines()]
    commands = printed[printed.index("next, in detectron2's folder:") + 1 :]

    there = tmp_path / "detectron2"
    there.mkdir()
    for command in commands[:3]:
        subprocess.run(command, shell=True, cwd=there, check=True)
    linked = there / "datasets" / "coco" / "annotations" / "densepose_minival2014.json"
    assert linked.resolve() == (root / "annotations" / "densepose_minival2014.json").resolve()
    assert (there / "datasets" / "coco" / "val2014").is_symlink()

    variable, python, script, *arguments = shlex.split(commands[3])
    name, _, module = variable.partition("=")
    assert (name, python, script) == ("DETECTRON2_ENV_MODULE", "python", "projects/DensePose/train_net.py")
    parsed = detectron2_parser().parse_args(arguments)
    assert parsed.eval_only
    assert parsed.opts == []
    configuration = Path(parsed.config_file)
    assert all(path.is_absolute() and path.is_file() for path in (configuration, Path(module)))
    padded = yaml.safe_load(configuration.read_text("utf-8"))
    base = yaml.safe_load((configuration.parent / padded["_BASE_"]).read_text("utf-8"))
    assert Path(base["MODEL"]["WEIGHTS"]) == out
    assert base["DATASETS"]["TEST"] == ["densepose_coco_2014_minival"]
    assert f"def {padded['MODEL']['BACKBONE']['NAME']}(" in Path(module).read_text("utf-8")

    program, *scoring = shlex.split(commands[4])
    assert program == "hcmoco-bench"
    predictions = there / scoring[scoring.index("--predictions") + 1]
    write_evaluation(_parent(predictions), [])
    refused = CliRunner().invoke(app, [*scoring[:-1], str(predictions)])
    assert "get_eval_data.sh" in str(refused.exception)  # the command is understood; this root holds no tables


def _parent(path: Path) -> Path:
    path.parent.mkdir(parents=True)
    return path


def detectron2_parser() -> argparse.ArgumentParser:
    """The arguments of detectron2's `default_argument_parser` that a command for one machine meets."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config-file", default="")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--eval-only", action="store_true")
    parser.add_argument("--num-gpus", type=int, default=1)
    parser.add_argument("opts", default=None, nargs=argparse.REMAINDER)
    return parser


def test_a_model_that_was_trained_as_detectron2_does_is_evaluated_so(checkpoint: Path, tmp_path: Path) -> None:
    state, out = torch.load(checkpoint, weights_only=True), tmp_path / "densepose.pth"
    state["config"]["finetune"]["padding"] = False
    save_checkpoint(tmp_path / "model.pth", state)
    done = export(tmp_path / "model.pth", out, "--json")
    evaluation = json.loads(done.stdout)["commands"][3]
    assert evaluation == f"python projects/DensePose/train_net.py --config-file {tmp_path}/densepose.yaml --eval-only"
    assert sorted(path.name for path in tmp_path.glob("densepose*")) == ["densepose.pth", "densepose.yaml"]


def test_what_is_not_such_a_model_is_refused(tmp_path: Path) -> None:
    small = write(tmp_path / "small.pth", backbone="hrnet_w18_small", pooling="average")
    for out, match in ((tmp_path / "x.pth", "hrnet_w18_small"), (tmp_path / "x.safetensors", r"\.pth")):
        refused = export(small, out)
        with pytest.raises(UsageError, match=match):
            raise refused.exception
        assert not out.exists()
    encoder = tmp_path / "pre.pth"
    config = HCMoCoSettings(backbone="hrnet_w18_small", init="scratch", image_size=64)
    save_checkpoint(encoder, {"kind": "pretrain", "config": config.to_dict(), "model": {}})
    with pytest.raises(UsageError, match="fine-tune it first"):
        raise export(encoder, tmp_path / "x.pth").exception
    damaged = tmp_path / "damaged.pth"
    damaged.write_bytes(small.read_bytes()[:1000])
    with pytest.raises(DataError, match="damaged"):
        raise export(damaged, tmp_path / "x.pth").exception


def test_encoders_need_a_modality(tmp_path: Path) -> None:
    arguments = ["export", "--ckpt", "none.pth", "--to", "timm", "--out", str(tmp_path / "x.pth")]
    refused = CliRunner().invoke(app, arguments)
    assert isinstance(refused.exception, UsageError)
    assert "--modality rgb" in str(refused.exception)
