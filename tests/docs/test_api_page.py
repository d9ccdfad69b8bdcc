"""The page of the Python API is the code's, and its examples run as they stand."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from generated_trees import GeneratedTree

import hcmoco_bench

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
EXAMPLES = sorted((DOCS / "examples").glob("*.py"))


@pytest.fixture(scope="module")
def page() -> Any:
    sys.path.insert(0, str(DOCS))
    try:
        import make_api
    finally:
        sys.path.remove(str(DOCS))
    return make_api


def test_page_is_up_to_date(page: Any) -> None:
    assert (DOCS / "api.md").read_text("utf-8") == page.page(), "run `python docs/make_api.py`"


def test_every_public_name_is_on_the_page_with_its_docstring(page: Any) -> None:
    names = [name for group in page.public_names().values() for name in group]
    assert sorted(names) == sorted(set(names))
    assert set(names) == set(hcmoco_bench.__all__) - {"__version__"}
    without = [name for name in names if not (inspect.getdoc(getattr(hcmoco_bench, name)) or "").strip()]
    assert without == []


def test_page_is_the_same_in_every_process(page: Any) -> None:
    assert " at 0x" not in page.page()


def test_every_example_is_shown(page: Any) -> None:
    text = page.page()
    for example in EXAMPLES:
        assert example.read_text("utf-8").strip() in text, f"{example.name} belongs to no subject"


@pytest.fixture(scope="module")
def workplace(generated_tree: GeneratedTree, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the examples find the two stores of generated people that they name."""
    from hcmoco_bench.prepare.executors import make_executor
    from hcmoco_bench.prepare.ntu import prepare_ntu
    from hcmoco_bench.prepare.options import check_options

    folder = tmp_path_factory.mktemp("workplace")
    executor = make_executor("local", workers=1)
    for name, options in {
        "parsing4k": check_options(set="parsing4k", parts=True),
        "pretrain": check_options(set="pretrain", every=2, parts=False),
    }.items():
        masks = generated_tree.masks if options.parts else None
        prepare_ntu(
            [generated_tree.root],
            folder / "hcmoco-data" / name,
            options,
            annotations=masks,
            lists=generated_tree.lists,
            executor=executor,
        )
    return folder


@pytest.mark.slow
@pytest.mark.xdist_group("docs")
@pytest.mark.parametrize("example", EXAMPLES, ids=[example.stem for example in EXAMPLES])
def test_example_runs(example: Path, workplace: Path) -> None:
    path = os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")])
    run = subprocess.run(  # our own file
        [sys.executable, str(example)],
        cwd=workplace,
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert run.stdout.strip()
