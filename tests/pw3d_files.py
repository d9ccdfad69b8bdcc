"""Small folders in 3DPW's published layout, with whatever numbers a test wants."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

FOCAL, CENTER = 500.0, (63.5, 47.5)


def sequence(frames: int = 4, people: int = 2, seed: int = 0) -> dict[str, Any]:
    """The content of a sequence file: people who stand 4 m in front of a camera that looks along the world's z."""
    rng = np.random.default_rng(seed)
    camera = np.tile(np.eye(4), (frames, 1, 1))
    camera[:, :3, :3] = Rotation.from_euler("x", 180, degrees=True).as_matrix()  # the world's y is up
    camera[:, 2, 3] = 4.0
    joints = [rng.normal(0, 0.3, (frames, 24, 3)) for _ in range(people)]
    poses2d = []
    for body in joints:
        local = body @ camera[0, :3, :3].T + camera[0, :3, 3]
        found = np.zeros((frames, 3, 18))
        found[:, :2, 4:] = (FOCAL * local[:, :14, :2] / local[:, :14, 2:] + CENTER).swapaxes(1, 2)
        found[:, 2, 4:] = 0.9
        poses2d.append(found)
    return {
        "sequence": "made_up",
        "poses": [rng.normal(0, 0.2, (frames, 72)) for _ in range(people)],
        "betas": [rng.normal(0, 1, 10) for _ in range(people)],
        "trans": [rng.normal(0, 0.2, (frames, 3)) for _ in range(people)],
        "genders": ["m", "f"][:people],
        "cam_poses": camera,
        "campose_valid": [np.ones(frames, np.int64) for _ in range(people)],
        "cam_intrinsics": np.array([[FOCAL, 0, CENTER[0]], [0, FOCAL, CENTER[1]], [0, 0, 1.0]]),
        "poses2d": poses2d,
        "jointPositions": [body.reshape(frames, 72) for body in joints],
        "img_frame_ids": np.arange(frames),
        "texture_maps": [],
    }


def write_sequence(root: Path, name: str, content: Any, split: str = "test") -> Path:
    """Write a sequence file as 3DPW's are, and an image for each of its frames."""
    path = root / "sequenceFiles" / split / f"{name}.pkl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol=2))
    if isinstance(content, dict) and "cam_poses" in content:
        folder = root / "imageFiles" / name
        folder.mkdir(parents=True, exist_ok=True)
        for frame in range(len(content["cam_poses"])):
            cv2.imwrite(str(folder / f"image_{frame:05d}.jpg"), np.full((96, 128, 3), 40 * frame % 255, np.uint8))
    return path
