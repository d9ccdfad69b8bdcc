"""Generated people with Anny bodies: the stored parameters give the generator's body, which lies on its pixels."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from hcmoco_bench.body_models.anny_body import AnnyBody
from hcmoco_bench.body_models.anny_mesh import body_vertices
from hcmoco_bench.body_models.anny_rig import BONES, skin, skinning
from hcmoco_bench.body_models.anny_shape import rest_vertices
from hcmoco_bench.errors import UsageError
from hcmoco_bench.sources.anny_people import open_people
from hcmoco_bench.synth.kinect.cameras import apply_rigid
from hcmoco_bench.synth.ntu.scene import generator
from hcmoco_bench.synth.person.performer import Performer
from hcmoco_bench.synth.photographs.studio import studio
from hcmoco_bench.synth.shape import ShapeOptions, portrait, write_shape
from hcmoco_bench.synth.shape.portrait import take_portraits


def body_of(model: AnnyBody, performer: Performer, rotations: np.ndarray, root: np.ndarray) -> np.ndarray:
    """Vertices in the axes of the camera, from nothing but what is stored."""
    turns = torch.from_numpy(Rotation.from_rotvec(rotations).as_matrix()).float()[None]
    body = model(model.shapes([performer.phenotype]), turns)
    return (body.vertices + torch.from_numpy(root).float() - body.joints[:, :1])[0].numpy()


def test_the_body_model_gives_the_generators_body_which_lies_on_its_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = generator(7, "portrait test")
    performer = Performer.sample(rng)
    seen = []

    def keep(self: Performer, pose: object, view: object) -> object:
        seen.append((pose, view))
        return original(self, pose, view)

    original = portrait._body_parameters
    monkeypatch.setattr(portrait, "_body_parameters", keep)
    found = next(take_portraits(rng, performer, studio(7, 0, "cpu"), 1, long_side=192, device="cpu"))
    vertices = body_of(AnnyBody(fingers=True), performer, found.rotations, found.root)
    # The generator's own skinning, brought to the camera: bare, as the rendered person is below the clothes.
    pose, view = seen[-1]
    ids = body_vertices()
    world = skin(rest_vertices(performer.phenotype)[ids], skinning()[ids], performer.skeleton, pose.heads, pose.turns)[
        0
    ]
    np.testing.assert_allclose(vertices, apply_rigid(view.pose, world) * [-1, -1, 1], atol=2e-5)
    # The body covers what is seen of the person, and nothing else.
    fx, fy, cx, cy = found.intrinsics
    pixels = vertices[:, :2] / vertices[:, 2:] * [fx, fy] + [cx, cy]
    drawn = np.zeros(found.mask.shape, np.uint8)
    for face in AnnyBody().faces.numpy():
        cv2.fillConvexPoly(drawn, np.round(pixels[face]).astype(np.int32), 1)
    both, either = (drawn > 0) & found.mask, (drawn > 0) | found.mask
    assert both.sum() / either.sum() > 0.75
    left, top, width, height = found.box
    assert found.mask[top : top + height, left : left + width].sum() == found.mask.sum()
    assert not found.rgb.flags["OWNDATA"] or found.rgb.shape[:2] == found.mask.shape


def test_images_are_not_mirrored(generated_shape: Path) -> None:
    """Whoever faces the camera has the left hip on the image's right."""
    people = open_people(generated_shape, "train")
    model = AnnyBody(fingers=True)
    names = [list(model.bone_names).index(name) for name in ("upperleg01.L", "upperleg01.R")]
    facing = 0
    for rotations in people.rotations:
        turns = torch.from_numpy(Rotation.from_rotvec(rotations).as_matrix()).float()[None]
        joints = model(torch.zeros(1, 8), turns).joints[0]
        if turns[0, 0, 2, 2] < -0.5:  # the body's front looks against the camera's z
            assert joints[names[0], 0] > joints[names[1], 0]
            facing += 1
    assert facing


def test_the_folder(generated_shape: Path) -> None:
    train, test = (open_people(generated_shape, split) for split in ("train", "test"))
    assert train.ids == ("00000_00", "00000_01", "00000_02", "00001_00", "00001_01", "00001_02")
    assert test.ids == ("00002_00", "00002_01", "00002_02")
    assert train.bones == BONES
    assert train.generated
    assert not train.problems
    for people in (train, test):
        for row, path in enumerate(people.images):
            image = cv2.imread(str(path))
            assert image.shape[1::-1] == tuple(people.sizes[row])
            left, top, width, height = people.boxes[row]
            assert left >= 0
            assert top >= 0
            assert left + width <= image.shape[1]
            assert top + height <= image.shape[0]
        assert (people.visible > 0.5).all()
    assert len(np.unique(np.concatenate([train.phenotype, test.phenotype]), axis=0)) == 3
    assert not (generated_shape / ".making").exists()


def test_the_same_seed_gives_the_same_bytes_and_a_killed_run_goes_on(generated_shape: Path, tmp_path: Path) -> None:
    options = ShapeOptions(clips=2, seed=3, images=1, long_side=64)
    write_shape(tmp_path / "a", options)
    first = digests(tmp_path / "a")
    assert len(first) == 5
    # as if it had been killed behind the first person
    (tmp_path / "a/annotations/test.npz").unlink()
    (tmp_path / "a/images/test/00001_00.jpg").unlink()
    write_shape(tmp_path / "a", options)
    assert digests(tmp_path / "a") == first
    with pytest.raises(UsageError, match="made with other options"):
        write_shape(tmp_path / "a", ShapeOptions(clips=2, seed=4, images=1, long_side=64))


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".lock" and not path.name.startswith(".")
    }


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (ShapeOptions(long_side=32), "too small"),
        (ShapeOptions(clips=1), "too few"),
        (ShapeOptions(images=0), "1 to 100 images"),
    ],
)
def test_options_that_make_no_sense(options: ShapeOptions, told: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=told):
        write_shape(tmp_path / "a", options)
