"""A fine-tuned DensePose model for detectron2: weights in its names, and the configuration that builds the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import torch

from hcmoco_bench.data.densepose import LONGEST
from hcmoco_bench.errors import UsageError
from hcmoco_bench.files.atomic import atomic_file, write_atomic
from hcmoco_bench.models.densepose.detectron2 import detectron2_config, to_detectron2
from hcmoco_bench.models.densepose.rcnn import DensePoseRCNN
from hcmoco_bench.models.export import fusion_of
from hcmoco_bench.models.weights import load_weights
from hcmoco_bench.pretrain.export import Exported
from hcmoco_bench.tasks.core.checkpoints import load_task_checkpoint
from hcmoco_bench.tasks.core.registry import get_task
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.densepose.data import TASK

DETECTRON2_DENSEPOSE: Final = "densepose-detectron2"
_ITERATIONS: Final = 130_000
_STEPS: Final = (100_000, 120_000)


def export_densepose(checkpoint: Path, out: Path) -> Exported:
    """Write `<out>.pth` for `MODEL.WEIGHTS`, and `<out>.yaml` beside it.

    Args:
        checkpoint: A model that `finetune --task densepose` left.
        out: The `.pth` file.

    Raises:
        DataError: If the checkpoint is missing, damaged or foreign.
        UsageError: If it is of something else, if detectron2 has no such network, or if `out` does not end in `.pth`.
        StoreError: If nothing can be written there.
    """
    if out.suffix != ".pth":
        raise UsageError(f"{out}: detectron2 reads .pth files; give a name that ends in .pth with --out")
    found = load_task_checkpoint(checkpoint, TASK)
    model = get_task(TASK).build_model(found.config, fresh=False)
    if not isinstance(model, DensePoseRCNN):
        raise TypeError(f"{TASK} makes a {type(model).__name__}")
    load_weights(model, found.model, file=str(checkpoint))
    weights = to_detectron2(model)
    side = found.config.image_size
    text = detectron2_config(
        model, weights=out.name, shortest=side, longest=int(side * LONGEST), solver=_solver(found.config)
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(out) as handle:
        torch.save(weights, handle)
    configuration = out.with_suffix(".yaml")
    write_atomic(configuration, text)
    note = (
        f"its configuration is {configuration.name}: tools/train_net.py --config-file {configuration.name} --eval-only"
    )
    if fusion_of(model.encoder) == "bilinear":
        note += "; trained with bilinear fusion, detectron2 fuses by nearest: features differ somewhat"
    return Exported(out, found.config.backbone, sum(value.numel() for value in model.parameters()), note)


def _solver(config: FinetuneSettings) -> dict[str, Any]:
    """The solver for training on in detectron2: the paper's schedule at the run's rate."""
    return {
        "IMS_PER_BATCH": config.batch_size,
        "BASE_LR": config.lr,
        "MAX_ITER": _ITERATIONS,
        "STEPS": list(_STEPS),
        "WARMUP_FACTOR": 0.1,
        "CLIP_GRADIENTS": {"ENABLED": True, "CLIP_TYPE": "norm"},
    }
