"""Options that several commands share, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Workers = Annotated[
    int | None, typer.Option(min=1, help="Number of processes. [default: all cores]", show_default=False)
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with code 3 if there is any problem line.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a store of other inputs or options in --out.")]
ExecutorName = Annotated[
    Literal["local", "dask"],
    typer.Option("--executor", help="Where shards are made; dask needs a file system that all its workers share."),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        help="Address of a running Dask scheduler. [default: the command starts one on this machine]",
        show_default=False,
    ),
]

SynthOut = Annotated[
    Path, typer.Option("--out", help="Folder to write. If a run was interrupted there, this command continues it.")
]
SynthSeed = Annotated[int, typer.Option("--seed", help="Seed of everything; the same seed gives the same bytes.")]
SynthWorkers = Annotated[
    int, typer.Option("--workers", min=1, help="Number of processes; the bytes do not depend on it.")
]
Device = Annotated[
    Literal["auto", "cpu", "cuda"],
    typer.Option("--device", help="Device that casts the rays. The bytes of a GPU may differ slightly."),
]
