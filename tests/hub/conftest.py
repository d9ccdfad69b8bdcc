"""Stores, publications and a Hub for the tests of `hub`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_fake_server import TOKEN, FakeHub, fake_hub
from hub_store_builder import StoreRecipe, build_store

from hcmoco_bench.hub.publish import Published, publish


@pytest.fixture(scope="session")
def parsing_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated parsing store, two clips of its training list missing."""
    return build_store(tmp_path_factory.mktemp("hub") / "parsing4k", StoreRecipe(absent=frozenset({0, 5})))


@pytest.fixture(scope="session")
def licensed_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that says it is real NTU data."""
    recipe = StoreRecipe(n_train=20, n_test=5, generated=False, lists="official", registered=False)
    return build_store(tmp_path_factory.mktemp("hub") / "licensed", recipe)


@pytest.fixture(scope="session")
def pretrain_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated store of frames by stride, without masks."""
    recipe = StoreRecipe(n_train=9, n_test=0, set="pretrain", parts=False)
    return build_store(tmp_path_factory.mktemp("hub") / "pretrain", recipe)


@pytest.fixture(scope="session")
def published(parsing_store: Path, pretrain_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Published:
    """Both generated stores, published together."""
    return publish([parsing_store, pretrain_store], tmp_path_factory.mktemp("published") / "generated-parsing")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    """A Hub that this process talks to, with a token that it accepts."""
    from huggingface_hub import constants

    with fake_hub() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield server
