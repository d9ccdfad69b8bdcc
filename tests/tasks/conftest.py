"""A parsing store of a few generated frames, and settings of a run on it that takes seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from hcmoco_bench.tasks.core.make_settings import make_finetune_settings
from hcmoco_bench.tasks.core.settings import FinetuneSettings

SMALL = {
    "backbone": "test_resnet",
    "init": "scratch",
    "image_size": 64,
    "batch_size": 4,
    "eval_batch_size": 4,
    "epochs": 2,
}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small only wait for each other on several threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def small(parsing_store: Path) -> dict[str, Any]:
    """Settings of a small run of depth parsing, as a user would give them."""
    return SMALL | {"stores": (str(parsing_store),)}


@pytest.fixture
def small_config(small: dict[str, Any]) -> FinetuneSettings:
    """The small run's settings, checked."""
    return make_finetune_settings("depth_parsing", small)
