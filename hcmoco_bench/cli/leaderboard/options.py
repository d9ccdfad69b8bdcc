"""Options that commands of the leaderboard share, and what they stand for."""

from __future__ import annotations

import getpass
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hcmoco_bench.cli.console import HOME, err, labeled, progress_bar
from hcmoco_bench.errors import DataError

if TYPE_CHECKING:
    from hcmoco_bench.leaderboard.board import Leaderboard
    from hcmoco_bench.leaderboard.rows.add import CheckInputs
    from hcmoco_bench.results.schema import Result

OWN = HOME / "leaderboard"
"""The user's own leaderboard."""

CACHE = HOME / "cache" / "draws"
"""Drawn scores, by the evidence that they are made of."""

BoardOption = Annotated[
    Path,
    typer.Option("--board", help="Folder of the leaderboard.", show_default="leaderboard in HCMOCO_HOME"),
]
BoardsOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--board",
        help="Folder of a leaderboard; may be repeated. [default: the packaged one, and leaderboard in HCMOCO_HOME]",
        show_default=False,
    ),
]
StoreOption = Annotated[
    list[str] | None, typer.Option("--store", help="Prepared store that the result was scored on; checks the labels.")
]
RootOption = Annotated[
    str | None, typer.Option("--root", help="The same for tasks that read a published layout.", show_default=False)
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Another setting of the task; may be repeated.")
]
PredictionsOption = Annotated[
    Path | None, typer.Option("--predictions", help="The deposited predictions; scores them again.")
]
WeightsOption = Annotated[Path | None, typer.Option("--weights", help="The model; runs it again.")]
AgainOption = Annotated[
    Path | None, typer.Option("--again", metavar="RESULT", help="Result of somebody else's training of the same model.")
]
ByOption = Annotated[
    str | None, typer.Option("--by", help="Who runs the checks. [default: user.name of Git]", show_default=False)
]
TaskOption = Annotated[str | None, typer.Option("--task", help="Task, e.g. depth_parsing.")]
ProtocolOption = Annotated[str | None, typer.Option("--protocol", help="Protocol, e.g. published.")]
MetricOption = Annotated[str | None, typer.Option("--metric", help="Figure to show. [default: the main score]")]
LevelOption = Annotated[str, typer.Option("--level", help="Lowest level to show, e.g. evidence.")]
DrawsOption = Annotated[int, typer.Option("--draws", min=2, help="Draws of the bootstrap.")]


@dataclass(frozen=True)
class AtHand:
    """What the user has beside a result to check it by, as options give it.

    Attributes:
        store: Prepared stores.
        root: Folder of a published layout.
        settings: Other settings of the task, NAME=VALUE.
        predictions: The deposited predictions.
        weights: The model.
        again: Result of a second training.
    """

    store: Sequence[str] | None = None
    root: str | None = None
    settings: Sequence[str] | None = None
    predictions: Path | None = None
    weights: Path | None = None
    again: Path | None = None

    def __bool__(self) -> bool:
        return any((self.store, self.root, self.settings, self.predictions, self.weights, self.again))

    def inputs(self, result: Result) -> CheckInputs:
        """The same for the checks of a result, with the settings of its task.

        Raises:
            UsageError: If the task has no such setting.
        """
        from hcmoco_bench.leaderboard.rows.add import CheckInputs
        from hcmoco_bench.runtime.settings import describe_settings, parse_setting
        from hcmoco_bench.tasks.core.registry import get_task

        records = {record.name: record for record in describe_settings(get_task(result.task.id).settings)}
        given: dict[str, Any] = dict(parse_setting(one, records) for one in self.settings or ())
        if self.store:
            given["stores"] = tuple(self.store)
        if self.root is not None:
            given["root"] = self.root
        return CheckInputs(given, self.predictions, self.weights, self.again)


def places(board: Sequence[Path] | None) -> list[Path]:
    """Folders of the leaderboards that are read: those given, or the packaged one and the user's own."""
    from hcmoco_bench.leaderboard.folder import leaderboards_folder

    if board:
        return list(board)
    return [leaderboards_folder(), *([OWN] if OWN.is_dir() else [])]


def opened(board: Sequence[Path] | None, *, draws: int = 1000, ranked: bool = True, quiet: bool = False) -> Leaderboard:
    """The tables of these leaderboards; rows that cannot be read are named on standard error and left out."""
    from hcmoco_bench.leaderboard.collect import open_leaderboard

    def problem(told: str) -> None:
        err.print(labeled("left out:", told, style="bold yellow"), soft_wrap=True)

    with progress_bar(quiet=quiet) as progress:
        return open_leaderboard(
            places(board), ranked=ranked, draws=draws, cache=CACHE, progress=progress, problem=problem
        )


def user() -> str:
    """Name of the user: Git's, or that of the account; raises DataError if neither is known."""
    try:
        done = subprocess.run(  # a fixed command
            ["git", "config", "user.name"], capture_output=True, text=True, check=False
        )
        if name := done.stdout.strip():
            return name
    except OSError:
        pass
    try:
        return getpass.getuser()
    except (OSError, KeyError) as error:
        raise DataError("nobody is named as the checker; give --by NAME", kind="by") from error
