"""The depth camera of each rig, from the store's calibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hcmoco_bench.align.calibration import Calibration
from hcmoco_bench.store.kinds.ntu import CALIBRATION_FILE
from hcmoco_bench.store.store import AnyStore

NOMINAL: Final = (365.5, 365.5, 256.0, 210.0)
"""fx, fy, cx, cy px of a Kinect v2's depth camera as built; real ones: 365.5-367.5, 256-263, 208-210."""


@dataclass(frozen=True)
class RigIntrinsics:
    """Pinhole parameters of the rigs' depth cameras, px of the 512x424 frame.

    The fitted lens distortion is left out: it moves a pixel by less than 1 % of its distance from the image's middle
    where people are.

    Attributes:
        by_rig: fx, fy, cx, cy of rigs whose cameras were fitted.
        nominal: Rigs of the store without fitted cameras; they get those of a Kinect v2 as built.
    """

    by_rig: dict[str, tuple[float, float, float, float]]
    nominal: tuple[str, ...]

    @classmethod
    def of_store(cls, store: AnyStore) -> RigIntrinsics:
        """Read the calibration of a store whose rows name their rig; raises DataError if that cannot be read."""
        rigs = Calibration.load(store.path / CALIBRATION_FILE).rigs
        fitted = {name: rig.registered.depth for name, rig in rigs.items() if rig.registered is not None}
        return cls(
            {name: (camera.fx, camera.fy, camera.cx, camera.cy) for name, camera in fitted.items()},
            tuple(sorted(name for name in rigs if name not in fitted)),
        )

    def of(self, rig: str) -> tuple[float, float, float, float]:
        """fx, fy, cx, cy of a rig, nominal ones if it was not fitted."""
        return self.by_rig.get(rig, NOMINAL)
