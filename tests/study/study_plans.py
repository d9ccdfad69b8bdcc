"""A small plan, and a stand-in for the command line that makes its cells in no time."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from hcmoco_bench.study.cells import Cells, cells_of
from hcmoco_bench.study.folder import StudyFolder
from hcmoco_bench.study.plan import Plan

TOOL = (sys.executable, str(Path(__file__).with_name("stand_in_tool.py")))


def plan_values(**changes: Any) -> dict[str, Any]:
    """Two methods and one without pre-training, on a task of depth and one of RGB."""
    return {
        "data": {
            "people": {"commands": ["synth ntu --out {out}/raw", "prepare ntu --root {out}/raw --out {out}/store"]},
            "rooms": {"commands": ["synth itop --out {out}"]},
        },
        "pretraining": {
            "both": {"method": "Both", "data": "people", "options": "--method hcmoco --store {data}/store"},
            "color": {
                "method": "Color",
                "data": "people",
                "options": "--method liftedcl --store {data}/store",
                "modalities": ["rgb"],
            },
        },
        "task": {
            "parsing": {
                "task": "rgb_parsing",
                "data": "people",
                "options": "--store {data}/store --epochs 3",
                "modality": "rgb",
                "ratios": [1.0, 0.1],
                "options_at": {"0.1": "--epochs 30"},
            },
            "pose": {"task": "itop_pose", "data": "rooms", "options": "--root {data}", "modality": "depth"},
        },
        "claim": {
            "help": {
                "title": "Help",
                "question": "Does pre-training help?",
                "tasks": ["parsing", "pose"],
                "methods": ["scratch", "both", "color"],
                "seeds": [0, 1],
                "comparisons": [["both", "scratch"], ["color", "both"]],
            },
            "depth": {
                "title": "Depth",
                "question": "And on depth?",
                "tasks": ["pose"],
                "methods": ["both"],
                "seeds": [0],
            },
        },
    } | changes


def small_plan(**changes: Any) -> Plan:
    """The plan, checked."""
    return Plan.model_validate(plan_values(**changes))


def small_cells() -> Cells:
    """Its cells: 2 data sets, 4 pre-trainings, 16 fine-tunings."""
    return cells_of(small_plan())


def started(folder: StudyFolder) -> list[str]:
    """The cells whose commands were started, in order; one is there once for each of its commands."""
    lines = (folder.root / "journal.jsonl").read_text().splitlines()
    return [Path(json.loads(line)["cell"]).name for line in lines]


def hashes(folder: StudyFolder, cells: Cells) -> dict[str, str]:
    """The hash in each record."""
    records = {name: json.loads((folder.record(name) / "cell.json").read_text()) for name in cells.by_name}
    return {name: record["sha256"] for name, record in records.items()}
