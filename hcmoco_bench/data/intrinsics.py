"""Intrinsics of each rig's depth camera, from the calibration of a store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hcmoco_bench.align.calibration import Calibration
from hcmoco_bench.store.kinds.ntu import CALIBRATION_FILE
from hcmoco_bench.store.store import AnyStore

NOMINAL: Final = (365.5, 365.5, 256.0, 210.0)
"""Nominal fx, fy, cx, cy of the depth camera of a Kinect v2 in px; real ones: 365.5-367.5, 256-263, 208-210."""


@dataclass(frozen=True)
class RigIntrinsics:
    """Pinhole parameters of the depth cameras of all rigs, in px of the 512x424 frame.

    The fitted lens distortion is left out: where people stand it moves a pixel by less than 1 % of its distance from
    the image center.

    Attributes:
        by_rig: fx, fy, cx, cy of each rig whose camera was fitted.
        nominal: Rigs of the store without a fitted camera; they get the nominal parameters.
    """

    by_rig: dict[str, tuple[float, float, float, float]]
    nominal: tuple[str, ...]

    @classmethod
    def of_store(cls, store: AnyStore) -> RigIntrinsics:
        """Read the calibration of a store whose rows name their rig; raises DataError if it cannot be read."""
        rigs = Calibration.load(store.path / CALIBRATION_FILE).rigs
        fitted = {name: rig.registered.depth for name, rig in rigs.items() if rig.registered is not None}
        return cls(
            {name: (camera.fx, camera.fy, camera.cx, camera.cy) for name, camera in fitted.items()},
            tuple(sorted(name for name in rigs if name not in fitted)),
        )

    def of(self, rig: str) -> tuple[float, float, float, float]:
        """fx, fy, cx, cy of a rig in px; nominal values if its camera was not fitted."""
        return self.by_rig.get(rig, NOMINAL)
