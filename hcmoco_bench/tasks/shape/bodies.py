"""The body models of a protocol, and bodies posed by them for the loss and the scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hcmoco_bench.body_models.body_model import Body, BodyModel
from hcmoco_bench.body_models.create import create_body_model
from hcmoco_bench.body_models.measurements import measure
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.tasks.shape.record import JOINTS, PELVIS, TASK

GENDERS: Final = ("neutral", "male", "female")
"""Models of SMPL; their places are the numbers of models in the data. Anny has one model, of number 0."""
SMPL_FILES: Final = {
    "neutral": ("SMPL_NEUTRAL.pkl", "basicModel_neutral_lbs_10_207_0_v1.0.0.pkl", "SMPL_NEUTRAL.npz"),
    "male": ("SMPL_MALE.pkl", "basicmodel_m_lbs_10_207_0_v1.0.0.pkl", "basicModel_m_lbs_10_207_0_v1.0.0.pkl"),
    "female": ("SMPL_FEMALE.pkl", "basicModel_f_lbs_10_207_0_v1.0.0.pkl", "basicmodel_f_lbs_10_207_0_v1.0.0.pkl"),
}
"""Names of the files as SMPL and SMPLify publish them, and as they are usually renamed."""
_DECIMALS: Final = 4
_SIDES: Final = ((".L", ".R"), ("left", "right"), ("l_", "r_"))


@dataclass(frozen=True, eq=False)
class TaskBodies:
    """The body models of a run.

    Attributes:
        estimated: The model whose parameters are estimated.
        true: The models that true parameters can be of, by number.
    """

    estimated: BodyModel
    true: tuple[BodyModel, ...]

    def to(self, device: torch.device) -> TaskBodies:
        """These models on a device; copies, unless they are there already."""
        places = {id(model): _on(model, device) for model in (self.estimated, *self.true)}
        return TaskBodies(places[id(self.estimated)], tuple(places[id(model)] for model in self.true))


@dataclass(frozen=True, eq=False)
class PosedBodies:
    """B posed bodies with the pelvis at the origin, meters.

    Attributes:
        vertices: (B, V, 3).
        joints: (B, 14, 3) joints of `record.JOINTS`.
        root: (B, 3) root joint of the model.
    """

    vertices: Tensor
    joints: Tensor
    root: Tensor


def open_bodies(body: str, path: str | None) -> TaskBodies:
    """The models of a protocol.

    Args:
        body: `anny` or `smpl`.
        path: File or folder of SMPL; None for Anny.

    Raises:
        UsageError: If SMPL's files are not given, or there is no neutral model among them.
        DataError: If a file is missing or damaged.
        MissingExtraError: If the package `anny` is not installed.
    """
    if body == "anny":
        if path is not None:
            raise UsageError(f"{TASK}: body_model goes with --protocol pw3d; Anny comes with its package, leave it out")
        model = _open("anny", None)
        return TaskBodies(model, (model,))
    if path is None:
        raise UsageError(
            f"{TASK}: SMPL is licensed, and comes with no package; give its file or folder with --body-model "
            f"(hcmoco-bench tasks {TASK} says where to fetch it)"
        )
    place = Path(path)
    if not place.is_dir():
        model = _open("smpl", place)
        return TaskBodies(model, (model,) * len(GENDERS))
    found = {
        gender: next((file for n in names if (file := place / n).is_file()), None)
        for gender, names in SMPL_FILES.items()
    }
    missing = [gender for gender, file in found.items() if file is None]
    if missing:
        wanted = "; ".join(f"{gender}: {' or '.join(SMPL_FILES[gender])}" for gender in missing)
        raise DataError(
            f"{place}: SMPL models are missing ({wanted}); put them there, or name one file for everybody",
            kind="body_missing",
            file=str(place),
        )
    models = tuple(_open("smpl", file) for file in found.values())
    if len({len(model.shape_names) for model in models}) > 1 or len({tuple(model.faces.shape) for model in models}) > 1:
        raise DataError(
            f"{place}: its SMPL models differ in triangles or in the number of shape parameters; use those "
            "of one release",
            kind="body_layout",
            file=str(place),
        )
    return TaskBodies(models[0], models)


@lru_cache(maxsize=4)
def _open(name: str, path: Path | None) -> BodyModel:
    return create_body_model(name, path).eval()


@lru_cache(maxsize=8)
def _on(model: BodyModel, device: torch.device) -> BodyModel:
    if all(buffer.device == device for buffer in model.buffers()):
        return model
    from copy import deepcopy

    return deepcopy(model).to(device)


def posed(model: BodyModel, shape: Tensor, rotations: Tensor) -> PosedBodies:
    """Bodies with their pelvis at the origin.

    Args:
        model: Their model.
        shape: (B, S).
        rotations: (B, P, 3, 3).
    """
    body: Body = model(shape, rotations)
    pelvis = pelvis_of(model, body.vertices)
    joints = model.regress_joints(body.vertices, JOINTS)
    return PosedBodies(body.vertices - pelvis, joints - pelvis, body.joints[:, 0] - pelvis[:, 0])


def pelvis_of(model: BodyModel, vertices: Tensor) -> Tensor:
    """(B, 1, 3) place of the pelvis."""
    name, index = PELVIS
    return model.regress_joints(vertices, name)[:, index : index + 1]


def posed_by_number(models: Sequence[BodyModel], numbers: Tensor, shape: Tensor, rotations: Tensor) -> PosedBodies:
    """Bodies of several models with the same triangles.

    Args:
        models: The models by number.
        numbers: (B,) which model each body is of.
        shape: (B, S).
        rotations: (B, P, 3, 3).
    """
    if all(model is models[0] for model in models):
        return posed(models[0], shape, rotations)
    parts, rows = [], []
    for number in sorted(set(numbers.tolist())):
        places = torch.nonzero(numbers == number).flatten()
        parts.append(posed(models[number], shape[places], rotations[places]))
        rows.append(places)
    order = torch.cat(rows).argsort()
    return PosedBodies(
        *(torch.cat(each)[order] for each in zip(*((p.vertices, p.joints, p.root) for p in parts), strict=True))
    )


def neutral_vertices(model: BodyModel, shape: Tensor) -> Tensor:
    """(B, V, 3) meters: bodies of a shape (B, S) in the rest pose of their model, the pelvis at the origin."""
    rest = torch.eye(3, device=shape.device, dtype=shape.dtype).expand(len(shape), len(model.bone_names), 3, 3)
    body: Body = model(shape, rest)
    vertices = body.vertices
    return vertices - pelvis_of(model, vertices)


def figures_of(model: BodyModel, neutral: Tensor) -> NDArray[np.float64]:
    """(B, 3) height in cm, mass in kg and waist in cm of bodies in the neutral pose (B, V, 3)."""
    found = measure(neutral, model.faces)
    figures = torch.stack([found.height_cm, found.mass_kg, found.waist_cm], dim=-1)
    # A machine's rounding is smaller, so that every machine gives the same labels.
    return np.asarray(np.round(figures.detach().cpu().double().numpy(), _DECIMALS))


def mirrored_bones(model: BodyModel) -> NDArray[np.intp]:
    """(P,) bone that each bone becomes in a mirrored image, told by the sides in their names."""
    names = model.bone_names
    place = {name: number for number, name in enumerate(names)}
    return np.array([place[_partner(name, place)] for name in names], np.intp)


def _partner(name: str, known: dict[str, int]) -> str:
    for one, other in _SIDES:
        for own, opposite in ((one, other), (other, one)):
            if own in name and (partner := name.replace(own, opposite)) in known:
                return partner
    return name
