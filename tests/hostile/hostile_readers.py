"""Every reader of files from outside: how a small good file of its kind is made, and how it is read."""

from __future__ import annotations

import base64
import gzip
import json
import pickle
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import detectron2_files
import human36m_files
import numpy as np
import pw3d_files
import torch
from safetensors.torch import save_file

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.image_error import ImageError
from hcmoco_bench.files.images import decode_rgb
from hcmoco_bench.files.npz import npz_bytes
from hcmoco_bench.files.plain_pickle import PlainPickleError, read_plain_pickle
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.metrics.densepose import Detection
from hcmoco_bench.metrics.densepose.result_file import read_results
from hcmoco_bench.models.weights import read_checkpoint
from hcmoco_bench.priors.open_prior import open_prior
from hcmoco_bench.priors.prior_file import write_prior
from hcmoco_bench.priors.skeleton_prior import SkeletonPrior
from hcmoco_bench.results.evidence import Evidence, load_evidence, save_evidence
from hcmoco_bench.runtime.settings import read_settings_file
from hcmoco_bench.sources.anny_people import open_people
from hcmoco_bench.sources.coco.annotations import read_annotations as read_coco
from hcmoco_bench.sources.densepose.annotations import read_annotations as read_densepose
from hcmoco_bench.sources.human36m import PartLabels
from hcmoco_bench.sources.human36m.video import decode_frames as decode_mp4
from hcmoco_bench.sources.itop.split import open_itop
from hcmoco_bench.sources.mpii.annotations import read_annotations as read_mpii
from hcmoco_bench.sources.ntu import Asset, decode_frames, read_depth
from hcmoco_bench.sources.ntu.archives import members
from hcmoco_bench.sources.ntu.lists import load_lists
from hcmoco_bench.sources.ntu.masks import read_mask
from hcmoco_bench.sources.ntu.skeleton import read_skeleton
from hcmoco_bench.sources.pw3d import open_pw3d
from hcmoco_bench.store.problem_file import read_problems, write_problems
from hcmoco_bench.tasks.itop_pose.predictions import read_joint_predictions
from hcmoco_bench.tasks.shape.predictions import BodySizes, read_bodies
from hcmoco_bench.training.checkpoint import load_checkpoint, save_checkpoint


class NoticedError(Exception):
    """A reader returned what is left of a file, and said that something is missing."""


@dataclass(frozen=True)
class Sources:
    """Folders with small good data sets; read only."""

    ntu: Path
    itop: Path
    coco: Path
    densepose: Path


Make = Callable[[Sources, Path], Path]
"""Makes the folder's content; returns the file that will come to harm."""


@dataclass(frozen=True)
class Reader:
    """One reader.

    Attributes:
        make: See `Make`.
        read: Reads the file; what it returns stands for all that the program takes from it.
        sums: The format holds checksums over all that counts: no harm may change a value unnoticed.
        whole: Kinds of harm that leave such a file whole: it must read as before.
        listed: The file is a list whose end nothing marks, so that it may be shorter, or empty, unnoticed.
    """

    make: Make
    read: Callable[[Path], Any]
    sums: bool = False
    whole: frozenset[str] = frozenset()
    listed: bool = False


def _copied(*parts: str) -> Make:
    def make(sources: Sources, folder: Path) -> Path:
        root = getattr(sources, parts[0])
        found = sorted(root.glob("/".join(parts[1:])))[0]
        return Path(shutil.copy(found, folder / found.name))

    return make


def _photograph(suffix: str) -> Make:
    def make(sources: Sources, folder: Path) -> Path:
        image = cv2.resize(np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8), (96, 72))
        cv2.imwrite(str(folder / f"photo{suffix}"), image)
        return folder / f"photo{suffix}"

    return make


def _named(read: Callable[[Path], Any], *errors: type[Exception]) -> Callable[[Path], Any]:
    """A reader below those that know the file: they turn its error into theirs, which names the file."""

    def reading(path: Path) -> Any:
        try:
            return read(path)
        except errors as error:
            raise DataError(f"{path}: {error}", file=str(path)) from error

    return reading


