"""The command line in a process that a study starts: it ends with its standard input, and so with that process."""

from __future__ import annotations

from hcmoco_bench.cli.app import main
from hcmoco_bench.runtime.processes import end_with_input

if __name__ == "__main__":
    end_with_input()
    main()
