"""What the command line does on small data is what it did when `recorded.json` was written; see `record`."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from record import (
    EXPORTS,
    FINETUNINGS,
    FIRST_STEP_TOLERANCE,
    LATER_TOLERANCE,
    PRETRAININGS,
    SCORINGS,
    STORES,
    TREES,
    Recorder,
    environment,
    package_version,
)

RECORDED: dict[str, Any] = json.loads(Path(__file__).with_name("recorded.json").read_text("utf-8"))

COMPARED_BY = {
    "stores/parsing4k": "files",
    "stores/pretrain": "files",
    "stores/few-pairs": "files",
    "stores/human36m": "columns",
    "stores/mpii": "columns",
    "stores/coco": "columns",
}
"""What of a store must stay: `files`, every byte of every file; `columns`, the values of the recorded columns.

Stores of photographs and of Human3.6M may gain columns, and their files are then others; files of NTU must not
change."""

RAISED = ("schema", "licence")
"""Fields that version 2 changed in manifests of photographs: the version, and the license, which is CC0 for generated
people now."""

PLAN_FILES = ("manifest.json", ".parquet")
"""Ends of the names of files that hold the package's version, in the fingerprint of the store's plan."""


def each(*names: str) -> list[Any]:
    """Parameters of a test, named like the files that they compare."""
    return [pytest.param(name, id=Path(name).stem) for name in names]


@pytest.fixture(scope="session")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Recorder:
    return Recorder(tmp_path_factory.mktemp("recording"))


@pytest.fixture(scope="session")
def same() -> bool:
    """Whether this is the environment of the recording, so that the last bits count."""
    return not _changes()


@pytest.fixture(autouse=True)
def _say_where(same: bool) -> None:
    if not same:
        warnings.warn(f"compared to tolerances only, because the environment is another: {_changes()}", stacklevel=1)


def _changes() -> str:
    before, now = RECORDED["environment"], environment()
    changed = [name for name in sorted(before | now) if before.get(name) != now.get(name)]
    return ", ".join(f"{name} was {before.get(name)} and is {now.get(name)}" for name in changed)


@pytest.mark.slow
@pytest.mark.parametrize("name", each(*TREES))
def test_generated_data(recorder: Recorder, same: bool, name: str) -> None:
    before, now = RECORDED["trees"][name], recorder.describe(name)
    assert now["files"] == before["files"]
    if same:
        assert now == before


@pytest.mark.slow
@pytest.mark.parametrize("name", each(*STORES))
def test_store(recorder: Recorder, same: bool, name: str) -> None:
    before, now = RECORDED["stores"][name], recorder.describe(name)
    for part in ("ids", "problems"):
        assert now[part] == before[part]
    columns = {path: column for path, column in before["columns"].items() if same or _is_exact(path, column["type"])}
    assert columns
    manifests = before["manifest"], now["manifest"]
    if not same:
        manifests = _without_hashes(manifests[0]), _without_hashes(manifests[1])
    if COMPARED_BY[name] == "columns":
        assert {path: now["columns"].get(path) for path in columns} == columns
        kept = {field: value for field, value in manifests[0].items() if field not in RAISED}
        assert list(_missing(kept, manifests[1], "manifest")) == []
        return
    assert now["columns"].keys() == before["columns"].keys()
    assert {path: now["columns"][path] for path in columns} == columns
    assert manifests[1] == manifests[0]
    assert now["files"].keys() == before["files"].keys()
    if same:
        keep = () if RECORDED["version"] == package_version() else PLAN_FILES
        files = {file: sha256 for file, sha256 in before["files"].items() if not file.endswith(keep)}
        assert {file: now["files"][file] for file in files} == files


@pytest.mark.slow
@pytest.mark.parametrize("name", each(*PRETRAININGS))
def test_pretraining(recorder: Recorder, same: bool, name: str) -> None:
    before, now = RECORDED["pretrainings"][name], recorder.describe(name)
    assert now["kind"] == before["kind"]
    assert list(_loss_differences(before["losses"], now["losses"], same)) == []
    assert _model(now["model"], same) == _model(before["model"], same)


@pytest.mark.slow
@pytest.mark.parametrize("name", each(*FINETUNINGS))
def test_finetuning(recorder: Recorder, same: bool, name: str) -> None:
    before, now = RECORDED["finetunings"][name], recorder.describe(name)
    assert now["kind"] == before["kind"]
    for seed, losses in before["losses"].items():
        assert list(_loss_differences(losses, now["losses"][seed], same)) == []
        assert _model(now["model"][seed], same) == _model(before["model"][seed], same)
    assert list(_result_differences(_as_now(before["result"], now["result"]), now["result"], same)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", each(*SCORINGS))
def test_scoring_again(recorder: Recorder, same: bool, name: str) -> None:
    now = recorder.describe(name)
    assert list(_result_differences(_as_now(RECORDED["scorings"][name], now), now, same)) == []
    finetuned = recorder.describe(SCORINGS[name][1])["result"]
    assert now["scores"]["mean"] == finetuned["scores"]["per_seed"][0]
    assert now["evidence"][0]["sha256"] == finetuned["evidence"][0]["sha256"]


@pytest.mark.slow
@pytest.mark.parametrize("name", each(*EXPORTS))
def test_export(recorder: Recorder, same: bool, name: str) -> None:
    assert _model(recorder.describe(name), same) == _model(RECORDED["exports"][name], same)


NO_LONGER_SAVED = {
    "runs/cmc": {"weights", "dense", "points"},
    "runs/mmv": {"weights", "dense", "points", "negatives", "bank_momentum"},
}
"""Settings that every method used to save and that these methods never used; they are refused now."""


@pytest.mark.slow
@pytest.mark.parametrize("name", each(*PRETRAININGS, *FINETUNINGS))
def test_settings_in_checkpoints(recorder: Recorder, name: str) -> None:
    """Every recorded setting is there, with its value; the fingerprint in results is of exactly these settings."""
    before, now = (RECORDED["pretrainings"] | RECORDED["finetunings"])[name], recorder.describe(name)
    saved = {key: value for key, value in before["config"].items() if key not in NO_LONGER_SAVED.get(name, ())}
    assert list(_missing(saved, now["config"])) == []
    assert now.get("config_sha256") == before.get("config_sha256")


def _as_now(result: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """A recorded result in the present form: runs used to claim that somebody had checked them, and have new fields.

    The new fields are checked where they are made.
    """
    assert "variant" not in result["task"]
    assert "ci95_draws" not in result["scores"]
    assert "training" not in result["model"]
    return result | {
        "status": result["status"] | {"tier": "self-reported"},
        "task": result["task"] | {"variant": now["task"]["variant"]},
        "scores": result["scores"] | {"ci95_draws": now["scores"]["ci95_draws"]},
        "model": result["model"] | {"training": now["model"]["training"]},
    }


def _is_exact(path: str, kind: str) -> bool:
    """Whether a column's values are the same in every environment: neither encoded pictures nor floats."""
    return not path.endswith(".bytes") and not any(word in kind for word in ("float", "double", "halffloat"))