def _archived_depth(sources: Sources, folder: Path) -> Path:
    frames = sorted(sources.ntu.glob("nturgb+d_depth_masked/*/*.png"))[:3]
    with zipfile.ZipFile(folder / "depth.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for frame in frames:
            archive.write(frame, f"nturgb+d_depth_masked/clip/{frame.name}")
    return folder / "depth.zip"


def _read_archived(path: Path) -> Any:
    names = sorted(name for name, _ in members(path))
    return {name: read_depth(Asset(path, name)) for name in names if name.endswith(".png")}


def _skeleton(path: Path) -> Any:
    skeleton = read_skeleton(Asset(path))
    if skeleton.truncated:
        raise NoticedError
    return skeleton


def _video(path: Path) -> Any:
    return [image for _, image in decode_frames(Asset(path), range(1, 5))]


def _mp4(sources: Sources, folder: Path) -> Path:
    human36m_files.write_mp4(folder / "video.mp4", 8, (64, 48))
    return folder / "video.mp4"


def _labels(sources: Sources, folder: Path) -> Path:
    human36m_files.write_mat(folder / "labels.mat", [human36m_files.raw_labels(i) for i in range(4)])
    return folder / "labels.mat"


def _read_labels(path: Path) -> Any:
    with PartLabels(path) as labels:
        return [labels.read(frame) for frame in range(len(labels))]


def _coco(sources: Sources, folder: Path) -> Path:
    shutil.copytree(sources.coco, folder / "coco")
    return folder / "coco" / "annotations" / "person_keypoints_train2017.json"


def _densepose(sources: Sources, folder: Path) -> Path:
    shutil.copytree(sources.densepose, folder / "densepose")
    return sorted((folder / "densepose" / "annotations").glob("*minival*.json"))[0]


def _mpii(sources: Sources, folder: Path) -> Path:
    (folder / "images").mkdir()
    person = {"image": "0.jpg", "joints": np.arange(32.0).reshape(16, 2).tolist(), "joints_vis": [1] * 16}
    entries = [person | {"image": f"{n}.jpg", "center": [40.0, 30.0], "scale": 0.2} for n in range(3)]
    (folder / "train.json").write_text(json.dumps(entries))
    return folder / "train.json"


def _itop(name: str) -> Make:
    def make(sources: Sources, folder: Path) -> Path:
        shutil.copytree(sources.itop, folder / "itop")
        return folder / "itop" / name

    return make


def _read_itop(path: Path) -> Any:
    split = open_itop(path.parent, "test")
    return split.ids, split.joints, [split.depth(row) for row in range(len(split))]


def _lists(name: str) -> Make:
    def make(sources: Sources, folder: Path) -> Path:
        shutil.copytree(sources.ntu / "lists", folder / "lists")
        return folder / "lists" / name

    return make


def _read_lists(path: Path) -> Any:
    lists = load_lists(path.parent)
    return {name: split.ids for name, split in lists.splits.items()}


def _checkpoint(sources: Sources, folder: Path) -> Path:
    state = {"kind": "task", "config": {"a": 1}, "model": {"w": torch.arange(300.0), "b": torch.ones(3)}}
    save_checkpoint(folder / "model.pth", state)
    return folder / "model.pth"


def _weights(sources: Sources, folder: Path) -> Path:
    torch.save({"state_dict": {"w": torch.arange(300.0), "b": torch.ones(3)}, "epoch": 3}, folder / "weights.pth")
    return folder / "weights.pth"


def _old_weights(sources: Sources, folder: Path) -> Path:
    state = {"state_dict": {"w": torch.arange(300.0)}}
    torch.save(state, folder / "old.pth", _use_new_zipfile_serialization=False)
    return folder / "old.pth"


def _safetensors(sources: Sources, folder: Path) -> Path:
    save_file({"w": torch.arange(300.0), "b": torch.ones(3)}, folder / "weights.safetensors")
    return folder / "weights.safetensors"


def _pickle(sources: Sources, folder: Path) -> Path:
    (folder / "boxes.pkl").write_bytes(pickle.dumps({"a": [1, 2.5, "x"], "b": list(range(200))}, protocol=2))
    return folder / "boxes.pkl"


def _joints_npz(sources: Sources, folder: Path) -> Path:
    ids = np.array([f"00_{n:05d}" for n in range(20)])
    np.savez(folder / "joints.npz", ids=ids, joints=np.arange(20 * 45.0).reshape(20, 15, 3))
    return folder / "joints.npz"


def _joints_compressed(sources: Sources, folder: Path) -> Path:
    ids = np.array([f"00_{n:05d}" for n in range(20)])
    np.savez_compressed(folder / "joints.npz", ids=ids, joints=np.arange(20 * 45.0).reshape(20, 15, 3))
    return folder / "joints.npz"


def _detectron2(sources: Sources, folder: Path) -> Path:
    iuv = np.stack([np.full((20, 10), value, np.uint8) for value in (2, 128, 128)])
    detections = [Detection(image_id=n, box=(0.0, 0.0, 10.0, 20.0), score=0.5, iuv=iuv) for n in range(3)]
    return detectron2_files.write_evaluation(folder / "coco_densepose_predictions.pth", detections)


def _packed(sources: Sources, folder: Path) -> Path:
    shutil.copytree(sources.itop, folder / "itop")
    labels = folder / "itop" / "ITOP_side_test_labels.h5"
    packed = labels.with_name(labels.name + ".gz")
    packed.write_bytes(gzip.compress(labels.read_bytes(), mtime=0))
    labels.unlink()
    return packed


def _read_packed(path: Path) -> Any:
    path.with_suffix("").unlink(missing_ok=True)  # unpacked once, and then never again
    return _read_itop(path)


def _joints_json(sources: Sources, folder: Path) -> Path:
    joints = {f"00_{n:05d}": np.full((15, 3), n / 8).tolist() for n in range(20)}
    (folder / "joints.json").write_text(json.dumps(joints))
    return folder / "joints.json"


def _anny_people(sources: Sources, folder: Path) -> Path:
    bones = np.array([f"bone{n}" for n in range(6)])
    arrays = {
        "ids": np.array([f"{n:05d}_00" for n in range(8)]),
        "sizes": np.full((8, 2), 64),
        "boxes": np.tile([4.0, 5, 20, 50], (8, 1)),
        "intrinsics": np.tile([80.0, 80, 31.5, 31.5], (8, 1)),
        "phenotype": np.full((8, 9), 1 / 3),
        "rotations": np.arange(8 * 18.0).reshape(8, 6, 3) / 80,
        "root": np.tile([0.0, 0.1, 3], (8, 1)),
        "visible": np.ones(8),
        "bones": bones,
    }
    (folder / "annotations").mkdir()
    (folder / "images" / "train").mkdir(parents=True)
    for name in arrays["ids"]:
        (folder / "images" / "train" / f"{name}.jpg").touch()
    (folder / "annotations" / "train.npz").write_bytes(npz_bytes(arrays))
    return folder / "annotations" / "train.npz"


def _read_anny_people(path: Path) -> Any:
    people = open_people(path.parents[1], "train")
    return people.ids, people.boxes, people.intrinsics, people.phenotype, people.rotations, people.root, people.bones


def _pw3d(sources: Sources, folder: Path) -> Path:
    return pw3d_files.write_sequence(folder, "walk_00", pw3d_files.sequence(3, 2))


def _read_pw3d(path: Path) -> Any:
    people = open_pw3d(path.parents[2], "test")
    return people.ids, people.rotations, people.betas, people.translation, people.genders, people.boxes


def _bodies_npz(sources: Sources, folder: Path) -> Path:
    ids = np.array([f"{n:05d}_00" for n in range(6)])
    rotations = np.tile(np.eye(3), (6, 5, 1, 1))
    (folder / "bodies.npz").write_bytes(npz_bytes({"ids": ids, "rotations": rotations, "shape": np.ones((6, 4))}))
    return folder / "bodies.npz"


def _read_bodies(path: Path) -> Any:
    ids = tuple(f"{n:05d}_00" for n in range(6))
    found = read_bodies(path, ids, BodySizes(bones=5, shape=4, vertices=9, joints=14))
    return found.rotations, found.shape


def _read_joints(path: Path) -> Any:
    return read_joint_predictions(path, 15)


def _densepose_results(sources: Sources, folder: Path) -> Path:
    data = cv2.imencode(".png", np.full((20, 10, 3), (2, 128, 128), np.uint8))[1].tobytes()
    one = {"image_id": 9, "category_id": 1, "bbox": [0, 0, 10, 20], "score": 0.5, "uv_shape": [3, 20, 10]}
    results = [one | {"image_id": n, "uv_data": base64.b64encode(data).decode()} for n in range(5)]
    (folder / "results.json").write_text(json.dumps(results))
    return folder / "results.json"


def _evidence(sources: Sources, folder: Path) -> Path:
    columns = {"score": np.arange(20, dtype=np.float64), "count": np.arange(20, dtype=np.int64)}
    evidence = Evidence(metric="m", sample_ids=tuple(f"s{n}" for n in range(20)), columns=columns, meta={})
    save_evidence(folder / "evidence.npz", evidence)
    return folder / "evidence.npz"


def _settings(sources: Sources, folder: Path) -> Path:
    (folder / "settings.toml").write_text('method = "hcmoco"\nbatch_size = 32\n[optimizer]\nlr = 0.01\n')
    return folder / "settings.toml"


def _problems(sources: Sources, folder: Path) -> Path:
    lines = tuple(Problem(f"s{n}", "no_body", "", f"clip {n}") for n in range(5))
    write_problems(folder / "problems.jsonl", lines)
    return folder / "problems.jsonl"


def _few_skeletons() -> SkeletonPrior:
    rng = np.random.default_rng(0)
    joints = np.tile(np.cumsum(rng.uniform(0.05, 0.1, (17, 3)), 0), (12, 1, 1)) * rng.uniform(0.9, 1, (12, 1, 1))
    return SkeletonPrior.of(joints - joints[:, :1], np.arange(12), metric=False, source="a few", pitch=np.arange(12.0))


def _prior(sources: Sources, folder: Path) -> Path:
    return write_prior(folder / "prior.safetensors", _few_skeletons())


def _published_prior(sources: Sources, folder: Path) -> Path:
    torch.save(torch.from_numpy(_few_skeletons().normalized()), folder / "norm_joints.pt")
    return folder / "norm_joints.pt"


_BEHIND = frozenset({"padded"})
_IMAGE = _named(lambda path: decode_rgb(path.read_bytes()), ImageError)

READERS: dict[str, Reader] = {
    "NTU skeleton": Reader(_copied("ntu", "nturgb+d_skeletons", "*.skeleton"), _skeleton, whole=_BEHIND),
    "NTU depth": Reader(
        _copied("ntu", "nturgb+d_depth_masked", "*", "*.png"), lambda p: read_depth(Asset(p)), sums=True, whole=_BEHIND
    ),
    "NTU mask": Reader(_copied("ntu", "*", "S*F*.png"), lambda p: read_mask(Asset(p)), sums=True, whole=_BEHIND),
    "NTU video": Reader(_copied("ntu", "nturgb+d_rgb", "*.avi"), _video, whole=_BEHIND),
    "archive": Reader(_archived_depth, _read_archived, sums=True),
    "sample list": Reader(_lists("train_list_v2.txt"), _read_lists, sums=True),
    "Human3.6M video": Reader(_mp4, lambda p: list(decode_mp4(p, range(8))), whole=_BEHIND),
    "Human3.6M labels": Reader(_labels, _read_labels),
    "photograph, JPEG": Reader(_photograph(".jpg"), _IMAGE, whole=_BEHIND | {"doubled"}),
    "photograph, PNG": Reader(_photograph(".png"), _IMAGE, sums=True, whole=_BEHIND | {"doubled"}),
    "COCO annotations": Reader(_coco, lambda p: read_coco(p, p.parents[1])),
    "DensePose annotations": Reader(_densepose, lambda p: read_densepose(p, p.parents[1])),
    "MPII annotations": Reader(_mpii, lambda p: read_mpii(p, p.parent)),
    "ITOP labels": Reader(_itop("ITOP_side_test_labels.h5"), _read_itop),
    "ITOP depth": Reader(_itop("ITOP_side_test_depth_map.h5"), _read_itop),
    "ITOP labels, packed": Reader(_packed, _read_packed, sums=True),
    "checkpoint": Reader(_checkpoint, load_checkpoint, sums=True),
    "weights": Reader(_weights, read_checkpoint, sums=True),
    "weights from before torch 1.6": Reader(_old_weights, read_checkpoint),
    "safetensors": Reader(_safetensors, read_checkpoint),
    "skeleton prior": Reader(_prior, lambda p: open_prior(str(p)), sums=True),
    "LiftedCL's prior": Reader(_published_prior, lambda p: open_prior(str(p)).joints, sums=True),
    "pickle": Reader(_pickle, _named(read_plain_pickle, PlainPickleError)),
    "joints, npz": Reader(_joints_npz, _read_joints, sums=True),
    "joints, compressed npz": Reader(_joints_compressed, _read_joints, sums=True),
    "generated people": Reader(_anny_people, _read_anny_people, sums=True),
    "3DPW sequence": Reader(_pw3d, _read_pw3d),
    "bodies, npz": Reader(_bodies_npz, _read_bodies, sums=True),
    "joints, JSON": Reader(_joints_json, _read_joints),
    "DensePose results": Reader(_densepose_results, lambda p: read_results(p)),
    "detectron2's predictions": Reader(_detectron2, lambda p: read_results(p)),
    "evidence": Reader(_evidence, load_evidence, sums=True),
    "settings": Reader(_settings, read_settings_file, listed=True),
    "problem lines": Reader(_problems, read_problems, listed=True),
}
