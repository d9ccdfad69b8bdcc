"""Checkpoints survive crashes and refuse what is damaged or foreign."""

from __future__ import annotations

import os
import pickle
import resource
from pathlib import Path

import pytest
import torch

from hcmoco_bench.errors import DataError, StoreError
from hcmoco_bench.files.tensor_files import read_torch_file, write_torch_file
from hcmoco_bench.training.checkpoint import load_checkpoint, save_checkpoint
from hcmoco_bench.training.run_files import previous_checkpoint


def state(number: int) -> dict[str, object]:
    weights = torch.arange(4096, dtype=torch.float32) + number
    return {"kind": "pretrain", "config": {"lr": 0.03, "clip": None}, "model": {"weight": weights}, "step": number}


class Bomb:
    """Would make a folder if it were unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder),)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "a.pth", state(3))
    loaded = load_checkpoint(tmp_path / "a.pth")
    assert loaded["step"] == 3
    assert loaded["config"] == {"lr": 0.03, "clip": None}
    assert torch.equal(loaded["model"]["weight"], state(3)["model"]["weight"])


def test_the_one_before_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    for number in range(3):
        save_checkpoint(path, state(number))
    assert load_checkpoint(path)["step"] == 2
    assert load_checkpoint(previous_checkpoint(path))["step"] == 1
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.previous.pth", "a.pth"]


def test_a_crash_while_writing_leaves_the_last_one(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    save_checkpoint(path, state(1))
    pid = os.fork()
    if pid == 0:  # a process that dies when half of the new file is written
        real = torch.save

        def die(content: object, handle: object, **options: object) -> None:
            real({"half": torch.zeros(10_000)}, handle)
            os._exit(9)

        torch.save = die
        save_checkpoint(path, state(2))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
    assert load_checkpoint(path)["step"] == 1


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_file_cut_short_is_refused(tmp_path: Path, share: float) -> None:
    path = tmp_path / "a.pth"
    save_checkpoint(path, state(1))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match="damaged") as caught:
        load_checkpoint(path)
    assert caught.value.kind == "checkpoint_damaged"
    assert "\n" not in str(caught.value)


def test_one_wrong_bit_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    save_checkpoint(path, state(1))
    content = bytearray(path.read_bytes())
    place = content.index(torch.tensor([2000.0, 2001.0]).numpy().tobytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="checksum"):
        load_checkpoint(path)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    torch.save(state(1) | {"format": "hcmoco-bench-checkpoint-1", "bomb": Bomb(tmp_path / "boom")}, tmp_path / "a.pth")
    (tmp_path / "b.pth").write_bytes(pickle.dumps(Bomb(tmp_path / "boom")))
    for name in ("a.pth", "b.pth"):
        with pytest.raises(DataError):
            load_checkpoint(tmp_path / name)
    assert not (tmp_path / "boom").exists()


@pytest.mark.parametrize("content", [[1, 2], {"state_dict": {}}, {"format": "hcmoco-bench-checkpoint-1"}])
def test_a_foreign_file_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(DataError, match="not a checkpoint of hcmoco-bench") as caught:
        load_checkpoint(tmp_path / "a.pth")
    assert caught.value.kind == "checkpoint_foreign"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.pth: no such checkpoint"):
        load_checkpoint(tmp_path / "a.pth")


@pytest.mark.parametrize("kilobytes", [1, 30, 60, 95])
@pytest.mark.parametrize("older", [False, True], ids=["archive", "older form"])
def test_a_full_disk_is_told_in_a_sentence_and_leaves_the_last_checkpoint(
    kilobytes: int, older: bool, tmp_path: Path
) -> None:
    path, tensors = tmp_path / "a.pth", {f"w{number}": torch.randn(700) for number in range(36)}
    write_torch_file(path, {"step": 1})
    pid = os.fork()
    if pid == 0:  # a process that may not write more
        resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes * 1000, kilobytes * 1000))
        try:
            write_torch_file(path, tensors, zip_format=not older)
        except StoreError as error:
            os._exit(0 if "the file may not grow" in str(error) else 2)
        finally:
            os._exit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert read_torch_file(path) == {"step": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["a.pth"]
    write_torch_file(path, tensors, zip_format=not older)
    assert all(torch.equal(value, tensors[name]) for name, value in read_torch_file(path).items())
