"""Bodies fitted to the true joints of generated people: errors and time, and the time of a forward pass.

Run `python benchmarks/bodies.py [PEOPLE]`; 12 people in two poses each by default.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import torch
from torch import Tensor

from hcmoco_bench.body_models.anny_body import AnnyBody
from hcmoco_bench.body_models.anny_mesh import body_vertices
from hcmoco_bench.body_models.anny_rig import Skeleton, joint_heads
from hcmoco_bench.body_models.anny_shape import rest_vertices, sample_phenotype
from hcmoco_bench.body_models.fitting import fit_body
from hcmoco_bench.body_models.joint_regressors import JOINT_SETS
from hcmoco_bench.body_models.measurements import measure
from hcmoco_bench.synth.motion import ACTIONS, sample_motion
from hcmoco_bench.synth.motion.posing import solve
from hcmoco_bench.synth.person.landmarks import measure as measure_landmarks

FRAMES = 90


def people(model: AnnyBody, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Shapes, rotations and translations of generated people, two poses of each."""
    rng, parts = np.random.default_rng(5), []
    for _ in range(count):
        phenotype, stature = sample_phenotype(rng)
        rest = rest_vertices(phenotype)
        skeleton = Skeleton(joint_heads(rest))
        landmarks = measure_landmarks(rest, skeleton, body_vertices(), stature)
        yaw = float(rng.uniform(-np.pi, np.pi))
        motion = sample_motion(rng, str(rng.choice(ACTIONS)), FRAMES, position=(0.0, 0.0), yaw=yaw)
        pose, frames = solve(motion, skeleton, landmarks), rng.integers(0, FRAMES, 2)
        rotations, shift = model.generated_pose(skeleton, pose.heads[frames], pose.turns[frames])
        parts.append((model.shapes([phenotype, phenotype]), rotations, shift))
    shapes, rotations, shifts = (torch.cat(part) for part in zip(*parts, strict=True))
    return shapes, rotations, shifts


def rest_errors(model: AnnyBody, true: Tensor, found: Tensor) -> str:
    """Vertices in the rest pose, after their centers are aligned, height, mass and waist: mean absolute errors."""
    rest = torch.eye(3).expand(len(true), len(model.bone_names), 3, 3)
    one, other = model(true, rest).vertices, model(found, rest).vertices
    off = one - other
    vertices = 1000 * (off - off.mean(1, keepdim=True)).norm(dim=-1).mean()
    a, b = measure(one, model.faces), measure(other, model.faces)
    height, mass, waist = (
        (getattr(a, name) - getattr(b, name)).abs().mean() for name in ("height_cm", "mass_kg", "waist_cm")
    )
    return f"rest pose {vertices:5.1f} mm  height {height:4.1f} cm  mass {mass:4.1f} kg  waist {waist:4.1f} cm"


def main() -> None:
    """Print the figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    model = AnnyBody()
    shape, rotations, shift = people(model, count)
    true = model(shape, rotations, shift).vertices
    start = time.process_time()
    model(shape, rotations, shift)
    print(f"{len(shape)} bodies posed in {time.process_time() - start:.2f} s of a core")
    for joints in JOINT_SETS:
        given = model.regress_joints(true, joints)
        start = time.process_time()
        fitted = fit_body(model, given, joints)
        seconds = time.process_time() - start
        vertices = model(fitted.shape, fitted.rotations, fitted.translation).vertices
        miss, off = 1000 * fitted.error.mean(), 1000 * (vertices - true).norm(dim=-1).mean()
        worst = 1000 * fitted.error.max()
        print(
            f"{joints:7} joints {miss:4.1f} mm (at most {worst:4.1f})  vertices {off:5.1f} mm  "
            f"{rest_errors(model, shape, fitted.shape)}  {seconds:4.1f} s of a core"
        )
    print(f"mean person: {rest_errors(model, shape, torch.zeros_like(shape))}")


if __name__ == "__main__":
    main()
