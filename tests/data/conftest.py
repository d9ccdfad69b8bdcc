"""Prepared stores for the tests of `data`: generated people, and photographs drawn here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from data_photographs import write_coco, write_mpii

from hcmoco_bench.prepare.keypoints import prepare_keypoints
from hcmoco_bench.prepare.ntu import prepare_ntu
from hcmoco_bench.prepare.options import check_options


@pytest.fixture(scope="session")
def parsing_store(generated_tree: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with part masks; do not write into it."""
    out = tmp_path_factory.mktemp("data") / "parsing"
    options = check_options(parts=True, align="registered", rows_per_shard=4)
    return prepare_ntu([generated_tree.root], out, options, annotations=generated_tree.masks).store.path


@pytest.fixture(scope="session")
def pretrain_store(generated_tree: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store without masks; do not write into it."""
    out = tmp_path_factory.mktemp("data") / "pretrain"
    return prepare_ntu([generated_tree.root], out, check_options(set="pretrain", every=3)).store.path


@pytest.fixture(scope="session")
def mpii_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn photographs whose joints have colors; do not write into it."""
    folder = tmp_path_factory.mktemp("data")
    write_mpii(folder / "raw", n_images=3)
    return prepare_keypoints("mpii", folder / "raw", folder / "mpii", rows_per_shard=2).store.path


@pytest.fixture(scope="session")
def coco_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with COCO's 17 joints; do not write into it."""
    folder = tmp_path_factory.mktemp("data")
    write_coco(folder / "raw", n_images=3)
    return prepare_keypoints("coco", folder / "raw", folder / "coco", rows_per_shard=2).store.path
