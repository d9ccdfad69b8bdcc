"""The joints of SMPL's mesh: its own 24, and those of Human3.6M and LSP as mixtures of these or from a published file.

Published figures use `J_regressor_h36m.npy`, which is licensed like SMPL. If a file of this name lies beside the model,
`h36m17` and `lsp14` are regressed with it. Two versions are in use whose left and right differ; the template tells
which one it is. Without the file, joints are mixtures of SMPL's own with the same meaning as those of anny's body.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body import joint_mapping, joint_set
from hcmoco_bench.body_models.joint_regressors import CROWN, JOINT_SETS, NOSE_TIP
from hcmoco_bench.body_models.smpl_file import SmplFile, refuse_regressor
from hcmoco_bench.files.zip_errors import NPZ_ERRORS

Floats = NDArray[np.float64]

REGRESSOR_FILE: Final = "J_regressor_h36m.npy"

_NECK: Final = {"neck": 1 / 3} | dict.fromkeys(
    ("left collar", "right collar", "left shoulder", "right shoulder"), 1 / 6
)
_H36M: Final = {
    "root": {"left hip": 0.5, "right hip": 0.5},
    "belly": {"spine1": 0.75, "spine2": 0.25},
    "neck": _NECK,
    "nose": {"head": 0.5, NOSE_TIP: 0.5},
    "head": {CROWN: 1.0},
}
"""What the joints in the middle are mixtures of; all others are SMPL's joints of the same name."""


def smpl_regressors(model: SmplFile, folder: Path) -> dict[str, Floats]:
    """(J, V) weights of the vertices in the joints of each joint set.

    Args:
        model: The model.
        folder: Where its file lies, perhaps with `J_regressor_h36m.npy`.

    Raises:
        DataError: Kind `smpl_regressor`: if that file is damaged or does not fit the model.
    """
    published = folder / REGRESSOR_FILE
    h36m = _published(published, model) if published.exists() else _mixed(model)
    return dict(zip(JOINT_SETS, (h36m, h36m[joint_mapping("h36m17", "lsp14")], model.regressor), strict=True))


def _mixed(model: SmplFile) -> Floats:
    own = joint_set("smpl24")
    points = {CROWN: int(model.template[:, 1].argmax()), NOSE_TIP: _nose(model)}
    rows = []
    for name in joint_set("h36m17").joints:
        row = np.zeros(len(model.template))
        for place, share in _H36M.get(name, {name: 1.0}).items():
            if place in points:
                row[points[place]] += share
            else:
                row += share * model.regressor[own.index(place)]
        rows.append(row)
    return np.stack(rows)


def _nose(model: SmplFile) -> int:
    """The foremost vertex that moves with the head most of all."""
    head = np.flatnonzero(model.weights.argmax(1) == joint_set("smpl24").index("head"))
    candidates = head if len(head) else np.arange(len(model.template))
    return int(candidates[model.template[candidates, 2].argmax()])


def _published(path: Path, model: SmplFile) -> Floats:
    try:
        regressor = np.array(np.load(path, allow_pickle=False), np.float64)
    except NPZ_ERRORS as error:
        refuse_regressor(path, f"it is no array of numbers ({type(error).__name__})")
    names = joint_set("h36m17")
    expected = (len(names), len(model.template))
    if regressor.shape != expected:
        refuse_regressor(path, f"it is {regressor.shape} and the model needs {expected}")
    if not np.isfinite(regressor).all() or np.abs(regressor.sum(1) - 1).max() > 0.01:
        refuse_regressor(path, "its rows do not sum to 1")
    places = regressor @ model.template
    # SMPL faces +z with y up, so that its left is at positive x.
    swapped = places[names.index("left hip"), 0] < places[names.index("right hip"), 0]
    return regressor[names.flip] if swapped else regressor
