"""The command line as a server of commands, for a study that runs many: see `runtime.command_server`."""

from __future__ import annotations

import importlib
import sys
from typing import Final

from hcmoco_bench.cli.app import main
from hcmoco_bench.runtime.command_server import wait_for_command

IMPORTED: Final = ("hcmoco_bench.pretrain.run", "hcmoco_bench.tasks.core.finetune", "hcmoco_bench.models.encoders")
"""What most commands of a study need and what takes long to import; the rest each command imports itself."""

if __name__ == "__main__":
    for name in IMPORTED:
        importlib.import_module(name)
    sys.argv[1:] = wait_for_command()
    main()
