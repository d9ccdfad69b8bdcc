"""Other programs' checkpoints on the command line: `eval` scores whole models, `finetune` takes encoders."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import Result
from torch import Tensor, nn
from typer.testing import CliRunner

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.cli.app import app
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.models.a2j import A2J
from hcmoco_bench.models.densepose.rcnn import DensePoseRCNN
from hcmoco_bench.models.densepose.settings import RCNNSettings
from hcmoco_bench.models.encoders import create_encoder
from hcmoco_bench.models.foreign.registry import FORMATS
from hcmoco_bench.models.segmentation import SegmentationNet
from hcmoco_bench.pretrain.multimodal.model import MultiModalModel
from hcmoco_bench.results.evidence import load_evidence
from hcmoco_bench.results.schema import PretrainEntry
from hcmoco_bench.tasks.core.checkpoints import TaskCheckpoint, load_task_checkpoint
from hcmoco_bench.tasks.core.evaluate import evaluate_checkpoint
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings
from hcmoco_bench.tasks.core.registry import get_task
from hcmoco_bench.tasks.core.task import Task

SMALL = "hrnet_w18_small"


def published(name: str, model: nn.Module, *, wrapper: str = "") -> dict[str, Any]:
    """What the program of a format saves of a model, behind the name of a wrapper."""
    content = FORMATS.get(name).to_published(model.state_dict())
    container = next((key for key, value in content.items() if isinstance(value, dict)), None)
    state = content if container is None else content[container]
    state = OrderedDict((wrapper + key, value) for key, value in state.items())
    return state if container is None else {container: state}


def command(*words: object) -> Result:
    return CliRunner().invoke(app, [*map(str, words), "--quiet"], catch_exceptions=False)


def done(*words: object) -> None:
    result = command(*words)
    assert result.exit_code == 0, result.output


def scored_as_own(task: Task[Any], model: nn.Module, given: dict[str, Any], out: Path, path: Path) -> None:
    """Check a written result against the evaluation of the same network as a model of this tool."""
    written = json.loads(out.read_text())
    checkpoint = TaskCheckpoint(
        path=Path("own.pth"),
        sha256="0" * 64,
        config=make_finetune_settings(task, given),
        pretrain=PretrainEntry(method="scratch"),
        model=model.state_dict(),
        chosen_on="last epoch",
    )
    own = evaluate_checkpoint(task, checkpoint, checkpoint.config).evaluation
    evidence = load_evidence(out.with_name(written["evidence"][0]["file"]))
    for name, column in own.evidence.columns.items():
        np.testing.assert_array_equal(evidence.columns[name], column)
    assert written["scores"]["mean"] == own.scores[task.record.main_score]
    assert written["model"] == {
        "name": path.stem,
        "backbone": given["backbone"],
        "weights_sha256": file_sha256(path),
        "pretrain": {"method": "weights", "data": None, "init": path.name},
        "training": None,
    }
    assert (written["run"]["seeds"], written["run"]["config_sha256"]) == ([], None)
    assert written["status"]["notes"][0].startswith(f"the weights are from {path.name}, a file of ")
    assert written["status"]["notes"][0].endswith("how they were trained is not known")
    assert written["status"]["tier"] == "self-reported"


@pytest.fixture(scope="module")
def segmentation() -> SegmentationNet:
    torch.manual_seed(0)
    return SegmentationNet(create_encoder(SMALL), 25)


@pytest.mark.parametrize("file", ["best.pth", "checkpoint.pth.tar"])
def test_hrnet_segmentation_is_scored(
    parsing_store: Path, segmentation: SegmentationNet, tmp_path: Path, file: str
) -> None:
    path, out = tmp_path / file, tmp_path / "result.json"
    state = published("hrnet-semantic-segmentation", segmentation)
    state["loss.criterion.weight"] = torch.ones(25)
    trainer = {"epoch": 3, "best_mIoU": np.float64(0.371), "state_dict": state, "optimizer": {"state": {}}}
    torch.save(state if file == "best.pth" else trainer, path, _use_new_zipfile_serialization=file != "best.pth")
    done(
        *("eval", "--task", "depth_parsing", "--ckpt", path, "--store", parsing_store, "--size", 64),
        *("--out", out, "--bootstrap", 0, "--sheet", 0),
    )
    given = {"backbone": SMALL, "image_size": 64, "stores": (str(parsing_store),)}
    scored_as_own(get_task("depth_parsing"), segmentation, given, out, path)


def test_a2j_is_scored(generated_itop: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = A2J(create_encoder(SMALL), 15, width=16)
    path, out = tmp_path / "net_49_wetD_0.8.pth", tmp_path / "result.json"
    torch.save(published("a2j", model, wrapper="module."), path)
    done(
        *("eval", "--task", "itop_pose", "--ckpt", path, "--root", generated_itop, "--size", 64),
        *("--out", out, "--bootstrap", 0, "--sheet", 0),
    )
    given = {"backbone": SMALL, "image_size": 64, "head_width": 16, "root": str(generated_itop)}
    scored_as_own(get_task("itop_pose"), model, given, out, path)


@pytest.mark.parametrize(
    ("name", "backbone", "suffix", "built"),
    [
        ("detectron2-densepose", "hrnet_w18", ".pth", {"levels": 3}),
        ("detectron2-densepose-fpn", "resnet50_caffe", ".pkl", {"neck": "fpn", "levels": 5}),
    ],
)
def test_detectron2s_densepose_is_scored(
    generated_densepose: Path, tmp_path: Path, name: str, backbone: str, suffix: str, built: dict[str, Any]
) -> None:
    sizes: dict[str, Any] = {"width": 8, "box_width": 8, "decoder_width": 8, "convolutions": 1, "head_width": 8}
    sizes |= built
    torch.manual_seed(0)
    encoder = create_encoder(backbone, fusion="nearest")
    model = DensePoseRCNN(encoder, RCNNSettings(**sizes, pooled=7))
    with torch.no_grad():
        model.people.box_predictor.deltas.weight[:4] = 0  # detectron2 has no corrections for the background
    root = Path(shutil.copytree(generated_densepose, tmp_path / "root"))
    path, out = tmp_path / f"model_final_d366fa{suffix}", tmp_path / "result.json"
    content = published(name, model)
    if suffix == ".pkl":
        arrays = {key: value.numpy() for key, value in content["model"].items()}
        path.write_bytes(pickle.dumps({"model": arrays, "__author__": "Detectron2 Model Zoo"}))
    else:
        torch.save(content | {"iteration": 129999}, path)
    options = {"image_size": 64, "pooled": 7, "smallest_score": 0.0, "proposals_after": (40, 20)}
    typed = ["--set", "pooled=7", "--set", "smallest_score=0.0", "--set", "proposals_after=[40, 20]"]
    done(
        *("eval", "--task", "densepose", "--ckpt", path, "--root", root, "--size", 64, *typed),
        *("--out", out, "--bootstrap", 0, "--sheet", 0),
    )
    given = sizes | options | {"backbone": backbone, "root": str(root)}
    given |= {"pixels": "bgr"} if suffix == ".pkl" else {}
    scored_as_own(get_task("densepose"), model, given, out, path)


def test_bgr_pixels_reach_the_backbone_as_detectron2_makes_them() -> None:
    given = {
        "backbone": SMALL,
        "init": "scratch",
        "root": "x",
        "levels": 3,
        "pixels": "bgr",
        "width": 8,
        "head_width": 8,
    }
    model = get_task("densepose").build_model(make_finetune_settings("densepose", given), fresh=False)
    seen: list[Tensor] = []
    model.encoder.backbone.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0]))
    rgb = torch.randint(0, 256, (1, 3, 64, 64)).float()
    mean, deviation = torch.tensor([123.675, 116.28, 103.53]), torch.tensor([58.395, 57.12, 57.375])
    model.encoder((rgb - mean[:, None, None]) / deviation[:, None, None])
    torch.testing.assert_close(seen[0], rgb.flip(1) - mean.flip(0)[:, None, None], rtol=0, atol=1e-3)


@pytest.fixture(scope="module")
def hcmoco(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, MultiModalModel]:
    """A checkpoint of HCMoCo's trainer, and its networks."""
    torch.manual_seed(0)
    model = MultiModalModel(create_encoder(SMALL), create_encoder(SMALL), joint_set("mpii16"))
    path = tmp_path_factory.mktemp("hcmoco") / "ckpt_epoch_200.pth"
    torch.save(published("hcmoco", model) | {"optimizer": {"state": {}}, "epoch": 200}, path)
    return path, model


