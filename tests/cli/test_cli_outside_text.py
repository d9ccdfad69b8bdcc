"""Whatever users' files, folders and ids are called: no command fails over a name, and messages show it as it is."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner

from hcmoco_bench.cli.app import app, main
from hcmoco_bench.errors import HcmocoBenchError
from hcmoco_bench.files.outside_text import printable, storable
from hcmoco_bench.plotting.save import save_figure
from hcmoco_bench.results import read_result
from hcmoco_bench.store.registry import open_store

GBK = os.fsdecode("数据".encode("gbk"))
NAMES = [GBK, os.fsdecode(b"bilder_\xe5"), "runs [v2]", "a[/b]", "[/x]", ":smile:", "$x", "\x1b[2J", "gpj\u202e.exe"]

COMMANDS = [
    ("{}",),
    ("verify", "{}"),
    ("view", "{}"),
    ("view", "{}", "{}", "--features", "{}", "--out", "there.png"),
    ("publish", "{}", "--to", "there"),
    ("join", "{}", "--root", "{}", "--out", "there"),
    ("calibrate", "--root", "{}"),
    ("prepare", "{}"),
    ("prepare", "ntu", "--root", "{}", "--out", "there"),
    ("prepare", "ntu", "--root", "{}", "--out", "{}"),
    ("prepare", "ntu", "--root", ".", "--annotations", "{}", "--lists", "{}", "--out", "there", "--set", "{}"),
    ("prepare", "mpii", "--root", "{}", "--out", "there"),
    ("prepare", "coco", "--root", "{}", "--out", "there"),
    ("prepare", "human36m", "--root", "{}", "--out", "there"),
    ("synth", "{}"),
    ("synth", "ntu", "--out", "there", "--names", "{}"),
    ("eval", "--task", "{}", "--ckpt", "model.pth"),
    ("eval", "--task", "depth_parsing", "--ckpt", "{}/model.pth"),
    ("eval", "--task", "depth_parsing", "--store", "{}", "--predictions", "{}"),
    ("eval", "--task", "itop_pose", "--root", "{}", "--predictions", "{}.npz"),
    ("eval", "--task", "densepose", "--root", "{}", "--predictions", "{}.json"),
    ("export", "--ckpt", "{}", "--modality", "depth", "--to", "{}", "--out", "there.pth"),
    ("export", "--ckpt", "{}/model.pth", "--modality", "depth", "--to", "timm", "--out", "there.pth"),
    ("finetune", "--task", "{}", "--out", "there"),
    ("finetune", "--config", "{}", "--out", "there"),
    ("finetune", "--task", "depth_parsing", "--set", "{}=1", "--out", "there"),
    ("finetune", "--task", "depth_parsing", "--store", "{}", "--init", "scratch", "--out", "out {}"),
    ("finetune", "--task", "depth_parsing", "--resume", "--out", "{}"),
    ("pretrain", "--method", "{}", "--out", "there"),
    ("pretrain", "--config", "{}", "--out", "there"),
    ("pretrain", "--set", "{}=1", "--out", "there"),
    ("pretrain", "--store", "{}", "--init", "scratch", "--out", "out {}"),
    ("pretrain", "--resume", "--out", "{}"),
    ("prior", "{}"),
    ("prior", "make", "--from", "{}", "--out", "there"),
    ("prior", "make", "--from", "ntu", "--store", "{}", "--out", "there"),
    ("prior", "make", "--from", "human36m", "--root", "{}", "--out", "there"),
    ("prior", "make", "--from", "release", "--file", "{}", "--out", "there"),
    ("prior", "show", "{}"),
    ("prior", "show", "{}", "--out", "there.png"),
    ("tasks", "{}"),
    ("methods", "{}"),
    ("settings", "--task", "{}"),
    ("settings", "--method", "{}"),
    ("leaderboard", "{}"),
    ("leaderboard", "show", "--task", "{}"),
    ("leaderboard", "show", "--board", "{}"),
    ("leaderboard", "add", "{}.json", "--board", "there"),
    ("leaderboard", "add", "{}.toml", "--board", "there"),
    ("leaderboard", "verify", "{}"),
    ("leaderboard", "verify", "--all", "--board", "{}"),
    ("leaderboard", "compare", "{}", "other"),
    ("leaderboard", "page", "--board", "{}", "--out", "there"),
    ("leaderboard", "export", "--to", "eee", "--task", "{}", "--out", "there"),
    ("leaderboard", "template", "--task", "{}"),
    ("audit", "{}"),
    ("audit", "{}.json"),
    ("audit", "{}/model.pth", "--no-images"),
    ("study", "{}"),
    ("study", "run", "{}", "--out", "there"),
    ("study", "run", "{}.toml", "--out", "there"),
    ("study", "run", "liftedcl", "--out", "there", "--size", "{}"),
    ("study", "run", "liftedcl", "--out", "there", "--size", "smoke", "--claim", "{}"),
    ("study", "report", "liftedcl", "--out", "{}", "--size", "smoke"),
]
"""Of every command, what fails over a name that is not there or not known; `{}` is the name."""


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_errors_show_what_was_given(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        monkeypatch.setattr(sys, "argv", ["hcmoco-bench", *(word.replace("{}", name) for word in command)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert ended.value.code in (1, 2), said
        shown = name.partition(".")[0] if "--set" in command else name  # a dot leads into a table of settings
        assert printable(shown) in said.err or repr(shown)[1:-1] in said.err, (name, said)
        assert "\x1b[2J" not in said.err
        said.err.encode()


def test_every_command_is_tried() -> None:
    tried = {words[0] for words in COMMANDS} | {" ".join(words[:2]) for words in COMMANDS}
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        if name != "demo":  # takes nothing from outside but its folder
            assert name in tried
        if name in ("prepare", "leaderboard", "prior"):
            assert {f"{name} {one}" for one in command.commands} <= tried


def rename(root: Path, name: str, *, missing: str) -> Path:
    """Root and images under another name; the image `missing` is listed and not there."""
    folder = root.with_name(name)
    root.rename(folder)
    path = folder / "annot" / "train.json"
    entries: list[dict[str, Any]] = json.loads(path.read_text())
    (folder / "images" / "0.jpg").rename(folder / "images" / f"{name}.jpg")
    entries[0]["image"] = f"{name}.jpg"
    entries[-1]["image"] = missing
    path.write_text(json.dumps(entries))
    return folder


def succeed(*words: str) -> str:
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


@pytest.mark.parametrize("name", [GBK, "a[b] [v2]", ":smile:$x$"])
def test_a_store_of_such_names(photograph_root: Path, tmp_path: Path, name: str) -> None:
    root, store = rename(photograph_root, name, missing=f"{name}-gone.jpg"), tmp_path / f"store {name}"
    prepare = ("prepare", "mpii", "--root", str(root), "--out", str(store), "--workers", "1")
    summary = json.loads(succeed(*prepare, "--json"))
    assert summary["store"] == storable(str(store))
    assert summary["problems"] == {"image_missing": 1}
    (problem,) = open_store(store).problems()
    assert problem.id == storable(f"{name}-gone.jpg")
    assert problem.file == f"images/{problem.id}"
    assert "nothing to do" in succeed(*prepare)
    assert json.loads(succeed("verify", str(store), "--json"))["passed"]
    assert succeed("verify", str(store)).startswith("ok:")
    sheet = tmp_path / f"{name}.png"
    succeed("view", str(store), storable(name), "--out", str(sheet), "-q")
    with Image.open(sheet) as image:
        image.load()


@pytest.mark.parametrize(
    "name",
    ["/etc/hostname", "../../secret.jpg", "a/../../secret.jpg", "", ".", "a\0b.jpg", "x" * 300, "\ud800.jpg"],
)
def test_no_annotation_opens_a_file_outside(photograph_root: Path, tmp_path: Path, name: str) -> None:
    cv2.imwrite(str(tmp_path / "secret.jpg"), np.zeros((60, 80, 3), np.uint8))
    path = photograph_root / "annot" / "train.json"
    entries = json.loads(path.read_text())
    entries[-1]["image"] = name
    path.write_text(json.dumps(entries))
    arguments = ["prepare", "mpii", "--root", str(photograph_root), "--out", str(tmp_path / "store"), "--workers", "1"]
    assert json.loads(succeed(*arguments, "--json"))["problems"] == {"path_outside": 1}
    assert json.loads(succeed("verify", str(tmp_path / "store"), "--json"))["passed"]


def test_formulas_in_ids_are_drawn_as_they_are(tmp_path: Path) -> None:
    figure = Figure(figsize=(1, 1))
    figure.suptitle("$\\nothing{$ " + GBK)
    figure.subplots().set_title("$a_{$")
    save_figure(figure, tmp_path / "sheet.png")
    assert figure.texts[0].get_text() == printable("$\\nothing{$ " + GBK)


@pytest.mark.parametrize("name", [GBK, "runs [v2]", "a*b", "what?", "a::b"])
def test_publish_refuses_a_folder_that_cannot_be_loaded(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["hcmoco-bench", "publish", "no-store", "--to", str(tmp_path / name / "set")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "load_dataset cannot read" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", [GBK, "a[b] [/x]", ":smile:$x$"])
def test_scores_of_such_names(generated_itop: Path, tmp_path: Path, name: str) -> None:
    root, here = tmp_path / f"itop {name}", tmp_path / f"out {name}"
    shutil.copytree(generated_itop, root)
    here.mkdir(parents=True)
    file_name = name.replace("/", "")
    with h5py.File(root / "ITOP_side_test_labels.h5") as file:
        valid = file["is_valid"][:] != 0
        ids, joints = file["id"][:][valid].astype("U"), file["real_world_coordinates"][:][valid]
    scoring = ("eval", "--task", "itop_pose", "--root", str(root), "--predictions", str(here / f"{file_name}.npz"))
    with (here / f"{file_name}.npz").open("wb") as handle:
        np.savez(handle, ids=np.array([name, *ids[1:]]), joints=joints)
    done = CliRunner().invoke(app, scoring)
    assert isinstance(done.exception, HcmocoBenchError)
    assert "1 not in the split" in printable(str(done.exception))
    assert printable(name) in printable(str(done.exception))
    with (here / f"{file_name}.npz").open("wb") as handle:
        np.savez(handle, ids=ids, joints=joints)
    result = here / f"{file_name}.json"
    shown = succeed(*scoring, "--out", str(result), "--sheet", "1", "--bootstrap", "10")
    assert f"result:   {printable(str(result))}" in shown
    read = read_result(result)
    assert read.scores.mean > 99
    assert all((here / one.file).is_file() for one in read.evidence)
    json.loads(result.read_text("utf-8"))
    assert sorted(path.suffix for path in here.iterdir()) == ["", ".json", ".npz", ".npz"]
    assert json.loads(succeed(*scoring, "--json"))["n_scored"] == len(ids)
