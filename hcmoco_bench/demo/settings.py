"""How large the demo is; light enough to be read for `--help`."""

from __future__ import annotations

CLIPS = 105
FRAMES = 5
"""Size of the generated tree: many people, each seen by three cameras for a moment."""

MASK_EVERY = 2
"""Every n-th frame of a clip, from the first, has part labels."""

PAIR_EVERY = 1
"""The middle one of every n frames of a clip becomes a sample of pre-training."""

RECIPE = "demo"
"""Name of the packaged recipes of the demo's pre-training and fine-tuning."""
