"""Drawn photographs in the raw form of MPII or COCO: each joint is a disc of its own gray, which tests can find."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

RADIUS = 9


def joint_positions(image: int, n_joints: int = 16) -> np.ndarray:
    """(J, 2) px from 0, far enough apart for their discs."""
    rng = np.random.default_rng(image)
    grid = np.array([(x, y) for y in range(5) for x in range(4)], np.float64)[:n_joints]
    return np.round(grid * (90, 80) + (150, 120) + rng.uniform(-10, 10, (n_joints, 2)))


def joint_gray(joint: int) -> int:
    return 60 + 12 * joint


def write_mpii(root: Path, n_images: int) -> None:
    (root / "images").mkdir(parents=True)
    (root / "annot").mkdir()
    entries = []
    for number in range(n_images):
        positions = joint_positions(number)
        name = f"{number:09d}.jpg"
        _draw(root / "images" / name, positions)
        entries.append(
            {
                "image": name,
                "joints": (positions + 1).tolist(),
                "joints_vis": [1] * 16,
                # The square that the source makes of this has its middle at (290, 240) and a side of 450 px.
                "center": [291.0, 241.0 - 15 * 1.8],
                "scale": 1.8,
            }
        )
    (root / "annot" / "train.json").write_text(json.dumps(entries))


def write_coco(root: Path, n_images: int) -> None:
    """COCO of one person an image; the last joint of an odd image is not annotated."""
    (root / "train2017").mkdir(parents=True)
    (root / "annotations").mkdir()
    images, annotations = [], []
    for number in range(n_images):
        positions = joint_positions(number, 17)
        name = f"{number:012d}.jpg"
        _draw(root / "train2017" / name, positions)
        state = np.full((17, 1), 2)
        if number % 2:
            state[16], positions[16] = 0, 0
        images.append({"id": number, "file_name": name, "width": 640, "height": 480})
        annotations.append(
            {
                "id": 100 + number,
                "image_id": number,
                "category_id": 1,
                "iscrowd": 0,
                "area": 300.0 * 340.0,
                "bbox": [130, 100, 300, 360],
                "keypoints": np.hstack([positions, state]).astype(int).ravel().tolist(),
                "num_keypoints": int((state > 0).sum()),
            }
        )
    document = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "person"}]}
    (root / "annotations" / "person_keypoints_train2017.json").write_text(json.dumps(document))


def _draw(path: Path, positions: np.ndarray) -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    for joint, (x, y) in enumerate(positions.astype(int).tolist()):
        cv2.circle(image, (x, y), RADIUS, (joint_gray(joint),) * 3, -1)
    cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 98])
