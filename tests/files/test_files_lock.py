"""One writer per store, and the lock goes away with its holder."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from hcmoco_bench.errors import StoreError, StoreLockedError
from hcmoco_bench.files.lock import LOCK_FILE, folder_lock

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
