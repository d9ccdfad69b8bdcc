"""The chance level of 2-D pose: the mean of the joints over all training crops, put into every crop."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.data.pose2d_crops import PoseSample
from hcmoco_bench.tasks.core.task_data import TaskData
from hcmoco_bench.tasks.pose2d.data import pose_source
from hcmoco_bench.tasks.pose2d.heatmaps import HeatmapGrid, target_heatmaps
from hcmoco_bench.tasks.pose2d.settings import Pose2dSettings


class MeanPose(nn.Module):
    """A model without any skill, which gives the same heatmaps for every crop.

    Args:
        heatmaps: (J, h, w).
    """

    heatmaps: Tensor

    def __init__(self, heatmaps: Tensor) -> None:
        super().__init__()
        self.register_buffer("heatmaps", heatmaps)

    def forward(self, images: Tensor) -> Tensor:
        """The heatmaps of each of (B, 3, H, W) crops."""
        return self.heatmaps.expand(len(images), -1, -1, -1)


def mean_pose(data: TaskData, config: Pose2dSettings) -> MeanPose:
    """The mean pose of a split as a model; what `evaluate` gives for it is the chance level of the task.

    Half of the people are taken as mirrored, as in training, so that the pose has equal sides.

    Args:
        data: Training data, opened with `train=False`.
        config: The settings, whose encoding the heatmaps have.
    """
    samples: list[PoseSample] = [data.dataset[row] for row in range(len(data))]
    joints, known = (torch.cat([getattr(one, name) for one in samples]) for name in ("joints", "known"))
    height, width = samples[0].rgb.shape[-2:]
    flip = torch.from_numpy(joint_set(pose_source(data).split.joints).flip)
    mirrored = torch.stack([width - 1 - joints[..., 0], joints[..., 1]], dim=-1)[:, flip]
    joints, known = torch.cat([joints, mirrored]), torch.cat([known, known[:, flip]])
    number = known.sum(0).clamp(min=1)
    mean = (joints * known[..., None]).sum(0) / number[:, None]
    size = (-(-height // 4), -(-width // 4))
    grid = HeatmapGrid.of((height, width), size, config.encoding)
    heatmaps, _ = target_heatmaps(mean[None], torch.ones(1, len(mean), dtype=torch.bool), grid, size, config.sigma)
    return MeanPose(heatmaps[0])
