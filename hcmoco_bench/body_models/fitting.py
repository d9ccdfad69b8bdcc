"""Bodies fitted to joints in space: what is left to an estimator that knows the true joints.

Each body's shape, rotations and translation minimize the squared distances of its joints from the given ones, plus the
negative logarithms of the priors of shape and pose. The optimizer is Levenberg and Marquardt's, for all bodies at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from hcmoco_bench.body import joint_set
from hcmoco_bench.body_models.linear_blend_body import LinearBlendBody, PosedJoints
from hcmoco_bench.body_models.pose_priors import PosePrior, pose_prior
from hcmoco_bench.body_models.rotations import from_axis_angle
from hcmoco_bench.errors import UsageError

_JOINT_SPREAD: Final = 0.005
"""Meters by which joints may miss as easily as a shape parameter may deviate by one standard deviation."""

_TORSO: Final = ("hip", "shoulder", "neck", "pelvis", "root")
_START, _EASIER, _HARDER, _MOST = 1e-2, 0.3, 4.0, 1e8
"""Damping at the start, its factors after a step that helped and one that did not, and the most of it."""
_ENOUGH: Final = 1e-2
"""A body is done when a step promises to save less than this share of what is minimized."""


@dataclass(frozen=True, eq=False)
class FittedBodies:
    """B fitted bodies.

    Attributes:
        shape: (B, S) shape parameters.
        rotations: (B, P, 3, 3) rotation of each bone against its parent.
        translation: (B, 3) meters.
        joints: (B, J, 3) meters, the joints of the fitted bodies.
        error: (B,) meters, mean distance of the valid joints from the given ones.
    """

    shape: Tensor
    rotations: Tensor
    translation: Tensor
    joints: Tensor
    error: Tensor


def fit_body(
    model: LinearBlendBody, joints: Tensor, joint_names: str, *, valid: Tensor | None = None, steps: int = 20
) -> FittedBodies:
    """Fit a body to each set of joints.

    Args:
        model: The body.
        joints: (B, J, 3) meters, axes right-handed, e.g. those of the camera (x right, y down, z away).
        joint_names: Their joint set, e.g. `h36m17`.
        valid: (B, J) whether each joint is known; None for all.
        steps: Steps of the optimizer.

    Returns:
        The bodies, without gradients.

    Raises:
        UsageError: If the body has no such joints, their number is another, one is not finite though valid, or fewer
            than three of a body are valid.
    """
    given = joints.detach().to(model.template)
    known = torch.ones(given.shape[:2], dtype=torch.bool) if valid is None else valid.bool()
    known = known.to(given.device)
    _check(given, known, joint_names)
    given = torch.where(known[..., None], given, 0)
    with torch.no_grad():
        problem = _Problem(PosedJoints(model, joint_names), model, given, known)
        unknowns = problem.start(_torso(joint_names))
        unknowns = _minimize(problem, unknowns, steps)
        shape, rotations, translation = problem.parts(unknowns)
        found = problem.posed(shape, rotations, translation)
        distance = ((found - given).norm(dim=-1) * known).sum(1) / known.sum(1)
    return FittedBodies(shape, rotations, translation, found, distance)


def _check(given: Tensor, known: Tensor, joint_names: str) -> None:
    count = len(joint_set(joint_names).joints)
    if given.ndim != 3 or given.shape[1:] != (count, 3) or known.shape != given.shape[:2]:
        raise UsageError(f"joints of {joint_names} are (B, {count}, 3), not {tuple(given.shape)}")
    if not torch.isfinite(given[known]).all():
        raise UsageError("joints to fit a body to must be finite; mark those that are unknown as not valid")
    if len(known) and int(known.sum(1).min()) < 3:
        raise UsageError("a body needs at least three valid joints to be fitted")


def _torso(joint_names: str) -> list[int]:
    names = joint_set(joint_names).joints
    return [i for i, name in enumerate(names) if any(word in name for word in _TORSO)]


class _Problem:
    """Residuals of the unknowns (B, U): shape, axis times angle of each bone, translation."""

    def __init__(self, posed: PosedJoints, model: LinearBlendBody, given: Tensor, known: Tensor) -> None:
        self.posed, self.given, self.known = posed, given, known
        self.n_shape, self.n_bones = len(model.shape_names), len(model.bone_names)
        mean = model.shape_coefficients(given.new_zeros(1, self.n_shape))
        self.rest_heads = model.rest_heads(mean)[0]
        self.prior: PosePrior = pose_prior(model, self.rest_heads)
        self.root = torch.eye(3).to(given).expand(len(given), 3, 3)

    def start(self, torso: list[int]) -> Tensor:
        """The mean body in the mean pose, its trunk laid upon the given one."""
        unknowns = self.given.new_zeros(len(self.given), self.n_shape + 3 * self.n_bones + 3)
        unknowns[:, self.n_shape : -3] = self.prior.mean.flatten()
        rest = self.posed(*self.parts(unknowns))
        weights = self.known.to(rest)
        inside = torch.zeros_like(weights)
        inside[:, torso] = weights[:, torso]
        enough = inside.sum(1, keepdim=True) >= 3
        weights = torch.where(enough, inside, weights)
        self.root, shift = _rigid(rest, self.given, weights, self.rest_heads[0])
        unknowns[:, -3:] = shift
        return unknowns

    def parts(self, unknowns: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Shape, rotations and translation."""
        shape, translation = unknowns[:, : self.n_shape], unknowns[:, -3:]
        rotations = from_axis_angle(unknowns[:, self.n_shape : -3].view(len(unknowns), self.n_bones, 3))
        rotations = torch.cat([(self.root @ rotations[:, 0])[:, None], rotations[:, 1:]], 1)
        return shape, rotations, translation

    def misses(self, unknowns: Tensor) -> Tensor:
        """(B, J * 3) deviations of the joints in units of their spread."""
        off = self.posed(*self.parts(unknowns)) - self.given
        misses: Tensor = off * self.known[..., None] / _JOINT_SPREAD
        return misses.flatten(1)

    def unusual(self, unknowns: Tensor) -> Tensor:
        """(B, S + P * 3) deviations from the priors in units of their spreads."""
        turns = unknowns[:, self.n_shape : -3].view(len(unknowns), self.n_bones, 3) - self.prior.mean
        turns = (self.prior.root_precision @ turns[..., None])[..., 0]
        return torch.cat([unknowns[:, : self.n_shape], turns.flatten(1)], 1)

    def cost(self, unknowns: Tensor) -> Tensor:
        """(B, 1) what is minimized."""
        return torch.cat([self.misses(unknowns), self.unusual(unknowns)], 1).square().sum(1, keepdim=True)

    def normal_equations(self, unknowns: Tensor) -> tuple[Tensor, Tensor]:
        """(B, U, U) matrix and (B, U) right side of the linearized problem."""
        misses, pull_back, *_ = torch.func.vjp(self.misses, unknowns)
        basis = torch.eye(misses.shape[1]).to(misses)
        rows: Tensor = torch.func.vmap(lambda row: pull_back(row.expand_as(misses))[0])(basis)
        of_misses = rows.transpose(0, 1)
        matrix = of_misses.transpose(1, 2) @ of_misses
        slope = (of_misses.transpose(1, 2) @ misses[..., None])[..., 0]
        # The priors are linear: one matrix for all.
        basis = torch.eye(unknowns.shape[1]).to(unknowns)
        of_prior = self.unusual(basis) - self.unusual(torch.zeros_like(basis[:1]))
        return matrix + of_prior @ of_prior.T, slope + self.unusual(unknowns) @ of_prior.T


