"""3-D poses beside the true ones, for the conventions by which published tables measure them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class PosePair:
    """Predicted and true poses of the same samples.

    Attributes:
        prediction: (N, J, 3) float64, meters in the camera's axes: x right, y down, z forward.
        target: (N, J, 3) float64, the true joints, likewise; may be anything where not valid.
        valid: (N, J) bool, joints that count.
        joints: Name of the joint set (`h36m17`, `lsp14`, `smpl24`) whose order J follows.
        sample_ids: N ids.
        absolute: Whether predictions say where in front of the camera people are; False for positions about some
            point, which conventions in absolute coordinates cannot measure.
    """

    prediction: NDArray[np.float64]
    target: NDArray[np.float64]
    valid: NDArray[np.bool_]
    joints: str
    sample_ids: tuple[str, ...]
    absolute: bool = True
