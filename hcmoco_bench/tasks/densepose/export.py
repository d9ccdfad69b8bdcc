"""A fine-tuned DensePose model for detectron2: weights in its names, and the configuration that builds the network."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, Final

from hcmoco_bench.data.densepose import LONGEST
from hcmoco_bench.errors import UsageError
from hcmoco_bench.files.atomic import write_atomic
from hcmoco_bench.files.tensor_files import write_torch_file
from hcmoco_bench.models.densepose import detectron2_padding
from hcmoco_bench.models.densepose.detectron2 import detectron2_config, padded_config, to_detectron2
from hcmoco_bench.models.densepose.rcnn import DensePoseRCNN
from hcmoco_bench.models.export import fusion_of
from hcmoco_bench.models.weights import load_weights
from hcmoco_bench.pretrain.export import Exported
from hcmoco_bench.sources.densepose import find_annotations
from hcmoco_bench.tasks.core.checkpoints import load_task_checkpoint
from hcmoco_bench.tasks.core.registry import get_task
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.densepose.data import TASK, TEST
from hcmoco_bench.tasks.densepose.detectron2_commands import evaluation_command, link_commands, scoring_command
from hcmoco_bench.tasks.densepose.settings import DensePoseSettings

DETECTRON2_DENSEPOSE: Final = "densepose-detectron2"
_ITERATIONS: Final = 130_000
_STEPS: Final = (100_000, 120_000)


def export_densepose(checkpoint: Path, out: Path) -> Exported:
    """Write `<out>.pth` for `MODEL.WEIGHTS`, `<out>.yaml` beside it, and what detectron2 needs to pad images.

    The last are `<out>-padded.yaml` and the module `<out>-padding.py`; they are written if the model was trained with
    padded images, and then are what to evaluate it with.

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
    config = found.config
    if not isinstance(config, DensePoseSettings):
        raise TypeError(f"{TASK} has settings of {type(config).__name__}")
    model = get_task(TASK).build_model(config, fresh=False)
    if not isinstance(model, DensePoseRCNN):
        raise TypeError(f"{TASK} makes a {type(model).__name__}")
    load_weights(model, found.model, file=str(checkpoint))
    weights = to_detectron2(model)
    out = out.resolve()
    side = config.image_size
    text = detectron2_config(
        model,
        weights=str(out),
        shortest=side,
        longest=int(side * LONGEST),
        solver=_solver(config),
        pixels=config.pixels,
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    write_torch_file(out, weights)
    configuration, padding = out.with_suffix(".yaml"), None
    write_atomic(configuration, text)
    if config.padding:
        base, configuration = configuration.name, out.with_name(f"{out.stem}-padded.yaml")
        write_atomic(configuration, padded_config(base))
        padding = out.with_name(f"{out.stem}-padding.py")
        write_atomic(padding, inspect.getsource(detectron2_padding))
    return Exported(
        out,
        config.backbone,
        sum(value.numel() for value in model.parameters()),
        "trained with bilinear fusion, detectron2 fuses by nearest: features differ somewhat"
        if fusion_of(model.encoder) == "bilinear"
        else "",
        _commands(config.root, evaluation_command(configuration, padding)),
    )


def _commands(root: str | None, evaluation: str) -> tuple[str, ...]:
    """What to type in detectron2's folder."""
    folder = Path(root or f"/data/{TASK}").resolve()
    annotations = find_annotations(folder).get(TEST) if folder.is_dir() else None
    return (*link_commands(folder, annotations), evaluation, scoring_command(folder))


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
