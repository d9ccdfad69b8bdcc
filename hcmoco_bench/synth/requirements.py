"""What generating people needs beyond the package's own dependencies: the extra `synth`."""

from __future__ import annotations

from importlib.util import find_spec

from hcmoco_bench.errors import MissingExtraError

_MODULES = {"anny": "anny", "warp": "warp-lang"}
"""Modules that must be installed, and the package that each comes from."""


def require_synth() -> None:
    """Check that the extra is installed; nothing of it is imported.

    Raises:
        MissingExtraError: If a module is missing; names the packages and the command that installs them.
    """
    missing = [package for module, package in _MODULES.items() if not _installed(module)]
    if missing:
        raise MissingExtraError(
            f"generating people needs packages that are not installed ({', '.join(missing)}); run: pip install "
            "'hcmoco-bench[synth]'"
        )


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # an import hook refuses it, or a stand-in without a specification lies there
        return False
