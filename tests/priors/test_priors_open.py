"""Opening a prior by name or path; LiftedCL's published file is read without running anything in it."""

from __future__ import annotations

import argparse
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.priors import generated
from hcmoco_bench.priors import open_prior as module
from hcmoco_bench.priors.generated import GeneratedOptions, generate_prior
from hcmoco_bench.priors.open_prior import generated_file, open_prior
from hcmoco_bench.priors.prior_file import write_prior
from hcmoco_bench.priors.release_figures import RELEASE
from hcmoco_bench.priors.skeleton_prior import SkeletonPrior
from hcmoco_bench.priors.statistics import skeleton_statistics


def release(prior: SkeletonPrior) -> torch.Tensor:
    """One body's skeletons as LiftedCL publishes its own."""
    return torch.from_numpy(prior.normalized()[prior.body == 0])


@pytest.mark.parametrize("shape", [(-1, 17, 3), (-1, 51)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("zipped", [True, False])
def test_the_release(
    tmp_path: Path, prior: SkeletonPrior, shape: tuple[int, ...], dtype: torch.dtype, zipped: bool
) -> None:
    tensor = release(prior)
    path = tmp_path / "norm_joints.pt"
    torch.save(tensor.to(dtype).reshape(shape), path, _use_new_zipfile_serialization=zipped)
    found = open_prior(str(path))
    assert np.array_equal(found.joints, tensor.numpy())
    assert not found.metric
    assert found.pitch is None
    assert np.array_equal(found.body, np.zeros(len(tensor)))
    assert "norm_joints.pt" in found.source
    np.testing.assert_allclose(found.normalized(), found.joints, atol=1e-6)
    written = write_prior(tmp_path / "release.safetensors", found)
    assert open_prior(str(written)).sha256 == found.sha256
    # As of the release, its limbs have the same proportions in all skeletons.
    assert skeleton_statistics(found.joints, body=found.body).bodies == RELEASE.bodies


class Hostile:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (torch.zeros(5, 17, 2), "shape (5, 17, 2)"),
        (torch.zeros(5, 50), "shape (5, 50)"),
        (torch.zeros(51), "shape (51,)"),
        (torch.zeros(5, 51, dtype=torch.int64), "torch.int64"),
        (torch.zeros(5, 51).to_sparse(), "not (N, 17, 3)"),
        ({"joints": torch.zeros(5, 51)}, "it holds a dict"),
        ([1, 2], "it holds a list"),
        (argparse.Namespace(), "not a tensor of skeletons"),
        (torch.zeros(0, 51), "at least one skeleton"),
        (torch.zeros(5, 51), "5 of 5 skeletons are no person's"),
        (torch.full((5, 51), torch.nan), "not finite"),
        (torch.ones(5, 51), "the root is 1 from the origin"),
        (torch.randn(5, 17, 3, generator=torch.Generator().manual_seed(0)) * torch.arange(17)[:, None], "no person's"),
    ],
)
def test_other_torch_files(tmp_path: Path, content: Any, message: str) -> None:
    path = tmp_path / "norm_joints.pt"
    torch.save(content, path)
    with pytest.raises(DataError) as caught:
        open_prior(str(path))
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_hostile_and_damaged_files(tmp_path: Path, prior: SkeletonPrior) -> None:
    path, marker = tmp_path / "norm_joints.pt", tmp_path / "harm"
    for write in (torch.save, lambda content, where: where.write_bytes(pickle.dumps(content))):
        write(Hostile(marker), path)
        with pytest.raises(DataError) as caught:
            open_prior(str(path))
        assert caught.value.kind in ("prior_foreign", "prior_damaged")
        assert not marker.exists()
    torch.save(release(prior), path)
    whole = path.read_bytes()
    harmed = bytearray(whole)
    harmed[whole.index(release(prior).numpy().tobytes()[400:440])] ^= 1
    for data in (b"", whole[: len(whole) // 2], bytes(harmed), b"PK\x03\x04", b"a,b\n1,2\n"):
        path.write_bytes(data)
        with pytest.raises(DataError) as caught:
            open_prior(str(path))
        assert caught.value.kind in ("prior_damaged", "prior_foreign")
        assert str(path) in str(caught.value)


def test_names_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs a name"):
        open_prior("")
    with pytest.raises(UsageError, match="is a folder"):
        open_prior(str(tmp_path))
    with pytest.raises(DataError, match="generated") as caught:
        open_prior(str(tmp_path / "none.pt"))
    assert caught.value.kind == "prior_missing"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A prior of fewer skeletons, and how often it is drawn."""
    drawn: list[int] = []

    def few(**others: Any) -> SkeletonPrior:
        drawn.append(1)
        return generate_prior(GeneratedOptions(number=6, bodies=2), **others)

    monkeypatch.setattr(generated, "generate_prior", few)
    monkeypatch.setattr(module, "_memory", [])
    return drawn


def test_the_generated_prior_is_kept_in_the_home_folder(
    tmp_path: Path, quick: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_prior("generated", home=tmp_path)
    file = generated_file(tmp_path)
    assert file.is_file()
    monkeypatch.setattr(module, "_memory", [])
    assert open_prior("generated", home=tmp_path).sha256 == first.sha256
    assert quick == [1]
    # What is damaged is drawn again, and replaced.
    good = file.read_bytes()
    file.write_bytes(good[:-1])
    assert open_prior("generated", home=tmp_path).sha256 == first.sha256
    assert (quick, file.read_bytes()) == ([1, 1], good)


def test_a_home_folder_that_cannot_be_written(tmp_path: Path, quick: list[int]) -> None:
    (tmp_path / "home").write_text("a file")
    first = open_prior("generated", home=tmp_path / "home")
    assert open_prior("generated", home=tmp_path / "home") is first
    assert quick == [1]


def test_without_the_extra_the_message_names_it_and_the_alternatives(tmp_path: Path, prior: SkeletonPrior) -> None:
    file = write_prior(tmp_path / "mine.safetensors", prior)
    program = f"""
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("anny", "warp", "trimesh", "roma"):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
        return None

sys.meta_path.insert(0, Blocker())
from hcmoco_bench.errors import MissingExtraError
from hcmoco_bench.priors.open_prior import open_prior
print(len(open_prior({str(file)!r})))
try:
    open_prior("generated")
except MissingExtraError as error:
    print(error)
"""
    environment = os.environ | {"HCMOCO_HOME": str(tmp_path / "home")}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    count, message = done.stdout.strip().splitlines()
    assert count == "240"
    assert "pip install 'hcmoco-bench[synth]'" in message
    assert "prior make" in message
    assert "norm_joints.pt" in message
    assert not (tmp_path / "home").exists()
