"""How large the demo is; light enough to be read for `--help`."""

from __future__ import annotations

from typing import Any

CLIPS = 105
FRAMES = 5
"""Of the generated tree: many people, each seen by three cameras for a moment."""

MASK_EVERY = 2
"""Of the frames of a clip, from the first: those with part labels."""

PAIR_EVERY = 1
"""Of so many frames of a clip, the middle one becomes a sample of pre-training."""

PRETRAINING: dict[str, Any] = {
    "backbone": "hrnet_w18_small",
    "init": "scratch",
    "image_size": 64,
    "batch_size": 32,
    "stage1_epochs": 1,
    "stage2_epochs": 15,
    "lr": 0.001,
    "precision": "bf16",
    "channels_last": True,
    "negatives": "batch",
    "points": 100,
    "crops": "person",
    "optimizer": "adam",
    "warmup_epochs": 0.5,
    "trackers": (),
}
"""Settings of the demo's pre-training: small enough for two cores and a minute."""

FINETUNING: dict[str, Any] = {
    "ratio": 0.2,
    "image_size": 96,
    "batch_size": 8,
    "epochs": 60,
    "lr": 0.003,
    "precision": "bf16",
    "channels_last": True,
    "optimizer": "adam",
    "framing": "person",
    "class_weights": "none",
}
"""Settings of the demo's fine-tuning on a fifth of the labeled frames: some twenty seconds."""