def test_finetune_takes_the_encoder_of_its_modality(
    parsing_store: Path, hcmoco: tuple[Path, MultiModalModel], tmp_path: Path
) -> None:
    path, model = hcmoco
    done(
        *("finetune", "--task", "depth_parsing", "--ckpt", path, "--store", parsing_store, "--size", 64),
        *("--batch-size", 8, "--epochs", 1, "--lr", 1e-12, "--out", tmp_path / "run", "--sheet", 0),
    )
    written = json.loads((tmp_path / "run/result.json").read_text())
    assert written["model"]["backbone"] == SMALL
    assert written["model"]["pretrain"] == {"method": "weights", "data": None, "init": path.name}
    assert any("a file of HCMoCo (PyContrast); how they were trained" in note for note in written["status"]["notes"])
    trained = load_task_checkpoint(tmp_path / "run/seed-0/model.pth", "depth_parsing").model
    for name, value in model.depth_encoder.named_parameters():
        torch.testing.assert_close(trained[f"encoder.{name}"], value, rtol=0, atol=1e-6)


@pytest.mark.parametrize("prefix", ["module.encoder_q.", "encoder_q.", ""])
def test_liftedcl_and_moco_give_their_query_encoder(tmp_path: Path, prefix: str) -> None:
    torch.manual_seed(0)
    network = create_encoder("resnet18").backbone
    state = {prefix + name: value for name, value in network.state_dict().items()}
    wrapper = prefix.removesuffix("encoder_q.")
    for head in ("mlp_invariant.0.weight", "conv_variant.2.bias", "lifting.fc1.weight", "fc.2.weight"):
        state[prefix + head] = torch.ones(2)
    if prefix:
        state |= {f"{wrapper}encoder_k.{name}": torch.zeros_like(value) for name, value in network.state_dict().items()}
    state |= {f"{wrapper}queue_inv": torch.ones(4, 8), f"{wrapper}queue_ptr": torch.zeros(1, dtype=torch.long)}
    path = tmp_path / "checkpoint_0199.pth.tar"
    torch.save({"epoch": 200, "arch": "resnet18", "state_dict": state, "optimizer": {}}, path)
    config = make_finetune_settings("rgb_parsing", {"ckpt": str(path), "stores": ("x",)})
    assert config.backbone == "resnet18"
    model = get_task("rgb_parsing").build_model(config)
    assert all(
        torch.equal(value, network.state_dict()[name]) for name, value in model.encoder.backbone.state_dict().items()
    )
    named = make_finetune_settings("rgb_parsing", {"init": str(path), "backbone": "resnet18", "stores": ("x",)})
    again = get_task("rgb_parsing").build_model(named)
    assert torch.equal(again.encoder.backbone.conv1.weight, network.conv1.weight)


