"""What the workflow for pull requests promises: it runs the base branch's program and nothing of the pull request."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

GITHUB = Path(__file__).resolve().parents[2] / ".github"
BASE, DATA = "base", "pull-request"


@pytest.fixture(scope="module")
def workflow() -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load((GITHUB / "workflows/leaderboard.yml").read_text())
    return found


@pytest.fixture(scope="module")
def steps(workflow: dict[Any, Any]) -> list[dict[str, Any]]:
    (job,) = workflow["jobs"].values()
    assert set(job) == {"runs-on", "timeout-minutes", "steps"}  # no permissions, environment or container of its own
    found: list[dict[str, Any]] = job["steps"]
    return found


def test_it_starts_with_what_a_fork_may_do(workflow: dict[Any, Any]) -> None:
    triggers = workflow[True]  # YAML 1.1 reads the key `on` as a truth value
    assert set(triggers) == {"pull_request"}  # pull_request_target would lend it the base branch's rights
    assert workflow["permissions"] == {"contents": "read"}
    text = (GITHUB / "workflows/leaderboard.yml").read_text()
    assert "secrets" not in text
    assert "GITHUB_TOKEN" not in text


def test_every_action_is_pinned_to_a_commit(steps: list[dict[str, Any]]) -> None:
    for step in steps:
        assert ("uses" in step) != ("run" in step)
        if "uses" in step:
            assert re.fullmatch(r"actions/(checkout|setup-python)@[0-9a-f]{40}", step["uses"])


def test_both_sides_are_checked_out_apart_and_without_credentials(steps: list[dict[str, Any]]) -> None:
    checkouts = [step["with"] for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    assert {one["path"]: one["ref"] for one in checkouts} == {
        BASE: "${{ github.event.pull_request.base.sha }}",
        DATA: "${{ github.sha }}",
    }
    assert all(one["persist-credentials"] is False for one in checkouts)
    (data,) = (one for one in checkouts if one["path"] == DATA)
    assert (data["sparse-checkout"], data["lfs"], data["submodules"]) == ("leaderboards", False, False)


def test_nothing_of_the_pull_request_is_installed_or_run(steps: list[dict[str, Any]]) -> None:
    commands = [shlex.split(step["run"]) for step in steps if "run" in step]
    assert commands == [
        ["python", "-I", "-m", "pip", "install", f"./{BASE}"],
        [
            "hcmoco-bench",
            "leaderboard",
            "verify",
            "--board",
            f"{DATA}/leaderboards",
            "--pull-request",
            f"{BASE}/leaderboards",
        ],
    ]
    for step in steps:
        assert not {"working-directory", "shell", "env"} & step.keys()
        assert "${{" not in step.get("run", "")  # a branch's name could hold a command
    assert not list(Path(GITHUB.parent / "leaderboards").rglob("*.py"))


def test_the_template_asks_for_what_reviewers_check() -> None:
    text = (GITHUB / "pull_request_template.md").read_text()
    assert text.count("- [ ] ") >= 6
    for wanted in ("leaderboard add", "leaderboard verify", "leaderboards/rows/", "NTU RGB+D"):
        assert wanted in text
