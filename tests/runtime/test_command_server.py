"""Commands in forks of a server: what they get, how they end, and that nothing outlives its caller."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hcmoco_bench.runtime.command_server import CommandServer

PROGRAM = """
import json, os, signal, sys, time
from pathlib import Path
from hcmoco_bench.runtime.command_server import wait_for_command
server = os.getpid()
words = wait_for_command()
what = words[0]
if what == "tell":
    print(json.dumps([words, os.getcwd(), os.environ["COLOR"], sys.stdin.read(), server, os.getpid(), os.getppid()]))
    print("and an error", file=sys.stderr)
elif what == "exit":
    sys.exit(int(words[1]))
elif what == "raise":
    raise ValueError("broken")
elif what == "signal":
    os.kill(os.getpid(), signal.SIGTERM)
elif what == "kill server":
    os.kill(server, signal.SIGKILL)
    time.sleep(60)
elif what == "compute":
    end = time.process_time() + 0.3
    while time.process_time() < end:
        pass
elif what == "wait":
    Path("process").write_text(str(os.getpid()))
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        Path("interrupted").write_text("yes")
        if len(words) > 1:
            time.sleep(60)
        raise
"""


@pytest.fixture
def server(tmp_path: Path) -> CommandServer:
    package = str(Path(__file__).resolve().parents[2])
    return CommandServer(
        (sys.executable, "-c", PROGRAM), tmp_path, os.environ | {"COLOR": "blue", "PYTHONPATH": package}
    )


def ended(process: int) -> bool:
    end = time.monotonic() + 20
    while Path(f"/proc/{process}").exists() and time.monotonic() < end:
        time.sleep(0.02)
    return not Path(f"/proc/{process}").exists()


def appeared(path: Path) -> str:
    end = time.monotonic() + 20
    while not path.exists() or not path.stat().st_size:
        assert time.monotonic() < end
        time.sleep(0.01)
    return path.read_text()


def test_what_a_command_gets_and_where_it_prints(server: CommandServer, tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text("before\n")
    with server:
        for word in ("one", "two words", "ü\n"):
            assert server.run(["tell", word], log).exit_code == 0
    lines = log.read_text().splitlines()
    assert lines[0] == "before"
    assert lines[2::2] == ["and an error"] * 3
    told = [json.loads(line) for line in lines[1::2]]
    assert [one[0] for one in told] == [["tell", "one"], ["tell", "two words"], ["tell", "ü\n"]]
    assert {tuple(one[1:4]) for one in told} == {(str(tmp_path), "blue", "")}
    assert len({one[4] for one in told}) == 1, "one server"
    assert len({one[5] for one in told}) == 3, "and a process for each command"
    assert all(one[4] == one[6] for one in told)


def test_how_commands_end(server: CommandServer, tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    with server:
        assert server.run(["exit", "3"], log).exit_code == 3
        assert server.run(["raise"], log).exit_code == 1
        assert "ValueError: broken" in log.read_text()
        assert server.run(["signal"], log).exit_code == -signal.SIGTERM
        assert 0.25 < server.run(["compute"], log).processor_seconds < 20
        assert server.run(["exit", "0"], log).processor_seconds < 0.25, "that of others does not count"
        assert server.run(["kill server"], log).exit_code == -signal.SIGKILL
        assert server.run(["exit", "4"], log).exit_code == 4, "another server is started"


def test_a_server_that_cannot_start(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    with CommandServer((sys.executable, "-c", "raise SystemExit('no such thing')"), tmp_path, dict(os.environ)) as one:
        assert one.run(["exit", "0"], log).exit_code == 1
    assert "no such thing" in log.read_text()
    with CommandServer((str(tmp_path / "absent"),), tmp_path, {}) as other, pytest.raises(OSError, match="absent"):
        other.run(["exit", "0"], log)


def interrupt_when(folder: Path, times: int) -> threading.Thread:
    """Send Ctrl-C to this process once the command waits, and again once it has been interrupted."""

    def send() -> None:
        appeared(folder / "process")
        os.kill(os.getpid(), signal.SIGINT)
        if times > 1:
            appeared(folder / "interrupted")
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c(server: CommandServer, tmp_path: Path, times: int) -> None:
    """The first is the command's own; one that does not end is killed by the second."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        thread = interrupt_when(tmp_path, times)
        with server, pytest.raises(KeyboardInterrupt):
            server.run(["wait"] + ["stubborn"] * (times - 1), tmp_path / "log.txt")
        thread.join()
    finally:
        signal.signal(signal.SIGINT, before)
    assert (tmp_path / "interrupted").exists()
    assert ended(int((tmp_path / "process").read_text()))


def test_an_early_ctrl_c_is_that_of_the_command_which_comes(tmp_path: Path) -> None:
    """The signal may be faster than the server."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps([["exit", "0"], str(tmp_path / "log")]).encode() + b"\n")
    process.stdin.flush()
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    process.stdin.write(json.dumps([["wait"], str(tmp_path / "log")]).encode() + b"\n")
    process.stdin.flush()
    assert json.loads(process.stdout.readline())[0] in (-signal.SIGINT, 1, 130)
    process.communicate()


CALLER = """
import os, sys
from pathlib import Path
from hcmoco_bench.runtime.command_server import CommandServer
CommandServer((sys.executable, "-c", sys.argv[1]), Path(), dict(os.environ)).run(["wait"], Path("log"))
"""


def test_nothing_outlives_the_caller(tmp_path: Path) -> None:
    """Killed, so that it cannot tidy up."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    caller = subprocess.Popen([sys.executable, "-c", CALLER, PROGRAM], cwd=tmp_path, env=environment)
    command = int(appeared(tmp_path / "process"))
    server = int(Path(f"/proc/{command}/stat").read_text().rpartition(")")[2].split()[1])
    caller.kill()
    caller.wait()
    assert ended(command)
    assert ended(server)
    assert not (tmp_path / "interrupted").exists()