def test_eval_says_what_else_a_file_is(
    hcmoco: tuple[Path, MultiModalModel], segmentation: nn.Module, tmp_path: Path
) -> None:
    path, _ = hcmoco
    with pytest.raises(UsageError, match=r"HCMoCo.*without a head.*finetune --task rgb_parsing --ckpt"):
        load_task_checkpoint(path, "rgb_parsing")
    torch.save(published("hrnet-semantic-segmentation", segmentation), tmp_path / "best.pth")
    with pytest.raises(UsageError, match="which depth_parsing and rgb_parsing can score, not itop_pose"):
        load_task_checkpoint(tmp_path / "best.pth", "itop_pose")
    with pytest.raises(UsageError, match="not cross_modality"):
        load_task_checkpoint(tmp_path / "best.pth", "cross_modality")
    with pytest.raises(UsageError, match=rf"its backbone is {SMALL}, not hrnet_w48; leave --backbone out"):
        load_task_checkpoint(tmp_path / "best.pth", "depth_parsing", backbone="hrnet_w48")
    torch.save({"bert.weight": torch.ones(1)}, tmp_path / "bert.pth")
    with pytest.raises(DataError, match=r"neither a model of hcmoco-bench nor .*begin with bert\.weight"):
        load_task_checkpoint(tmp_path / "bert.pth", "depth_parsing")
    wide = {
        name.replace("layer1.0.conv1.weight", "layer1.0.other.weight"): v
        for name, v in published("plain-encoder", create_encoder("resnet18").backbone).items()
    }
    torch.save(wide, tmp_path / "wide.pth")
    with pytest.raises(UsageError, match="do not tell its backbone; give --backbone"):
        make_finetune_settings("rgb_parsing", {"ckpt": str(tmp_path / "wide.pth"), "stores": ("x",)})
    config = make_finetune_settings("cross_modality", {"ckpt": str(path), "stores": ("x", "y")})
    with pytest.raises(UsageError, match=r"another program.*--init"):
        get_task("cross_modality").build_model(config)


