"""One writer per store, and the lock goes away with its holder."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hcmoco_bench.errors import StoreError, StoreLockedError
from hcmoco_bench.files.lock import LOCK_FILE, folder_lock, moving_folder_lock

HOLD = """
import sys
from pathlib import Path
from hcmoco_bench.files.lock import folder_lock
with folder_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_writer_is_told_who_the_first_is(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    with (
        pytest.raises(StoreLockedError, match=f"process {holder.pid} on {socket.gethostname()} is writing"),
        folder_lock(tmp_path),
    ):
        pass
    assert holder.poll() is None
    holder.communicate("")
    with folder_lock(tmp_path):
        assert (tmp_path / LOCK_FILE).read_text() == f"process {os.getpid()} on {socket.gethostname()}"
    assert list(tmp_path.iterdir()) == []


def test_a_killed_writer_holds_nothing(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()
    assert (tmp_path / LOCK_FILE).exists()
    with folder_lock(tmp_path), pytest.raises(StoreLockedError), folder_lock(tmp_path):
        pass


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be written"), folder_lock(tmp_path / "nowhere"):
        pass


def test_a_folder_that_moves_is_held_under_its_first_name_only(tmp_path: Path) -> None:
    folder, moved = tmp_path / "a", tmp_path / "b"
    folder.mkdir()
    with moving_folder_lock(folder, busy="busy"):
        assert list(folder.iterdir()) == []
        with pytest.raises(StoreLockedError, match=r"^busy$"), moving_folder_lock(folder, busy="busy"):
            pass
        folder.rename(moved)
        folder.mkdir()
        with moving_folder_lock(folder, busy="busy"):
            pass
        with pytest.raises(StoreLockedError), moving_folder_lock(moved, busy="busy"):
            pass
    with moving_folder_lock(moved, busy="busy"):
        pass
    with pytest.raises(StoreError), moving_folder_lock(tmp_path / "nowhere", busy="busy"):
        pass


def test_a_folder_that_moves_while_it_is_being_locked_is_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    lock = fcntl.flock

    def other_process_is_faster(descriptor: int, operation: int) -> None:
        folder.rename(tmp_path / "b")
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", other_process_is_faster)
    with pytest.raises(StoreLockedError, match="busy"), moving_folder_lock(folder, busy="busy"):
        pass


@pytest.mark.parametrize("lock", [folder_lock, partial(moving_folder_lock, busy="busy")])
def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lock: Any) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(StoreError, match=r"No locks available.*flock"), lock(tmp_path):
        pass


def test_a_lock_that_links_to_another_file_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "precious.txt"
    other.write_text("content", "utf-8")
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / LOCK_FILE).symlink_to(other)
    with pytest.raises(StoreError, match=r"\.lock"), folder_lock(tmp_path / "store"):
        pass
    assert other.read_text("utf-8") == "content"
