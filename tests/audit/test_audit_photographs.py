"""Photographs, folders of pictures and videos: what has no names of people is compared by its images."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import cv2
import pytest
from audit_stores import write_run

from hcmoco_bench.audit.audit import audit_paths
from hcmoco_bench.audit.findings import Audit, Comparison
from hcmoco_bench.prepare.keypoints import prepare_keypoints
from hcmoco_bench.pretrain.recipes import make_pretrain_settings
from hcmoco_bench.store.registry import open_store
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings


@pytest.fixture(scope="module")
def coco_store(generated_coco: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two images to train, one to validate."""
    return prepare_keypoints("coco", generated_coco, tmp_path_factory.mktemp("audit") / "coco").store.path


def of(found: Audit, first: str, second: str) -> Comparison:
    (one,) = [one for one in found.comparisons if (one.first, one.second) == (first, second)]
    return one


def lifted(folder: Path, **given: Any) -> Path:
    values = {"method": "liftedcl", "backbone": "test_resnet", "init": "scratch", "trackers": [], **given}
    return write_run(folder, make_pretrain_settings(None, values))


def test_a_test_image_among_the_pictures_of_a_pretraining_is_found(
    generated_coco: Path, coco_store: Path, tmp_path: Path
) -> None:
    (image,) = (generated_coco / "val2017").glob("*.jpg")
    others = sorted((generated_coco / "train2017").glob("*.jpg"))
    (tmp_path / "pictures").mkdir()
    cv2.imwrite(str(tmp_path / "pictures" / "planted.jpg"), cv2.imread(str(image)), [cv2.IMWRITE_JPEG_QUALITY, 60])
    shutil.copy(others[0], tmp_path / "pictures" / "another.jpg")
    run = lifted(tmp_path / "run", pictures=[str(tmp_path / "pictures")])
    found = audit_paths([coco_store, run])
    one = of(found, "pre-training", "test")
    assert one.names == "different"
    assert one.duplicates is not None
    assert [(pair.first, pair.second) for pair in one.duplicates.named] == [("planted.jpg", image.stem)]
    again = of(found, "pre-training", "training")
    assert again.duplicates is not None
    assert [(pair.first, pair.second) for pair in again.duplicates.named] == [("another.jpg", others[0].stem)]
    assert found.leaks == ("near-duplicate frames (pairs) in both pre-training and test: 1",)


def test_pictures_that_are_gone_are_said(coco_store: Path, tmp_path: Path) -> None:
    found = audit_paths([coco_store, lifted(tmp_path / "run", pictures=[str(tmp_path / "gone")])])
    assert "pictures_missing" in {problem.kind for problem in found.problems}


def test_a_run_on_photographs_is_compared_by_image(coco_store: Path, tmp_path: Path) -> None:
    values = {"backbone": "test_resnet", "init": "scratch", "stores": [str(coco_store)], "image_size": 64}
    write_run(tmp_path / "run" / "seed-0", make_finetune_settings("pose2d", values))
    found = audit_paths([tmp_path / "run"])
    one = of(found, "training", "test")
    assert one.clips is not None
    assert one.clips.noun == "images"
    assert one.clips.names == ()
    assert one.people is None
    assert one.duplicates is not None
    assert one.duplicates.view == "whole"
    assert one.duplicates.compared == (2, 1)
    assert {problem.kind for problem in found.problems} == {"people_unknown"}


def test_videos_have_subjects(human36m_store: Path) -> None:
    found = audit_paths([human36m_store])
    one = of(found, "training", "test")
    assert one.clips is not None
    assert one.people is not None
    assert (one.clips.noun, one.people.noun) == ("videos", "subjects")
    assert found.leaks == ()
    assert one.first_samples == len(open_store(human36m_store).splits["train"].ids)
