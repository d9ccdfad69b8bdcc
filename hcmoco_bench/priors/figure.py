"""The figure of a prior, or of skeletons beside one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from matplotlib.figure import Figure

from hcmoco_bench.plotting.skeleton_prior import BoneBar, skeletons_figure
from hcmoco_bench.priors.release_figures import RELEASE
from hcmoco_bench.priors.skeleton_prior import SkeletonPrior
from hcmoco_bench.priors.statistics import skeleton_statistics

_LONGEST: Final = 24


def prior_figure(priors: Mapping[str, SkeletonPrior], number: int = 8) -> Figure:
    """Draw skeletons of the first prior, at even distances, and the bones and camera pitch of all of them.

    Args:
        priors: By name; at least one.
        number: Skeletons to draw at most.

    Raises:
        ValueError: If there is no prior.
    """
    if not priors:
        raise ValueError("there is no prior to draw")
    first = next(iter(priors.values()))
    count = min(number, len(first))
    rows = (2 * np.arange(count) + 1) * len(first) // (2 * count)
    labels = {name: _short(name) for name in priors}
    bones = {
        labels[name]: [
            BoneBar(bone.name, bone.mean, bone.deviation)
            for bone in skeleton_statistics(prior.joints, body=prior.body).bones
        ]
        for name, prior in priors.items()
    }
    pitch = {labels[name]: prior.pitch for name, prior in priors.items() if prior.pitch is not None}
    return skeletons_figure(
        first.joints[rows],
        title=f"{len(first):,} skeletons: {first.source}",
        bones=bones,
        pitch=pitch,
        marks={"LiftedCL's release": RELEASE.pitch},
    )


def _short(name: str) -> str:
    """The end of a long name, so that a legend leaves room for what it is about."""
    return name if len(name) <= _LONGEST else f"...{name[3 - _LONGEST :]}"
