"""Figures of a result: skeletons over images, bars of joints, and curves over the threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.metrics.coco_statistics import THRESHOLDS
from hcmoco_bench.metrics.keypoints import joint_similarities
from hcmoco_bench.metrics.pckh import CURVE, MAIN, pckh_curve, pckh_per_joint
from hcmoco_bench.results.evidence import Evidence
from hcmoco_bench.tasks.core.task import ResultFigure
from hcmoco_bench.tasks.pose2d.data import PoseSource

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hcmoco_bench.plotting.pose_sheet import PosePicture

Found = Mapping[int, NDArray[np.float64]]
"""Predicted joints (D, J, 3), px of the image and score, by row of the image in the split, best people first."""

_SIMILAR = 0.5


def coco_figures(source: PoseSource, found: Found, precision: NDArray[np.float64]) -> tuple[ResultFigure, ...]:
    """Figures of COCO's people.

    Args:
        source: The images and people.
        found: Those that were found in the images to draw.
        precision: (2, T) average precision and recall at each threshold of keypoint similarity.
    """
    return (
        _sheet(source, found),
        ResultFigure(
            "joints",
            f"Share of annotated joints with a similarity over {_SIMILAR:g}, in the person most alike, in the "
            "images drawn.",
            partial(_coco_bars, source, found),
        ),
        ResultFigure(
            "curve",
            "Average precision and recall over the keypoint similarity from which a person counts as found.",
            partial(_oks_curve, precision),
        ),
    )


def mpii_figures(source: PoseSource, found: Found, evidence: Evidence) -> tuple[ResultFigure, ...]:
    """Figures of MPII's people; see `coco_figures`."""
    return (
        _sheet(source, found),
        ResultFigure("joints", "Share of joints within half of the head's size.", partial(_mpii_bars, evidence)),
        ResultFigure(
            "curve", "Share of joints within a distance, over the head's size.", partial(_pckh_curve, evidence)
        ),
    )


def _sheet(source: PoseSource, found: Found) -> ResultFigure:
    caption = "True joints in white; predicted skeletons in color, of people with a score over 0.2."
    return ResultFigure("skeletons", caption, partial(_draw_sheet, source, found))


def _draw_sheet(source: PoseSource, found: Found) -> Figure:
    from hcmoco_bench.plotting.pose_sheet import pose_sheet

    return pose_sheet([_picture(source, image, joints) for image, joints in found.items()], source.split.joints)


def _picture(source: PoseSource, image: int, joints: NDArray[np.float64]) -> PosePicture:
    from hcmoco_bench.plotting.pose_sheet import PosePicture

    split = source.split
    people = np.flatnonzero(split.people.image == image)
    return PosePicture(
        name=split.image_ids[image],
        rgb=source.crops.image(image),
        true=split.people.joints[people].astype(np.float64),
        known=split.people.state[people] > 0,
        predicted=joints,
    )


def _coco_bars(source: PoseSource, found: Found) -> Figure:
    from hcmoco_bench.plotting.skeletons import joint_bars

    people, names = source.split.people, joint_set(source.split.joints)
    sigmas = np.array(names.sigmas)
    right, all_ = np.zeros(len(names)), np.zeros(len(names))
    for image, joints in found.items():
        for person in np.flatnonzero(people.image == image):
            known = people.state[person] > 0
            all_ += known
            if len(joints):
                alike = joint_similarities(joints[..., :2], people.joints[person], people.areas[person], sigmas)
                best = alike[:, known].mean(1).argmax()
                right += known & (alike[best] > _SIMILAR)
    shares = {
        name: {"similar": 100 * right[place] / all_[place] if all_[place] else None}
        for place, name in enumerate(names.joints)
    }
    return joint_bars(shares, figure_name="similar")


def _mpii_bars(evidence: Evidence) -> Figure:
    from hcmoco_bench.plotting.skeletons import joint_bars

    shares = {
        name: {MAIN: None if (share := figures[MAIN]) is None else 100 * share}
        for name, figures in pckh_per_joint(evidence).items()
    }
    return joint_bars(shares, figure_name=MAIN)


def _oks_curve(precision: NDArray[np.float64]) -> Figure:
    from hcmoco_bench.plotting.pose_sheet import threshold_curve

    curves = {"average precision": precision[0], "recall": precision[1]}
    return threshold_curve(np.array(THRESHOLDS), curves, across="keypoint similarity (OKS)", up="%")


def _pckh_curve(evidence: Evidence) -> Figure:
    from hcmoco_bench.plotting.pose_sheet import threshold_curve

    groups: dict[str, Sequence[int] | None] = {"all joints": None, **evidence.meta["groups"]}
    curves = {name: pckh_curve(evidence, members) for name, members in groups.items()}
    return threshold_curve(CURVE, curves, across="distance / head size", up="joints within, %")
