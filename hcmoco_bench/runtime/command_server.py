"""Commands in processes of their own that need not import anything: each is a fork of one that has it all imported.

Importing PyTorch and the libraries around it takes seconds of a core, which many short commands would pay each. A
server does it once, before any thread runs, and forks for every command. Commands share nothing afterwards.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, NoReturn, Self

_POLL_SECONDS: Final = 0.02
"""How long a command may have ended, or its server's caller be gone, before the server notices."""


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        exit_code: Its exit status; negative is the number of the signal that killed it.
        processor_seconds: Processor time of the command and of the processes that it waited for.
    """

    exit_code: int
    processor_seconds: float


class CommandServer:
    """The caller's side: runs one command after the other, in forks of a process that is started for the first one.

    The server and what it runs end when this process does, however it ends. Leave the context to end it.

    Args:
        tool: Words that start the server, a program that calls `wait_for_command`.
        folder: Working directory of the commands.
        environment: Their environment.
    """

    def __init__(self, tool: Sequence[str], folder: Path, environment: dict[str, str]) -> None:
        self.tool, self.folder, self.environment = tuple(tool), folder, environment
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, words: Sequence[str], log: Path) -> Ended:
        """Run a command and wait for it. A Ctrl-C is passed on to it once; a second one kills it.

        Args:
            words: Its arguments.
            log: File to which what it prints is added.

        Raises:
            KeyboardInterrupt: If there was a Ctrl-C; the command has ended.
            OSError: If the server cannot be started, or the log not be written.
        """
        with log.open("ab") as handle:
            process = self._started(handle.fileno())
            if process.stdin is None or process.stdout is None:  # both are pipes
                raise OSError("the server has no pipes")
            with suppress(BrokenPipeError):  # it has just died, which reading tells
                process.stdin.write(json.dumps([list(words), str(log.absolute())]).encode() + b"\n")
                process.stdin.flush()
            interrupted = False
            while True:
                try:
                    line = process.stdout.readline()
                    break
                except KeyboardInterrupt:
                    if interrupted:  # it does not want to end
                        process.kill()
                    else:
                        process.send_signal(signal.SIGINT)
                    interrupted = True
                except BaseException:
                    process.kill()
                    raise
        if not line:  # the server has gone, and its commands with it
            self._process = None
            exit_code = process.wait()
        if interrupted:
            raise KeyboardInterrupt
        return Ended(*json.loads(line)) if line else Ended(exit_code or 1, 0.0)

    def close(self) -> None:
        """End the server."""
        process, self._process = self._process, None
        if process is not None:
            process.communicate()  # ends its standard input, and it ends with that

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _started(self, log: int) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                self.tool,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,  # what goes wrong before the first command
                start_new_session=True,  # a Ctrl-C in the terminal is passed on by `run`
            )
        return self._process


def wait_for_command() -> list[str]:
    """The server's side: returns once in a fork of this process for each command that comes, with its words.

    Import what commands need before. In the server itself this function never returns: the process ends when its
    standard input does. A fork ends when the server does, prints to the log, has an empty standard input, and is
    interrupted by the signal that interrupts the server.
    """
    child, early = 0, False

    def pass_on(number: int, frame: object) -> None:
        nonlocal early
        if child:
            with suppress(ProcessLookupError):
                os.kill(child, number)
        else:
            early = True  # it is meant for the command that is just coming

    signal.signal(signal.SIGINT, pass_on)
    alive, held = os.pipe()  # `held` is closed in forks, so that they see the end of the server
    requests = b""
    while True:
        while b"\n" not in requests:
            more = os.read(0, 65536)
            if not more:
                os._exit(0)
            requests += more
        request, _, requests = requests.partition(b"\n")
        words, log = json.loads(request)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        child = os.fork()
        if not child:
            os.close(held)
            _become_command(alive, log)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            return [str(word) for word in words]
        if early:
            os.kill(child, signal.SIGINT)
            early = False
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        while not (ended := os.wait4(child, os.WNOHANG))[0]:
            if select.select([0], [], [], _POLL_SECONDS)[0]:
                more = os.read(0, 65536)
                if not more:
                    os.kill(child, signal.SIGKILL)
                    os._exit(1)
                requests += more
        child = 0
        reply = [os.waitstatus_to_exitcode(ended[1]), ended[2].ru_utime + ended[2].ru_stime]
        os.write(1, json.dumps(reply).encode() + b"\n")


def end_command(exit_code: int) -> NoReturn:
    """End a fork as the interpreter would, but without taking all imported modules apart.

    Threads are waited for, what is registered to run at the exit runs, and everything printed is written. Taking apart
    what a server has imported takes longer than a short command.
    """
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(exit_code)


def _become_command(alive: int, log: str) -> None:
    """Give a fork the input and the output of a command, and let it end with the server."""
    sys.stdout.flush()
    empty, output = os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    for ours, standard in ((empty, 0), (output, 1), (output, 2)):
        os.dup2(ours, standard)
    os.close(empty)
    os.close(output)

    def end_with_server() -> None:
        os.read(alive, 1)
        os._exit(1)

    threading.Thread(target=end_with_server, daemon=True).start()
