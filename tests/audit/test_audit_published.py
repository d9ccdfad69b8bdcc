"""Tasks that read a data set in its published layout: names are compared, and images where there are image files."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from audit_stores import write_run
from pw3d_files import write_bodies, write_people
from typer.testing import CliRunner

from hcmoco_bench.audit.audit import audit_paths
from hcmoco_bench.audit.findings import Audit, Comparison
from hcmoco_bench.cli.app import app
from hcmoco_bench.sources.itop import open_itop
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings


def finetuning(folder: Path, task: str, root: Path, **given: Any) -> Path:
    values = {"backbone": "test_resnet", "init": "scratch", "image_size": 32, "batch_size": 2, "root": str(root)}
    write_run(folder / "seed-0", make_finetune_settings(task, values | given))
    return folder


def only(found: Audit) -> Comparison:
    (one,) = found.comparisons
    assert (one.first, one.second) == ("training", "test")
    return one


def plant(source: Path, target: Path) -> None:
    """Write the mirror image of a file, encoded anew, in place of another one."""
    image = cv2.imread(str(source))
    assert image is not None
    cv2.imwrite(str(target), image[:, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 60])


def test_of_itop_names_are_compared_and_that_images_are_not_is_said(generated_itop: Path, tmp_path: Path) -> None:
    run = finetuning(tmp_path / "run", "itop_pose", generated_itop, head_width=8)
    found = audit_paths([run])
    one = only(found)
    assert (one.first_samples, one.second_samples) == tuple(
        len(open_itop(generated_itop, split)) for split in ("train", "test")
    )
    assert one.samples is None
    assert one.clips is not None
    assert one.people is not None
    assert (one.clips.names, one.people.names) == ((), ())
    assert one.duplicates is None
    assert [problem.kind for problem in found.problems] == ["no_images", "no_images"]
    assert found.verdict() == "no leak found in what was compared; not looked at: 2 no_images"
    done = CliRunner().invoke(app, ["audit", str(run)])
    assert done.exit_code == 0
    assert "shared people: 0" in done.stdout
    assert "its frames were not compared" in done.stderr


def test_a_training_image_among_the_test_images_of_densepose_is_found(
    generated_densepose: Path, tmp_path: Path
) -> None:
    root = tmp_path / "coco"
    shutil.copytree(generated_densepose, root)
    options = {"milestones": [0.5], "warmup_epochs": 0}
    run = finetuning(tmp_path / "run", "densepose", root, **options)
    clean = audit_paths([run])
    assert clean.leaks == ()
    assert [problem.kind for problem in clean.problems] == ["people_unknown"]
    (test,) = [path for path in (root / "val2014").glob("*.jpg") if path.name in _tested(root)]
    training = sorted((root / "train2014").glob("*.jpg"))[0]
    plant(training, test)
    one = only(audit_paths([run]))
    assert one.duplicates is not None
    assert one.duplicates.view == "whole"
    assert one.duplicates.compared == (one.first_samples, one.second_samples)
    (pair,) = one.duplicates.named
    assert (pair.first, pair.second, pair.mirrored) == (f"train2014/{training.name}", f"val2014/{test.name}", True)


def _tested(root: Path) -> str:
    return (root / "annotations" / "densepose_coco_2014_minival.json").read_text()


def test_a_damaged_image_is_counted(generated_densepose: Path, tmp_path: Path) -> None:
    root = tmp_path / "coco"
    shutil.copytree(generated_densepose, root)
    sorted((root / "train2014").glob("*.jpg"))[0].write_bytes(b"no image")
    found = audit_paths([finetuning(tmp_path / "run", "densepose", root, milestones=[0.5], warmup_epochs=0)])
    (lost,) = [problem for problem in found.problems if problem.kind == "frames_not_compared"]
    assert "1 of 5 frames" in lost.reason


def test_generated_people_with_bodies_are_compared_by_name_and_image(generated_shape: Path, tmp_path: Path) -> None:
    root = tmp_path / "shape"
    shutil.copytree(generated_shape, root)
    run = finetuning(tmp_path / "run", "shape", root)
    clean = audit_paths([run])
    one = only(clean)
    assert one.people is not None
    assert one.people.names == ()
    assert clean.verdict() == "no leak found in what was compared; everything was looked at"
    training, test = (sorted((root / "images" / split).glob("*.jpg"))[0] for split in ("train", "test"))
    plant(training, test)
    found = audit_paths([run])
    assert found.leaks == ("near-duplicate frames (pairs) in both training and test: 1",)
    again = only(found)
    assert again.duplicates is not None
    (pair,) = again.duplicates.named
    assert (pair.first, pair.second) == (f"images/train/{training.name}", f"images/test/{test.name}")


@pytest.fixture
def pw3d(tmp_path: Path) -> Path:
    """`3dpw` with a smooth random image for each frame, and `smpl`."""
    write_bodies(tmp_path / "smpl")
    write_people(tmp_path / "3dpw", tmp_path / "smpl", {"a_00": "train", "b_00": "test"})
    rng = np.random.default_rng(0)
    for path in sorted((tmp_path / "3dpw" / "imageFiles").glob("*/*.jpg")):
        cv2.imwrite(str(path), cv2.resize(rng.integers(0, 256, (6, 8, 3)).astype(np.uint8), (128, 96)))
    return tmp_path


def test_of_3dpw_sequences_and_images_are_compared_and_nobody_knows_the_people(pw3d: Path, tmp_path: Path) -> None:
    options = {"body_model": str(pw3d / "smpl"), "protocol": "pw3d"}
    run = finetuning(tmp_path / "run", "shape", pw3d / "3dpw", **options)
    images = pw3d / "3dpw" / "imageFiles"
    plant(images / "a_00" / "image_00000.jpg", images / "b_00" / "image_00001.jpg")
    found = audit_paths([run])
    one = only(found)
    assert one.clips is not None
    assert (one.clips.noun, one.clips.names, one.people) == ("sequences", (), None)
    assert [problem.kind for problem in found.problems] == ["people_unknown"]
    assert (one.first_samples, one.second_samples) == (4, 4)
    assert one.duplicates is not None
    assert one.duplicates.compared == (2, 2)  # two people in each image
    (pair,) = one.duplicates.named
    assert (pair.first, pair.second) == ("imageFiles/a_00/image_00000.jpg", "imageFiles/b_00/image_00001.jpg")
