"""`hcmoco-bench prior make` and `show`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from hcmoco_bench.cli.app import app
from hcmoco_bench.errors import HcmocoBenchError, UsageError
from hcmoco_bench.priors.generated import GeneratedOptions, generate_prior
from hcmoco_bench.priors.prior_file import read_prior, write_prior
from hcmoco_bench.priors.release_figures import RELEASE
from hcmoco_bench.priors.skeleton_prior import SkeletonPrior
from hcmoco_bench.priors.statistics import skeleton_statistics


def succeed(*words: str) -> str:
    done = CliRunner().invoke(app, ["prior", *words])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def fail(*words: str) -> str:
    done = CliRunner().invoke(app, ["prior", *words])
    assert isinstance(done.exception, HcmocoBenchError), done.output
    return str(done.exception)


def test_make_generated_and_show(tmp_path: Path) -> None:
    file, figure = tmp_path / "mine.safetensors", tmp_path / "mine.png"
    make = ("make", "--out", str(file), "--number", "20", "--bodies", "2", "--seed", "5")
    assert "20 skeletons in" in succeed(*make)
    expected = generate_prior(GeneratedOptions(20, 2, 5))
    assert read_prior(file).sha256 == expected.sha256
    assert "exists; give another --out" in fail(*make)
    record = json.loads(succeed(*make, "--overwrite", "--json"))
    assert (record["sha256"], record["skeletons"], record["left_out"]) == (expected.sha256, 20, {})
    shown = succeed("show", str(file), "--out", str(figure), "--number", "5")
    for text in ("right hip - right knee", "bent thighs", "12.6", "LiftedCL's release", str(figure)):
        assert text in shown.replace("\n", "")
    with Image.open(figure) as image:
        image.load()
        assert image.width > 800
    assert succeed("show", str(file), "--out", str(figure), "-q") == ""


def test_show_as_json_beside_another(tmp_path: Path, prior: SkeletonPrior) -> None:
    file = write_prior(tmp_path / "mine.safetensors", prior)
    release = tmp_path / "norm_joints.pt"
    torch.save(torch.from_numpy(prior.normalized()[prior.body == 0]), release)
    words = ("show", str(file), "--against", str(release), "--out", str(tmp_path / "both.png"))
    found = json.loads(succeed(*words, "--json"))
    statistics = skeleton_statistics(prior.joints, body=prior.body)
    assert found["statistics"] == json.loads(json.dumps(statistics.to_json()))
    assert found["release"]["pitch"] == RELEASE.pitch
    assert found["against"]["statistics"]["bodies"] == 1
    assert found["comparison"]["skeletons"] == len(prior)
    assert found["pitch"] == pytest.approx(float(prior.pitch.mean()))  # type: ignore[union-attr]
    assert "nearest skeleton of the other" in succeed(*words)


def test_make_from_the_release(tmp_path: Path, prior: SkeletonPrior) -> None:
    tensor = torch.from_numpy(prior.normalized()[:30])
    torch.save(tensor.reshape(-1, 51), tmp_path / "norm_joints.pt")
    file = tmp_path / "release.safetensors"
    succeed("make", "--from", "release", "--file", str(tmp_path / "norm_joints.pt"), "--out", str(file))
    found = read_prior(file)
    assert np.array_equal(found.joints, tensor.numpy())
    assert not found.metric


def test_make_from_data_says_what_it_left_out(parsing_store: Path, tmp_path: Path) -> None:
    file = tmp_path / "ntu.safetensors"
    words = ("make", "--from", "ntu", "--store", str(parsing_store), "--out", str(file), "--overwrite")
    record = json.loads(succeed(*words, "--number", "4", "--json"))
    assert record["skeletons"] == len(read_prior(file)) == 4
    done = CliRunner().invoke(app, ["prior", *words])
    for reason, count in record["left_out"].items():
        assert f"left out: {count} skeletons, {reason}" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--from", "ntu"), "--from ntu needs --store"),
        (("--from", "human36m"), "--from human36m needs --root"),
        (("--from", "release"), "--from release needs --file"),
        (("--store", "x"), "--from generated does not take --store"),
        (("--from", "ntu", "--store", "x", "--bodies", "3"), "does not take --bodies"),
        (("--from", "release", "--file", "x", "--number", "3"), "does not take --number"),
        (("--number", "2", "--bodies", "3"), "2 skeletons of 3 bodies"),
    ],
)
def test_options_that_do_not_fit(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    out = tmp_path / "prior.safetensors"
    done = CliRunner().invoke(app, ["prior", "make", "--out", str(out), *words])
    assert isinstance(done.exception, UsageError)
    assert message in str(done.exception)
    assert not out.exists()


def test_an_image_of_another_kind(tmp_path: Path, prior: SkeletonPrior) -> None:
    file = write_prior(tmp_path / "mine.safetensors", prior)
    assert "cannot write an image" in fail("show", str(file), "--out", str(tmp_path / "sheet.doc"))
