"""The printed commands do what the demo does: the command line makes the same settings of them."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from hcmoco_bench.cli.app import app
from hcmoco_bench.demo import commands
from hcmoco_bench.demo.commands import DemoCommands, DemoFolders
from hcmoco_bench.demo.settings import RECIPE
from hcmoco_bench.pretrain.recipes import make_pretrain_settings
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings

FOLDERS = DemoFolders(Path("my demo"))
COMMANDS = DemoCommands(FOLDERS, seed=3)


class CaughtError(Exception):
    """Stops a command where the work would begin."""


def run(monkeypatch: pytest.MonkeyPatch, line: str, target: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What the command line hands to the library function that does the work."""
    caught: dict[str, Any] = {}

    def work(*args: Any, **kwargs: Any) -> None:
        caught["call"] = (args, kwargs)
        raise CaughtError

    monkeypatch.setattr(target, work)
    words = shlex.split(line)
    done = CliRunner().invoke(app, words[words.index("hcmoco-bench") + 1 :], catch_exceptions=True)
    assert isinstance(done.exception, CaughtError), done.output
    call: tuple[tuple[Any, ...], dict[str, Any]] = caught["call"]
    return call


@pytest.fixture(autouse=True)
def on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "_tool", lambda: ["hcmoco-bench"])


def test_pretraining(monkeypatch: pytest.MonkeyPatch) -> None:
    (config, folder), _ = run(monkeypatch, COMMANDS.pretrain(), "hcmoco_bench.pretrain.run.run_pretrain")
    assert config == make_pretrain_settings(RECIPE, {"stores": ["my demo/stores/pretrain"], "seed": 3})
    assert folder == Path("my demo/by-hand/run")


@pytest.mark.parametrize("seed", [0, 3])
def test_finetuning(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    line = DemoCommands(FOLDERS, seed).finetune("from scratch", None)
    (config, folder), given = run(monkeypatch, line, "hcmoco_bench.tasks.core.finetune.run_finetune")
    assert config == make_finetune_settings(None, {"stores": ["my demo/stores/parsing4k"]}, recipe=RECIPE)
    assert (config.task, config.init, config.ratio) == ("depth_parsing", "scratch", 0.2)
    assert folder == Path("my demo/by-hand/finetune/from-scratch")
    assert given["seeds"] == (seed,)
    assert given["name"] == "from scratch"


def test_generating_and_preparing(monkeypatch: pytest.MonkeyPatch) -> None:
    line = COMMANDS.synth(clips=5, frames=4)
    (out, plans, options), _ = run(monkeypatch, line, "hcmoco_bench.synth.ntu.ntu_tree.write_tree")
    assert (out, len(plans), {plan.n_frames for plan in plans}) == (Path("my demo/by-hand/ntu"), 5, {4})
    assert options.seed == 3
    (roots, to, chosen), given = run(monkeypatch, COMMANDS.prepare("parsing4k"), "hcmoco_bench.prepare.ntu.prepare_ntu")
    assert (roots, to, given["annotations"]) == (
        [Path("my demo/ntu")],
        Path("my demo/by-hand/stores/parsing4k"),
        Path("my demo/ntu"),
    )
    assert (chosen.set, chosen.align) == ("parsing4k", "registered")


def test_every_command_is_one_line_and_reads_the_demo_s_own_files() -> None:
    lines = [
        COMMANDS.verify("pretrain"), COMMANDS.publish("parsing4k", "pretrain"), COMMANDS.view(), COMMANDS.load(),
        COMMANDS.features(FOLDERS.run / "checkpoint.pth"), COMMANDS.pretrain(), COMMANDS.prepare("pretrain"),
    ]  # fmt: skip
    for line in lines:
        assert "\n" not in line
        words = shlex.split(line)
        for option in ("--out", "--to", "--frequencies"):
            if option in words:
                assert words[words.index(option) + 1].startswith("my demo/by-hand/")


def test_the_loading_command_runs_as_pasted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "it's $HOME" / commands.DATASET_NAME
    (tmp_path / "datasets.py").write_text("load_dataset = 'loaded {}'.format\n")
    line = DemoCommands(DemoFolders(folder.parent), 0).load()
    done = subprocess.run(["bash", "-c", f"PYTHONPATH={tmp_path} {line}"], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == f"loaded {folder}", done.stderr


def test_the_tool_is_named_as_the_shell_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    tool, python = (tmp_path / ".venv" / "bin" / name for name in ("hcmoco-bench", "python"))
    monkeypatch.setattr(commands, "sys", SimpleNamespace(executable=str(python)))
    assert COMMANDS.verify("pretrain").startswith(".venv/bin/python -m hcmoco_bench.cli.app verify ")
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", "/usr/bin")
    assert COMMANDS.verify("pretrain").startswith(".venv/bin/hcmoco-bench verify ")
    monkeypatch.setenv("PATH", str(tool.parent))
    assert COMMANDS.verify("pretrain").startswith("hcmoco-bench verify ")
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.chdir(tool.parent)
    assert COMMANDS.verify("pretrain").startswith("./hcmoco-bench verify ")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert COMMANDS.verify("pretrain").startswith(f"{tool} verify ")