def _minimize(problem: _Problem, unknowns: Tensor, steps: int) -> Tensor:
    damping = unknowns.new_full((len(unknowns), 1), _START)
    cost = problem.cost(unknowns)
    for _ in range(steps):
        matrix, slope = problem.normal_equations(unknowns)
        scale = torch.diagonal(matrix, dim1=1, dim2=2).clamp(min=1e-6)
        step = torch.linalg.solve(matrix + torch.diag_embed(damping * scale), slope)
        tried = unknowns - step
        new_cost = problem.cost(tried)
        better = new_cost < cost
        done = (step * slope).sum(1, keepdim=True) < _ENOUGH * cost
        unknowns, cost = torch.where(better, tried, unknowns), torch.where(better, new_cost, cost)
        damping = torch.where(better, damping * _EASIER, damping * _HARDER).clamp(1e-6, _MOST)
        if bool(done.all()):
            break
    return unknowns


def _rigid(source: Tensor, target: Tensor, weights: Tensor, pivot: Tensor) -> tuple[Tensor, Tensor]:
    """Rotations about a pivot and translations that lay points (B, J, 3) upon others with least squares (Kabsch)."""
    share = (weights / weights.sum(1, keepdim=True))[..., None]
    from_center, to_center = (share * source).sum(1), (share * target).sum(1)
    spread = ((target - to_center[:, None]) * share).transpose(1, 2) @ (source - from_center[:, None])
    u, _, v = torch.linalg.svd(spread)
    u = u * torch.stack([torch.ones_like(u[:, 0, 0])] * 2 + [torch.det(u @ v)], -1)[:, None]
    rotation = u @ v
    shift = to_center - (rotation @ (from_center - pivot)[..., None])[..., 0] - pivot
    return rotation, shift
