"""From crops to joints in the image: the network, the flip test, and the way back."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hcmoco_bench.data.normalize import normalize_rgb
from hcmoco_bench.data.pose2d_crops import PoseBatch
from hcmoco_bench.errors import DataError
from hcmoco_bench.tasks.pose2d.heatmaps import HeatmapGrid, decode_heatmaps, flipped_back
from hcmoco_bench.tasks.pose2d.settings import Pose2dSettings
from hcmoco_bench.training.precision import autocast


def locate_joints(
    model: nn.Module, batch: PoseBatch, config: Pose2dSettings, flip: NDArray[np.intp], device: torch.device
) -> NDArray[np.float64]:
    """The joints of all crops of a batch.

    Args:
        model: From normalized crops to heatmaps.
        batch: K crops, on the device.
        config: The settings; the network sees at most `eval_batch_size` crops at a time.
        flip: (J,) joint that each joint becomes in a mirrored image.
        device: Device of the model.

    Returns:
        (K, J, 3) px (x, y) of the image, and score.

    Raises:
        DataError: Kind `not_finite` if the network gave numbers that are not finite.
    """
    found = [np.zeros((0, len(flip), 3))]
    sides = torch.from_numpy(flip).to(device)
    for start in range(0, len(batch.rgb), config.eval_batch_size):
        rgb = batch.rgb[start : start + config.eval_batch_size]
        heatmaps = _heatmaps(model, normalize_rgb(rgb), config, sides, device)
        if not bool(torch.isfinite(heatmaps).all()):
            raise DataError(
                f"samples {', '.join(batch.sample_ids[:5])}: the network's heatmaps are not finite; its weights are "
                "damaged, or bf16 overflows (precision = fp32)",
                kind="not_finite",
            )
        cells, scores = decode_heatmaps(heatmaps, config.decoding, config.sigma)
        height, width = heatmaps.shape[-2:]
        grid = HeatmapGrid.of((rgb.shape[-2], rgb.shape[-1]), (height, width), config.encoding)
        pixels = grid.pixels(cells).double().cpu().numpy()
        back = batch.to_image[start : start + config.eval_batch_size].double().cpu().numpy()
        points = pixels @ back[:, :, :2].transpose(0, 2, 1) + back[:, None, :, 2]
        found.append(np.concatenate([points, scores.double().cpu().numpy()[..., None]], axis=2))
    return np.concatenate(found)


def _heatmaps(model: nn.Module, images: Tensor, config: Pose2dSettings, sides: Tensor, device: torch.device) -> Tensor:
    with autocast(config.precision, device):
        heatmaps: Tensor = model(images).float()
        if not config.flip_test:
            return heatmaps
        mirrored = model(images.flip(-1)).float()
    return (heatmaps + flipped_back(mirrored, sides, config.shift)) / 2.0
