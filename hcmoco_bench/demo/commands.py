"""The demo's steps as commands to paste: each reads the demo's files and writes into a folder beside them.

They never overwrite the demo's own results, so each command works as it stands, in any order.
"""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from hcmoco_bench.demo.settings import MASK_EVERY, PAIR_EVERY, RECIPE

DATASET_NAME = "nturgbd-parsing-4k"
SHEET_SAMPLES = 6
FEATURE_SAMPLES = 4
PREDICTION_SAMPLES = 4

_TOOL = "hcmoco-bench"


@dataclass(frozen=True)
class DemoFolders:
    """Where the demo keeps what.

    Attributes:
        out: The demo's folder.
    """

    out: Path

    @property
    def tree(self) -> Path:
        """The generated people in the raw formats of NTU RGB+D."""
        return self.out / "ntu"

    @property
    def dataset(self) -> Path:
        """The published folder, as `load_dataset` takes it."""
        return self.out / DATASET_NAME

    @property
    def run(self) -> Path:
        """The pre-training run."""
        return self.out / "run"

    @property
    def by_hand(self) -> DemoFolders:
        """The same folders for what the printed commands write."""
        return DemoFolders(self.out / "by-hand")

    @property
    def board(self) -> Path:
        """The leaderboard of both results."""
        return self.out / "leaderboard"

    @property
    def board_page(self) -> Path:
        """Its page."""
        return self.out / "leaderboard-page"

    def store(self, name: str) -> Path:
        """The prepared store of a sample set."""
        return self.out / "stores" / name

    def finetuning(self, name: str) -> Path:
        """The fine-tuning run of a model name."""
        return self.out / "finetune" / name.replace(" ", "-")


@dataclass(frozen=True)
class DemoCommands:
    """One command line for each step of the demo.

    Attributes:
        folders: The demo's folders.
        seed: Seed of the people and of both trainings.
    """

    folders: DemoFolders
    seed: int

    def synth(self, *, clips: int, frames: int) -> str:
        """Generate people."""
        sizes = ("--clips", clips, "--frames", frames, "--mask-every", MASK_EVERY, "--seed", self.seed)
        return _line("synth", "ntu", *sizes, "--out", self.folders.by_hand.tree)

    def prepare(self, name: str) -> str:
        """Prepare the store of a sample set."""
        tree, store = self.folders.tree, self.folders.by_hand.store(name)
        which = ("--annotations", tree) if name == "parsing4k" else ("--every", PAIR_EVERY)
        return _line("prepare", "ntu", "--root", tree, "--set", name, "--align", "registered", *which, "--out", store)

    def verify(self, name: str) -> str:
        """Verify that store."""
        return _line("verify", self.folders.store(name))

    def publish(self, *names: str) -> str:
        """Publish the stores of some sample sets together."""
        return _line("publish", *map(self.folders.store, names), "--to", self.folders.by_hand.dataset)

    def load(self) -> str:
        """Load the published folder with `datasets` alone."""
        path = json.dumps(str(self.folders.dataset), ensure_ascii=False)
        code = f"from datasets import load_dataset; print(load_dataset({path}))"
        return shlex.join([_shown(Path(sys.executable)), "-c", code])

    def view(self) -> str:
        """Draw the sheet of samples and how often each part is seen."""
        made = self.folders.by_hand.out
        drawn = ("-n", SHEET_SAMPLES, "--out", made / "sheet.png", "--frequencies", made / "parts.png")
        return _line("view", self.folders.store("parsing4k"), *drawn)

    def pretrain(self) -> str:
        """Pre-train the encoders."""
        place = ("--store", self.folders.store("pretrain"), "--out", self.folders.by_hand.run)
        return _line("pretrain", "--config", RECIPE, "--seed", self.seed, *place)

    def features(self, checkpoint: Path) -> str:
        """Draw what the encoders of a checkpoint learned."""
        drawn = ("-n", FEATURE_SAMPLES, "--features", checkpoint, "--out", self.folders.by_hand.out / "features.png")
        return _line("view", self.folders.store("parsing4k"), *drawn)

    def finetune(self, name: str, start: Path | None) -> str:
        """Fine-tune and score on depth parsing.

        Args:
            name: The model's name in its result.
            start: The checkpoint of the pre-training; None to start from scratch.
        """
        weights = () if start is None else ("--ckpt", start)
        place = ("--store", self.folders.store("parsing4k"), "--out", self.folders.by_hand.finetuning(name))
        named = ("--name", name, "--sheet", PREDICTION_SAMPLES)
        return _line("finetune", "--config", RECIPE, "--seeds", self.seed, *weights, *named, *place)

    def add_row(self, result: Path, model: Path) -> str:
        """Check a result by running its model again, and add it to a leaderboard."""
        checked = ("--store", self.folders.store("parsing4k"), "--weights", model)
        return _line("leaderboard", "add", result, *checked, "--board", self.folders.by_hand.board)

    def board_page(self) -> str:
        """Write the leaderboard's page."""
        places = ("--board", self.folders.board, "--out", self.folders.by_hand.board_page)
        return _line("leaderboard", "page", *places)


def _line(*words: object) -> str:
    return shlex.join([*_tool(), *map(str, words)])


def _tool() -> list[str]:
    """How the tool is called from here: by its name where the shell finds it, else by its place."""
    beside = Path(sys.executable).with_name(_TOOL)
    if beside.is_file():
        return [_shown(beside)]
    return [_shown(Path(sys.executable)), "-m", "hcmoco_bench.cli.app"]


def _shown(program: Path) -> str:
    """A program as it is typed in the folder where the demo was started."""
    found = shutil.which(program.name)
    if found is not None and Path(found) == program:
        return program.name
    if not program.is_relative_to(Path.cwd()):
        return str(program)
    below = program.relative_to(Path.cwd())
    return str(below) if len(below.parts) > 1 else f"./{below}"