def test_one_tensor_too_few_or_too_many_is_refused(
    parsing_store: Path, segmentation: nn.Module, tmp_path: Path
) -> None:
    state = published("hrnet-semantic-segmentation", segmentation)
    few = {name: value for name, value in state.items() if name != "model.stage4.0.branches.0.1.bn2.bias"}
    torch.save(few, tmp_path / "few.pth")
    torch.save(state | {"model.aux_head.0.weight": torch.ones(1)}, tmp_path / "many.pth")
    for file, why in (("few.pth", "do not tell its backbone"), ("many.pth", r"1 not in the network: .*aux_head")):
        words = ("eval", "--task", "depth_parsing", "--ckpt", tmp_path / file, "--store", parsing_store, "--size", 64)
        with pytest.raises((DataError, UsageError), match=why):
            command(*words, "--out", tmp_path / "result.json")
    assert not (tmp_path / "result.json").exists()


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.marker),)


class NumpyTrap:
    """A numpy number by its name, of a type that would run something."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return type(np.float64(0).__reduce__()[0]) and np.float64(0).__reduce__()[0], (Trap(self.marker), b"\0" * 8)


@pytest.mark.parametrize("file", ["best.pth", "legacy.pth", "number.pth.tar", "model.pkl"])
def test_a_malicious_file_is_refused_and_nothing_of_it_runs(segmentation: nn.Module, tmp_path: Path, file: str) -> None:
    marker, path = tmp_path / "executed", tmp_path / file
    state = published("hrnet-semantic-segmentation", segmentation)
    if file == "model.pkl":
        path.write_bytes(pickle.dumps({"model": {"backbone.bottom_up.conv1.weight": Trap(marker)}}))
    elif file == "number.pth.tar":
        torch.save({"best_mIoU": NumpyTrap(marker), "state_dict": state}, path)
    else:
        torch.save(state | {"more": Trap(marker)}, path, _use_new_zipfile_serialization=file == "best.pth")
    for words in (
        ("eval", "--task", "depth_parsing"),
        ("finetune", "--task", "depth_parsing", "--out", tmp_path / "run"),
    ):
        with pytest.raises(DataError):
            command(*words, "--ckpt", path, "--store", tmp_path)
    assert not marker.exists()
