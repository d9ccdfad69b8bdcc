"""The page of the Python API is the code's, and its examples run as they stand."""

from __future__ import annotations

import inspect
import os
import runpy
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from forked import fork_server
from generated_trees import GeneratedTree

import hcmoco_bench

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
EXAMPLES = sorted((DOCS / "examples").glob("*.py"))


@pytest.fixture(scope="module")
def page(docs_program: Callable[[str], ModuleType]) -> Any:
    return docs_program("make_api")


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


def run_example(example: Path, folder: Path, said: Path) -> None:
    """What a process of its own does with an example: it runs in a folder, and what it prints goes to a file."""
    os.chdir(folder)
    with said.open("w", encoding="utf-8") as file, redirect_stdout(file):
        try:
            runpy.run_path(str(example), run_name="__main__")
        except BaseException:
            traceback.print_exc(file=file)
            raise


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=[example.stem for example in EXAMPLES])
def test_example_runs(example: Path, workplace: Path, tmp_path: Path) -> None:
    said = tmp_path / "said.txt"
    process = fork_server().Process(target=run_example, args=(example, workplace, said))
    process.start()
    process.join(300)
    assert process.exitcode == 0, said.read_text("utf-8")[-3000:]
    assert said.read_text("utf-8").strip()
