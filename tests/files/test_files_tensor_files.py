"""Files of tensors: what was saved comes back, nothing is run, and damage is told from foreign content."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from hcmoco_bench.files.tensor_files import TensorFileError, read_safetensors, read_torch_file

CONTENT = {"weight": torch.arange(64.0), "step": 3, "names": ["a", None]}


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.marker),)


def saved(path: Path, content: Any, *, zipped: bool = True) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


@pytest.mark.parametrize("zipped", [True, False])
def test_what_was_saved_comes_back(tmp_path: Path, zipped: bool) -> None:
    found = read_torch_file(saved(tmp_path / "a.pth", CONTENT, zipped=zipped))
    torch.testing.assert_close(found["weight"], CONTENT["weight"], rtol=0, atol=0)
    assert {key: found[key] for key in ("step", "names")} == {"step": 3, "names": ["a", None]}
    save_file({"weight": torch.arange(64.0)}, tmp_path / "a.safetensors")
    assert read_safetensors(tmp_path / "a.safetensors")["weight"].tolist() == list(range(64))


def test_older_files_can_be_refused(tmp_path: Path) -> None:
    with pytest.raises(TensorFileError, match=r"cut short or no \.pth file") as caught:
        read_torch_file(saved(tmp_path / "a.pth", CONTENT, zipped=False), older=False)
    assert caught.value.kind == "damaged"


@pytest.mark.parametrize("zipped", [True, False])
def test_objects_are_foreign_and_stay_asleep(tmp_path: Path, zipped: bool) -> None:
    path = saved(tmp_path / "a.pth", CONTENT | {"more": Trap(tmp_path / "executed")}, zipped=zipped)
    with pytest.raises(TensorFileError, match=r"it holds \w+\.\w+, which is never loaded") as caught:
        read_torch_file(path)
    assert caught.value.kind == "foreign"
    assert not (tmp_path / "executed").exists()


def test_one_wrong_bit_is_noticed(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.pth", CONTENT)
    content = bytearray(path.read_bytes())
    content[content.index(CONTENT["weight"].numpy().tobytes()) + 5] ^= 1
    path.write_bytes(content)
    assert torch.load(path, weights_only=True)["step"] == 3, "torch itself does not notice"
    with pytest.raises(TensorFileError, match=r"checksum of .* is wrong") as caught:
        read_torch_file(path)
    assert caught.value.kind == "damaged"


def test_cut_files_are_damaged_in_one_line(tmp_path: Path) -> None:
    whole = saved(tmp_path / "a.pth", CONTENT).read_bytes()
    save_file({"weight": torch.arange(64.0)}, tmp_path / "a.safetensors")
    safe = (tmp_path / "a.safetensors").read_bytes()
    for name, content, read in (("a.pth", whole, read_torch_file), ("a.safetensors", safe, read_safetensors)):
        for length in (0, 1, 50, len(content) // 2, len(content) - 1):
            (tmp_path / name).write_bytes(content[:length])
            with pytest.raises(TensorFileError) as caught:
                read(tmp_path / name)
            assert "\n" not in str(caught.value)
            assert name.endswith(".pth") or caught.value.kind == "damaged"
