"""The extra `synth`: what works without it, and what says that it is missing."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from hcmoco_bench.errors import MissingExtraError
from hcmoco_bench.synth.requirements import require_synth

REMEDY = "run: pip install 'hcmoco-bench[synth]'"

BLOCK = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("anny", "warp", "trimesh", "roma"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None

sys.meta_path.insert(0, Blocker())
"""


def without_the_extra(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run code in a process in which neither package can be imported."""
    program = BLOCK + textwrap.dedent(code)
    environment = {**os.environ, "COLUMNS": "200"}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "arguments",
    [
        ["synth", "ntu", "--out", "new", "--clips", "3"],
        ["synth", "itop", "--out", "new"],
        ["synth", "mpii", "--out", "new"],
        ["synth", "coco", "--out", "new"],
        ["synth", "densepose", "--out", "new"],
        ["synth", "human36m", "--out", "new"],
        ["synth", "shape", "--out", "new"],
        ["demo", "--out", "new"],
    ],
    ids=" ".join,
)
def test_a_command_that_generates_names_the_extra_in_one_line(arguments: list[str], tmp_path: Path) -> None:
    code = f"sys.argv = ['hcmoco-bench', *{arguments}]\nfrom hcmoco_bench.cli.app import main\nmain()"
    done = without_the_extra(code, tmp_path)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"error: generating people needs packages that are not installed (anny, warp-lang); {REMEDY}"
    )
    assert list(tmp_path.iterdir()) == [], "nothing was begun"


def test_everything_else_imports_without_the_extra(tmp_path: Path) -> None:
    code = """
    import importlib, pkgutil
    import hcmoco_bench
    names = [module.name for module in pkgutil.walk_packages(hcmoco_bench.__path__, "hcmoco_bench.")]
    drawing = {f"hcmoco_bench.priors.{name}" for name in ("generated", "moments", "random_poses")}
    left_out = {"hcmoco_bench.cli.__main__", *drawing}
    others = [name for name in names if name.split(".")[1] != "synth" and name not in left_out]
    for name in others:
        importlib.import_module(name)
    print(len(others), "warp" in sys.modules, "anny" in sys.modules)
    """
    done = without_the_extra(code, tmp_path)
    assert done.returncode == 0, done.stderr
    count, *heavy = done.stdout.split()
    assert int(count) > 200
    assert heavy == ["False", "False"]


def test_help_works_without_the_extra(tmp_path: Path) -> None:
    code = """
    from typer.testing import CliRunner
    from hcmoco_bench.cli.app import app
    for arguments in (["--help"], ["demo", "--help"], ["synth", "--help"], ["synth", "ntu", "--help"]):
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, done.output
    """
    done = without_the_extra(code, tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("module", "package"), [("anny", "anny"), ("warp", "warp-lang")])
def test_the_missing_package_is_named(module: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    require_synth()
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"\({package}\)") as caught:
        require_synth()
    assert isinstance(caught.value, ImportError)
