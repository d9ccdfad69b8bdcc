"""Data flows one way: a room imports only from the rooms above it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "hcmoco_bench"

GENERAL = {"files", "runtime"}
"""What every room may use."""

ABOVE = {
    "files": set(),
    "runtime": {"files"},
    "body": set(),
    "sources": {"body"},
    "body_models": {"body"},
    "synth": {"body", "sources", "body_models"},
    "align": {"body", "sources"},
    "store": {"body", "sources", "align"},
    "prepare": {"body", "sources", "align", "store"},
    "hub": {"body", "sources", "align", "store", "prepare"},
    "data": {"body", "sources", "align", "store"},
    "priors": {"body", "body_models", "sources", "synth", "store", "plotting"},
    "models": {"body"},
    "losses": set(),
    "results": set(),
    "metrics": {"body", "sources", "results"},
    "training": {"body", "models", "data"},
    "plotting": {"body", "sources", "store", "body_models"},
    "pretrain": {"body", "store", "hub", "data", "models", "losses", "training", "plotting", "priors"},
    "tasks": {
        "body",
        "body_models",
        "sources",
        "store",
        "data",
        "models",
        "losses",
        "metrics",
        "results",
        "training",
        "plotting",
        "pretrain",
    },
    "leaderboard": {"body", "store", "hub", "metrics", "results", "tasks"},
    "audit": {"sources", "store", "data", "models", "pretrain", "results", "tasks", "training"},
    "study": {"body", "plotting", "training", "pretrain", "results", "tasks", "leaderboard"},
    "demo": {
        "body",
        "body_models",
        "priors",
        "sources",
        "synth",
        "store",
        "prepare",
        "hub",
        "plotting",
        "pretrain",
        "tasks",
        "training",
        "results",
        "leaderboard",
    },
    "cli": {
        "body",
        "body_models",
        "priors",
        "sources",
        "synth",
        "align",
        "store",
        "prepare",
        "hub",
        "plotting",
        "pretrain",
        "metrics",
        "results",
        "tasks",
        "training",
        "leaderboard",
        "audit",
        "study",
        "demo",
    },
}
"""What each room may import; modules at the top of the package (errors, ...) serve all and import no room."""


def imported_rooms(path: Path) -> set[str]:
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    parts = [name.split(".") for name in names]
    return {part[1] for part in parts if part[0] == "hcmoco_bench" and len(part) > 1 and (PACKAGE / part[1]).is_dir()}


def test_every_room_is_in_the_table() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert rooms == set(ABOVE)


@pytest.mark.parametrize("room", ABOVE)
def test_a_room_imports_only_from_above(room: str) -> None:
    wrong = {
        str(path.relative_to(PACKAGE)): extra
        for path in sorted((PACKAGE / room).rglob("*.py"))
        if (extra := imported_rooms(path) - ABOVE[room] - {room} - (GENERAL if room not in GENERAL else set()))
    }
    assert not wrong


def test_modules_at_the_top_import_no_room() -> None:
    assert {path.name: rooms for path in PACKAGE.glob("*.py") if (rooms := imported_rooms(path))} == {}
