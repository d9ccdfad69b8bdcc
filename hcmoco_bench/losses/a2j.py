"""The objective of A2J: votes of anchors against true joints."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import smooth_l1_loss

SPATIAL_WEIGHT = 0.5
"""Weight of a place's error (px) against a depth's."""

REGRESSION_WEIGHT = 3.0
"""Weight of places and depths against where the anchors are."""

_DEPTH_BETA = 3.0


@dataclass(frozen=True)
class A2JLoss:
    """The two parts.

    Attributes:
        anchors: Scalar; the weighted anchors should surround the joint.
        regression: Scalar; what they vote for should be the joint.
    """

    anchors: Tensor
    regression: Tensor

    @property
    def total(self) -> Tensor:
        """`anchors + 3 regression`, as published."""
        return self.anchors + REGRESSION_WEIGHT * self.regression


def a2j_loss(anchors: Tensor, places: Tensor, depths: Tensor, target: Tensor) -> A2JLoss:
    """A2J's loss (Xiong et al., ICCV 2019, equations 4 to 6, in the weights of HCMoCo's ITOP).

    `smoothL1(anchors) + 3 (0.5 smoothL1(places) + smoothL1_3(depths))`, each a mean over samples, joints and x and y.

    Args:
        anchors: (B, J, 2) weighted mean of the anchors, px of the crop (x, y).
        places: (B, J, 2) weighted mean of their votes, px of the crop (x, y).
        depths: (B, J) weighted mean of their depths, in the unit of the target's.
        target: (B, J, 3) px of the crop (x, y), and depth (published: 50 x meters from the crop's mean).
    """
    xy = target[..., :2]
    return A2JLoss(
        anchors=smooth_l1_loss(anchors, xy),
        regression=SPATIAL_WEIGHT * smooth_l1_loss(places, xy)
        + smooth_l1_loss(depths, target[..., 2], beta=_DEPTH_BETA),
    )
