"""The command line as a server of commands, for a study that runs many: see `runtime.command_server`."""

from __future__ import annotations

import contextlib
import importlib
import sys
from typing import Final

from hcmoco_bench.cli.app import main
from hcmoco_bench.errors import HcmocoBenchError
from hcmoco_bench.runtime.command_server import end_command, wait_for_command

IMPORTED: Final = (
    "hcmoco_bench.pretrain.run",
    "hcmoco_bench.tasks.core.finetune",
    "hcmoco_bench.models.encoders",
    "pandas",  # Arrow loads it for the first table that it converts
)
"""What most commands of a study need and what takes long to import; the rest each command imports itself."""


def import_all() -> None:
    """Import what most commands need, and all tasks and methods; one that cannot be loaded fails where it is used."""
    for name in IMPORTED:
        importlib.import_module(name)
    from hcmoco_bench.pretrain.registry import get_method, method_names
    from hcmoco_bench.tasks.core.registry import get_task, task_names

    for get, names in ((get_task, task_names()), (get_method, method_names())):
        for name in names:
            with contextlib.suppress(HcmocoBenchError):
                get(name)


if __name__ == "__main__":
    import_all()
    sys.argv[1:] = wait_for_command()
    try:
        main()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            end_command(end.code or 0)
        raise
    end_command(0)
