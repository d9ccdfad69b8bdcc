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


def write_bodies(folder: Path) -> Path:
    """Files of made-up bodies in SMPL's form, under the names that the folder of `--body-model` has."""
    from body_models.smpl_files import arrays, write

    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(("SMPL_NEUTRAL.npz", "SMPL_MALE.pkl", "SMPL_FEMALE.pkl")):
        data = arrays()
        data["v_template"] = data["v_template"] * (1 + 0.02 * seed)
        data["J"] = data["J_regressor"] @ data["v_template"]
        write(folder / name, data, "npz" if name.endswith("npz") else "chumpy")
    return folder


def write_people(root: Path, bodies: Path, sequences: dict[str, str], frames: int = 2) -> Path:
    """Sequences of two people whose joints are those of their made-up bodies; `sequences` gives the split of each."""
    import torch

    from hcmoco_bench.body_models.create import create_body_model

    models = {"m": "SMPL_MALE.pkl", "f": "SMPL_FEMALE.pkl"}
    for number, (name, split) in enumerate(sequences.items()):
        content = sequence(frames, 2, seed=number)
        for person, gender in enumerate(content["genders"]):
            pose, betas = content["poses"][person], content["betas"][person]
            turns = torch.from_numpy(Rotation.from_rotvec(pose.reshape(-1, 3)).as_matrix()).reshape(frames, 24, 3, 3)
            shape = torch.from_numpy(np.tile(betas, (frames, 1)))
            body = create_body_model("smpl", bodies / models[gender])(
                shape.float(), turns.float(), torch.from_numpy(content["trans"][person]).float()
            )
            joints = body.joints.double().numpy()
            content["jointPositions"][person] = joints.reshape(frames, 72)
            camera = content["cam_poses"]
            local = np.einsum("nij,nkj->nki", camera[:, :3, :3], joints) + camera[:, None, :3, 3]
            pixels = FOCAL * local[:, :18, :2] / local[:, :18, 2:] + CENTER
            content["poses2d"][person] = np.concatenate([pixels.swapaxes(1, 2), np.full((frames, 1, 18), 0.8)], axis=1)
        write_sequence(root, name, content, split)
    return root
