"""The command line in a process that a study starts: it ends with its standard input, and so with that process."""

from __future__ import annotations

import os
import threading

from hcmoco_bench.cli.app import main


def _end_with_input() -> None:
    # Of a pipe, nothing comes until the process at its other end has gone.
    while os.read(0, 1024):
        pass
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_input, daemon=True).start()
    main()
