"""Body models by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from hcmoco_bench.body_models.body_model import BodyModel
from hcmoco_bench.errors import UsageError
from hcmoco_bench.runtime.near_names import did_you_mean


def create_body_model(name: str, path: Path | None = None) -> BodyModel:
    """A body model.

    Args:
        name: `anny`, the body of the generator, which comes with the extra `synth`; or `smpl`.
        path: File of the model for `smpl`, which is licensed and does not come with a package; None for `anny`.

    Raises:
        UsageError: If the name is unknown (lists near matches), a file is missing, or one is given that is not used.
        MissingExtraError: If the package of the model is not installed.
        DataError: If a file is damaged or foreign.
    """
    if name not in _MODELS:
        raise UsageError(f"body model {name!r} is unknown; {did_you_mean(name, _MODELS)}")
    return _MODELS[name](path)


def _anny(path: Path | None) -> BodyModel:
    from hcmoco_bench.body_models.anny_body import AnnyBody

    if path is not None:
        raise UsageError(f"{path}: the body model anny is read from the package anny; leave the file out")
    return AnnyBody()


def _smpl(path: Path | None) -> BodyModel:
    from hcmoco_bench.body_models.smpl_body import SmplBody

    if path is None:
        raise UsageError(
            "the body model smpl is licensed and needs your own file of it; give the path of a basicmodel_*.pkl or "
            "SMPL_*.npz from https://smpl.is.tue.mpg.de"
        )
    return SmplBody(path)


_MODELS: Final[dict[str, Callable[[Path | None], BodyModel]]] = {"anny": _anny, "smpl": _smpl}

BODY_MODELS: Final = tuple(_MODELS)
"""The names."""
