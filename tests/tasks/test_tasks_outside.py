"""Tasks, encoders and protocols of another package, found through its entry points or handed over as objects.

The package is `tests/outside_package`, installed as any other one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from typer.testing import CliRunner

from hcmoco_bench.cli.app import app
from hcmoco_bench.errors import UsageError
from hcmoco_bench.pretrain.recipes import make_pretrain_settings
from hcmoco_bench.pretrain.run import run_pretrain
from hcmoco_bench.results import read_result
from hcmoco_bench.tasks.core.checkpoints import load_task_checkpoint
from hcmoco_bench.tasks.core.evaluate import evaluate_checkpoint, evaluate_predictions
from hcmoco_bench.tasks.core.finetune import run_finetune
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings, scoring_settings
from hcmoco_bench.tasks.core.record import TaskRecord
from hcmoco_bench.tasks.core.registry import TASKS, get_task, register_task, task_names
from hcmoco_bench.tasks.parsing.depth import DepthParsing
from hcmoco_bench.tasks.parsing.protocols import NATIVE, ParsingProtocol


def test_a_task_and_an_encoder_of_another_package_run_from_the_command_line(tmp_path: Path) -> None:
    assert "gray_level" in task_names()
    out, base = tmp_path / "run", ["--task", "gray_level"]
    given = ["--backbone", "two_convolutions", "--init", "scratch", "--noise", "0.02", "--protocol", "strict"]
    done = CliRunner().invoke(app, ["finetune", *base, *given, "--epochs", "3", "--out", str(out), "--quiet"])
    assert done.exit_code == 0, done.output
    result = read_result(out / "result.json")
    assert (result.task.id, result.task.protocol, result.data.name) == (
        "gray_level",
        "strict",
        "gray images (generated)",
    )
    assert "protocol strict leaks: nothing but a test" in result.status.notes
    assert (result.model.backbone, result.data.n_scored) == ("two_convolutions", 6)
    assert json.loads((out / "seed-0" / "config.json").read_text("utf-8"))["options"] == {"noise": 0.02}
    model = str(out / "seed-0" / "model.pth")
    again = CliRunner().invoke(app, ["eval", *base, "--ckpt", model, "--json"])
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout)["scores"]["error"] == result.scores.mean
    # the other protocol's rule, by hand
    checkpoint = load_task_checkpoint(Path(model), "gray_level")
    native = evaluate_checkpoint(
        "gray_level", checkpoint, scoring_settings("gray_level", checkpoint.config, {"protocol": "native"})
    ).evaluation
    strict = evaluate_checkpoint("gray_level", checkpoint, checkpoint.config).evaluation
    assert strict.scores["error"] == pytest.approx((native.evidence.columns["error"] ** 2).mean())
    refused = CliRunner().invoke(app, ["finetune", *base, "--set", "framing=person", "--out", str(tmp_path / "no")])
    assert "framing is a setting of" in str(refused.exception)
    with pytest.raises(UsageError, match="noise is a setting of gray_level, not of itop_pose"):
        make_finetune_settings("itop_pose", {"noise": 1.0})


def test_predictions_are_scored_by_the_rules_of_a_task_object(tmp_path: Path) -> None:
    task = get_task("gray_level")
    path = tmp_path / "levels.json"
    path.write_text(json.dumps({f"test-{row}": row / 6 + 0.5 for row in range(6)}), "utf-8")
    for protocol, error in (("native", 0.5), ("strict", 0.25)):
        config = make_finetune_settings(task, {"protocol": protocol})
        report = evaluate_predictions(task, path, config, bootstrap=0)
        assert report.evaluation.scores["error"] == pytest.approx(error)


def test_an_encoder_of_another_package_is_pretrained_and_fine_tuned(
    parsing_store: Path, small: dict[str, Any], tmp_path: Path
) -> None:
    settings = make_pretrain_settings(
        None,
        {
            "method": "cmc",
            "backbone": "two_convolutions",
            "init": "scratch",
            "stores": (str(parsing_store),),
            "image_size": 64,
            "batch_size": 4,
            "negatives": "batch",
            "stage1_epochs": 1,
            "stage2_epochs": 0,
            "trackers": (),
        },
    )
    run_pretrain(settings, tmp_path / "pre")
    ckpt = tmp_path / "pre" / "checkpoint.pth"
    given = {name: value for name, value in small.items() if name not in ("backbone", "init")}
    config = make_finetune_settings("depth_parsing", given | {"ckpt": str(ckpt), "epochs": 1})
    assert config.backbone == "two_convolutions"
    model = get_task("depth_parsing").build_model(config)
    source = torch.load(ckpt, weights_only=True)["model"]
    for name, value in model.state_dict().items():
        if name.startswith("encoder."):
            assert torch.equal(value, source[f"depth_{name}"])
    report = run_finetune(config, tmp_path / "run", bootstrap=0, sheet_size=0)
    assert report.written is not None
    assert report.written.result.data.n_scored == 13
    onward = make_finetune_settings(
        "rgb_parsing", small | {"backbone": "two_convolutions", "init": str(tmp_path / "run" / "seed-0" / "model.pth")}
    )
    kept = load_task_checkpoint(tmp_path / "run" / "seed-0" / "model.pth", "depth_parsing").model
    for name, value in get_task("rgb_parsing").build_model(onward).encoder.state_dict().items():
        assert torch.equal(value, kept[f"encoder.{name}"])


LENIENT = ParsingProtocol(
    name="mirrored",
    summary="As native, with scores of the mirror image averaged in; absent classes score 0.",
    framing="fit",
    person_framing=True,
    label_size=None,
    mirror_averaging=True,
    absent="zero",
    chooses_on_test=True,
)


class MirroredDepthParsing(DepthParsing):
    record: ClassVar[TaskRecord] = DepthParsing.record.model_copy(update={"protocols": (NATIVE, LENIENT)})


def test_a_further_protocol_is_one_more_object(small: dict[str, Any], tmp_path: Path) -> None:
    task = MirroredDepthParsing()
    config = make_finetune_settings(task, small | {"protocol": "mirrored", "choose": "best", "epochs": 1})
    report = run_finetune(config, tmp_path / "run", task=task, bootstrap=0, sheet_size=0)
    assert report.written is not None
    assert report.written.result.task.protocol == "mirrored"
    assert "the epoch was chosen on the test split: a leak" in report.written.result.status.notes
    model = load_task_checkpoint(tmp_path / "run" / "seed-0" / "model.pth", task)
    mirrored = evaluate_checkpoint(task, model, model.config).evaluation
    native = evaluate_checkpoint(task, model, scoring_settings(task, model.config, {"protocol": "native"})).evaluation
    assert (mirrored.evidence.meta["absent"], native.evidence.meta["absent"]) == ("zero", "skip")
    assert mirrored.scores == report.runs[0].evaluation.scores  # type: ignore[union-attr]
    # the registered task of the same name does not know the protocol
    with pytest.raises(UsageError, match="there is no protocol 'mirrored'; there are native, published"):
        make_finetune_settings("depth_parsing", {"protocol": "mirrored"})
    with pytest.raises(UsageError, match="these are settings of depth_parsing, not of rgb_parsing"):
        run_finetune(config, tmp_path / "other", task="rgb_parsing")


def test_a_protocol_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="label_size needs framing = stretch"):
        ParsingProtocol(**{**dict(LENIENT), "label_size": (100, 100)})


def test_a_task_is_registered_once_under_its_name() -> None:
    class Other(DepthParsing):
        record: ClassVar[TaskRecord] = DepthParsing.record.model_copy(update={"id": "other_parsing"})

    register_task(Other)
    try:
        assert get_task("other_parsing").record.id == "other_parsing"
        assert make_finetune_settings("other_parsing", {}).task == "other_parsing"
        with pytest.raises(UsageError, match="'other_parsing' is registered already"):
            register_task(Other())
        with pytest.raises(UsageError, match="'depth_parsing' is registered already"):
            register_task(MirroredDepthParsing())
    finally:
        TASKS.unregister("other_parsing")
    with pytest.raises(UsageError, match="did you mean"):
        get_task("other_parsing")
