"""Real poses for the discriminator, drawn from a prior."""

from __future__ import annotations

import torch
from torch import Tensor

from hcmoco_bench.priors.skeleton_prior import SkeletonPrior
from hcmoco_bench.runtime.shared_draws import own_part


class RealPoses:
    """The poses of a prior, each scaled so that the squares of its 51 numbers sum to 1.

    Args:
        prior: The prior.
        device: Device of the poses.
    """

    def __init__(self, prior: SkeletonPrior, device: torch.device) -> None:
        self.poses = torch.from_numpy(prior.normalized()).flatten(1).to(device)
        self.sha256, self.source = prior.sha256, prior.source

    def __len__(self) -> int:
        return len(self.poses)

    def draw(self, number: int, generator: torch.Generator) -> Tensor:
        """Poses drawn with replacement; under `torch.distributed` the own part of what one process would draw for all.

        Args:
            number: Poses of this process; the same in every process.
            generator: In the same state in every process.

        Returns:
            (number, 51) float32, joint by joint (x, y, z).
        """

        def draw(n_rows: int) -> Tensor:
            return torch.randint(len(self), (n_rows,), generator=generator, device=generator.device)

        return self.poses[own_part(draw, number).to(self.poses.device)]
