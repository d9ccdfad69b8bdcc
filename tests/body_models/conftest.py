"""The bodies, loaded once per run."""

from __future__ import annotations

from pathlib import Path

import pytest
import smpl_files

from hcmoco_bench.body_models.anny_body import AnnyBody
from hcmoco_bench.body_models.create import create_body_model
from hcmoco_bench.body_models.smpl_body import SmplBody


@pytest.fixture(scope="session")
def anny() -> AnnyBody:
    """The generator's body."""
    model = create_body_model("anny")
    assert isinstance(model, AnnyBody)
    return model


@pytest.fixture(scope="session")
def smpl_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small made-up file of SMPL's form."""
    return smpl_files.write(tmp_path_factory.mktemp("smpl") / "SMPL_NEUTRAL.npz", smpl_files.arrays(), "npz")


@pytest.fixture(scope="session")
def smpl(smpl_path: Path) -> SmplBody:
    """The body of that file."""
    model = create_body_model("smpl", smpl_path)
    assert isinstance(model, SmplBody)
    return model
