"""Poses that a trained model lifts from images, beside real ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from hcmoco_bench.data.sample import Draw
from hcmoco_bench.models.lifting import POSE_JOINTS
from hcmoco_bench.plotting.lifted_skeletons import BoneShares, ScoreCurve, lifted_figure
from hcmoco_bench.pretrain.liftedcl.model import LiftedCLModel
from hcmoco_bench.pretrain.liftedcl.terms import LIFTED_SCORE, REAL_SCORE
from hcmoco_bench.pretrain.method import PretrainData
from hcmoco_bench.priors.checks import bone_lengths
from hcmoco_bench.priors.skeleton_prior import SkeletonPrior

SHOWN: Final = 8
"""Images in the figure."""

COUNTED: Final = 128
"""Images, and real poses, behind the statistics of bones."""

_BATCH: Final = 16


@dataclass(frozen=True, eq=False)
class LiftedPoses:
    """Views with the poses lifted from them.

    Attributes:
        images: (N, 3, S, S) uint8 RGB.
        poses: (N, 17, 3) float32 in the joint order of `h36m17`, x right, y down, z forward, in no unit.
        scores: (N,) the discriminator's scores of the poses.
    """

    images: Tensor
    poses: NDArray[np.float32]
    scores: NDArray[np.float32]


@torch.no_grad()
def lift_views(model: LiftedCLModel, data: PretrainData, number: int) -> LiftedPoses:
    """Lift poses from views of images that are spread evenly over the data.

    Args:
        model: A model with lifting network; it is in evaluation mode afterwards.
        data: Pairs of views; the first of each is taken.
        number: Number of images, or all if there are fewer.

    Raises:
        ValueError: If the model has no lifting network.
    """
    model.eval()
    device = next(model.parameters()).device
    rows = np.unique(np.linspace(0, len(data) - 1, min(number, len(data))).astype(int)).tolist()
    images = torch.stack([data.dataset[Draw(row)].query.image for row in rows])
    poses = torch.cat([model.lift(some.to(device)) for some in torch.split(images, _BATCH)])
    scores = model.score(poses)
    return LiftedPoses(images, poses.view(-1, POSE_JOINTS, 3).cpu().numpy(), scores.cpu().numpy())


def bone_shares(poses: NDArray[np.floating]) -> BoneShares:
    """Lengths of bones as shares of the length of all bones of the same pose.

    Args:
        poses: (N, 17, 3) in any unit.
    """
    lengths = bone_lengths(poses)
    shares = lengths / lengths.sum(axis=1, keepdims=True)
    return BoneShares(shares.mean(axis=0), shares.std(axis=0))


def figure_of_lifted(
    model: LiftedCLModel, data: PretrainData, prior: SkeletonPrior, table: Mapping[str, Sequence[str]]
) -> Figure:
    """Lifted poses of some images beside real ones, statistics of their bones, and scores over the training.

    Args:
        model: The trained model; it is in evaluation mode afterwards.
        data: What it learned from.
        prior: The real poses.
        table: Columns of the table of losses, as text.
    """
    lifted = lift_views(model, data, COUNTED)
    places = np.linspace(0, len(prior) - 1, min(COUNTED, len(prior))).astype(int)
    real = prior.joints[places]
    shown = np.linspace(0, len(lifted.poses) - 1, min(SHOWN, len(lifted.poses))).astype(int)
    shown_real = np.linspace(0, len(real) - 1, min(SHOWN, len(real))).astype(int)
    return lifted_figure(
        [lifted.images[row].permute(1, 2, 0).numpy() for row in shown.tolist()],
        lifted.poses[shown],
        real[shown_real],
        bones={"lifted": bone_shares(lifted.poses), "real": bone_shares(real)},
        scores={"lifted": _curve(table, LIFTED_SCORE), "real": _curve(table, REAL_SCORE)},
    )


def _curve(table: Mapping[str, Sequence[str]], column: str) -> ScoreCurve:
    steps = np.array(table["step"], np.float64)
    return ScoreCurve(steps, np.array([float(text) if text else np.nan for text in table[column]], np.float64))
