"""The page on DensePose says what the code prints and takes."""

from __future__ import annotations

from pathlib import Path

from hcmoco_bench.models.detectron2_hrnet import detectron2_hrnets
from hcmoco_bench.tasks.densepose.detectron2_commands import evaluation_command, link_commands, scoring_command

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "densepose.md").read_text("utf-8")


def test_the_commands_for_detectron2_are_those_that_export_prints() -> None:
    data, models = Path("/data/densepose"), Path("/models")
    evaluation = evaluation_command(models / "densepose-padded.yaml", models / "densepose-padding.py")
    commands = "\n".join([*link_commands(data), evaluation, scoring_command(data)])
    assert f"```\n{commands}\n```" in PAGE


def test_the_backbones_that_can_be_exported_are_named() -> None:
    *names, last = (f"`{name}`" for name in detectron2_hrnets())
    assert f"works for {', '.join(names)} and {last}" in PAGE.replace("\n", " ")
