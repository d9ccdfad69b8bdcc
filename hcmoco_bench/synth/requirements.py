"""What generating people needs beyond the package's own dependencies: the extra `synth`."""

from __future__ import annotations

from hcmoco_bench.runtime.extras import require_extra

_MODULES = {"anny": "anny", "warp": "warp-lang"}
"""Modules that must be installed, and the package that each comes from."""


def require_synth() -> None:
    """Check that the extra is installed; nothing of it is imported.

    Raises:
        MissingExtraError: If a module is missing; names the packages and the command that installs them.
    """
    require_extra("synth", _MODULES, "generating people")
