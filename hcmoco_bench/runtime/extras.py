"""Extras: packages that only some features need, and the error that says which extra to install."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

from hcmoco_bench.errors import MissingExtraError


def require_extra(extra: str, modules: Mapping[str, str], purpose: str) -> None:
    """Check that the packages of an extra are installed; nothing of them is imported.

    Args:
        extra: Name of the extra in `pyproject.toml`, e.g. `synth`.
        modules: Modules that must be there, and the package that each comes from.
        purpose: What needs them, as the subject of a sentence, e.g. `generating people`.

    Raises:
        MissingExtraError: If a module is missing; names the packages and the command that installs them.
    """
    missing = [package for module, package in modules.items() if not _installed(module)]
    if missing:
        raise MissingExtraError(
            f"{purpose} needs packages that are not installed ({', '.join(missing)}); run: pip install "
            f"'hcmoco-bench[{extra}]'"
        )


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # an import hook refuses it, or a stand-in without a specification lies there
        return False