def _without_hashes(content: Any) -> Any:
    if not isinstance(content, dict):
        return content
    return {name: _without_hashes(value) for name, value in content.items() if not name.endswith("sha256")}


def _model(described: dict[str, Any], same: bool) -> dict[str, Any]:
    return {name: value for name, value in described.items() if same or name != "sha256"}


def _loss_differences(before: dict[str, str], now: dict[str, str], same: bool) -> Iterator[str]:
    """What differs between two tables of losses, a line each."""
    if before.keys() != now.keys():
        yield f"columns were {sorted(before)} and are {sorted(now)}"
        return
    for name, column in before.items():
        if same:
            if now[name] != column:
                yield f"{name} was {column} and is {now[name]}"
            continue
        pairs = list(zip(column.split(","), now[name].split(","), strict=True))
        for step, (old, new) in enumerate(pairs, 1):
            if not _agree(name, step, old, new):
                yield f"{name} of step {step} was {old} and is {new}"


def _agree(name: str, step: int, old: str, new: str) -> bool:
    """Whether a figure agrees with one of another environment."""
    if name in ("step", "epoch", "stage") or not (old and new):
        return old == new
    if name == "grad_norm" or name.startswith("accuracy"):
        return math.isfinite(float(new))
    if step > 1 and name not in ("loss", "lr"):
        return math.isfinite(float(new))
    tolerance = FIRST_STEP_TOLERANCE if step == 1 or name == "lr" else LATER_TOLERANCE
    return math.isclose(float(old), float(new), rel_tol=tolerance, abs_tol=1e-6)


def _result_differences(before: Any, now: Any, same: bool, place: str = "result") -> Iterator[str]:
    """What differs between two results, a line each; in another environment, only the names of floats are compared."""
    if isinstance(before, dict) and isinstance(now, dict):
        for name in sorted(before.keys() | now.keys()):
            if name not in before or name not in now:
                yield f"{place}.{name} is in one of them only"
            else:
                yield from _result_differences(before[name], now[name], same, f"{place}.{name}")
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for number, (old, new) in enumerate(zip(before, now, strict=True)):
            yield from _result_differences(old, new, same, f"{place}[{number}]")
    elif before != now:
        hangs_on_bits = isinstance(before, float) or place.endswith((".sha256", ".device"))
        if same or not hangs_on_bits or type(before) is not type(now):
            yield f"{place} was {before} and is {now}"


def _missing(before: Any, now: Any, place: str = "config") -> Iterator[str]:
    """Recorded values that are not there, or are others; a line each."""
    if isinstance(before, dict) and isinstance(now, dict):
        for name, value in before.items():
            if name not in now:
                yield f"{place}.{name} is missing"
            else:
                yield from _missing(value, now[name], f"{place}.{name}")
    elif before != now:
        yield f"{place} was {before} and is {now}"
