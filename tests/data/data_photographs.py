"""Drawn photographs in MPII's raw form: each joint is a disc of its own gray, so that it can be found again."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

RADIUS = 9


def joint_places(image: int) -> np.ndarray:
    """(16, 2) px from 0, far enough apart for their discs."""
    rng = np.random.default_rng(image)
    grid = np.array([(x, y) for y in range(4) for x in range(4)], np.float64)
    return np.round(grid * (90, 80) + (150, 120) + rng.uniform(-10, 10, (16, 2)))


def joint_gray(joint: int) -> int:
    return 60 + 12 * joint


def write_mpii(root: Path, n_images: int) -> None:
    (root / "images").mkdir(parents=True)
    (root / "annot").mkdir()
    entries = []
    for number in range(n_images):
        image = np.zeros((480, 640, 3), np.uint8)
        places = joint_places(number)
        for joint, (x, y) in enumerate(places.astype(int).tolist()):
            cv2.circle(image, (x, y), RADIUS, (joint_gray(joint),) * 3, -1)
        name = f"{number:09d}.jpg"
        cv2.imwrite(str(root / "images" / name), image, [cv2.IMWRITE_JPEG_QUALITY, 98])
        entries.append(
            {
                "image": name,
                "joints": (places + 1).tolist(),
                "joints_vis": [1] * 16,
                # The square that the source makes of this has its middle at (290, 240) and a side of 450 px.
                "center": [291.0, 241.0 - 15 * 1.8],
                "scale": 1.8,
            }
        )
    (root / "annot" / "train.json").write_text(json.dumps(entries))
