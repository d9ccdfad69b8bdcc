"""The command `prepare ntu`: defaults, summary, JSON, and one clear sentence for what goes wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from prepare_raw_tree import TRAIN, RawTree
from typer.testing import CliRunner, Result

from hcmoco_bench.cli import prepare as prepare_command
from hcmoco_bench.errors import DataError, StoreError, UsageError
from hcmoco_bench.store.kinds.ntu import NTU


def invoke(tree: RawTree, *more: str) -> Result:
    app = typer.Typer()
    prepare_command.register(app)
    arguments = ["prepare", "ntu", "--root", str(tree.root), "--lists", str(tree.root / "lists"), "--workers", "1"]
    return CliRunner().invoke(app, [*arguments, *more])


def test_the_summary_counts_and_says_what_is_next(small_tree: RawTree, tmp_path: Path) -> None:
    small_tree.depth(TRAIN[0][:20], 3).unlink()
    out = tmp_path / "store"
    result = invoke(small_tree, "--out", str(out))
    assert result.exit_code == 0, result.output
    text = " ".join(result.output.split())
    for words in ("train │ 3 │ 4", "depth_missing", "no part masks", f"hcmoco-bench verify {out}"):
        assert words in text, words
    again = invoke(small_tree, "--out", str(out))
    assert again.exit_code == 0
    assert "nothing to do" in " ".join(again.output.split())


def test_json_is_only_json(small_tree: RawTree, tmp_path: Path) -> None:
    result = invoke(small_tree, "--out", str(tmp_path / "store"), "--json", "--annotations", str(small_tree.masks))
    document = json.loads(result.stdout)
    assert document["splits"]["train"]["rows"] == 4
    assert document["parts"] is True
    assert document["problems"] == {}


def test_quiet_says_nothing(small_tree: RawTree, tmp_path: Path) -> None:
    result = invoke(small_tree, "--out", str(tmp_path / "store"), "--quiet")
    assert (result.exit_code, result.output) == (0, "")


def test_the_store_goes_home_by_default(small_tree: RawTree, tmp_path: Path) -> None:
    code = "from hcmoco_bench.cli import prepare; print(prepare.HOME)"
    for home, expected in (({}, "hcmoco-data"), ({"HCMOCO_HOME": str(tmp_path)}, str(tmp_path))):
        environment = {name: value for name, value in os.environ.items() if name != "HCMOCO_HOME"} | home
        found = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        assert found.stdout.strip() == expected


def test_options_reach_the_store(small_tree: RawTree, tmp_path: Path) -> None:
    out = tmp_path / "store"
    result = invoke(
        small_tree, "--out", str(out), "--set", "pretrain", "--every", "5", "--align", "registered",
        "--rows-per-shard", "3", "--seed", "4", "--quiet",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    options = NTU.open(out).manifest.options
    assert (options.set, options.every, options.align, options.rows_per_shard, options.seed) == (
        "pretrain", 5, "registered", 3, 4,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (["--rgb-only", "--align", "registered"], UsageError, "needs depth"),
        (["--scheduler", "tcp://a:1"], UsageError, "--executor dask"),
        (["--annotations", "nowhere"], DataError, "nowhere"),
        (["--root", "nowhere"], DataError, "nowhere"),
        (["--out", "/proc/store"], StoreError, "cannot be written"),
    ],
)
def test_what_cannot_work_is_one_sentence(
    small_tree: RawTree, tmp_path: Path, arguments: list[str], error: type[Exception], words: str
) -> None:
    out = [] if "--out" in arguments else ["--out", str(tmp_path / "store")]
    result = invoke(small_tree, *out, *arguments)
    assert isinstance(result.exception, error)
    assert words in str(result.exception)
    assert "\n" not in str(result.exception)


def test_help_is_instant_and_teaches() -> None:
    """No heavy library is imported to print help."""
    code = (
        "import sys\n"
        "from hcmoco_bench.cli import app\n"
        "heavy = {'cv2', 'av', 'numpy', 'pyarrow', 'torch', 'pydantic', 'distributed'}\n"
        "assert not heavy & set(sys.modules), sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    app = typer.Typer()
    prepare_command.register(app)
    text = CliRunner().invoke(app, ["prepare", "ntu", "--help"]).output
    assert "hcmoco-bench prepare ntu --root" in text
