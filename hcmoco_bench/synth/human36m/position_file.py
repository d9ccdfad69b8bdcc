"""Writes joint positions as Human3.6M has them: a CDF file with one variable of one record."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from cdflib.cdfwrite import CDF
from numpy.typing import NDArray

from hcmoco_bench.sources.human36m.layout import POSE_VARIABLE


def write_positions(path: Path, positions: NDArray[np.floating]) -> None:
    """Write the positions of a recording in single precision; the same positions give the same bytes.

    Args:
        path: The `.cdf` file, which must not exist.
        positions: (F, J, D) millimeters or pixels.
    """
    values = positions.astype(np.float32).reshape(1, len(positions), -1)
    about = {
        "Variable": POSE_VARIABLE,
        "Data_Type": CDF.CDF_FLOAT,
        "Num_Elements": 1,
        "Rec_Vary": True,
        "Dim_Sizes": list(values.shape[1:]),
        "Compress": 0,
    }
    with CDF(path, cdf_spec={"Encoding": "IBMPC_ENCODING"}) as file:
        file.write_var(about, var_data=values)
