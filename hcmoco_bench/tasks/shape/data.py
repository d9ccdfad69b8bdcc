"""The splits of the shape task, from generated people or from 3DPW."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hcmoco_bench.body_models.anny_body import AnnyBody
from hcmoco_bench.body_models.anny_shape import Phenotype
from hcmoco_bench.body_models.body_model import BodyModel
from hcmoco_bench.data.shape_crops import PeopleWithBodies, ShapeCrops, collate_shapes
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.files.hashing import fingerprint
from hcmoco_bench.sources import anny_people, pw3d
from hcmoco_bench.sources.anny_people import AnnyPeople
from hcmoco_bench.sources.anny_people.layout import PHENOTYPE, person_of
from hcmoco_bench.sources.pw3d import Pw3dPeople
from hcmoco_bench.tasks.core.task_data import TaskData
from hcmoco_bench.tasks.core.uniform import uniform_rows
from hcmoco_bench.tasks.shape.bodies import GENDERS, TaskBodies, mirrored_bones
from hcmoco_bench.tasks.shape.record import TASK, ShapeProtocol
from hcmoco_bench.tasks.shape.settings import ShapeSettings

SPLITS: Final = {"anny_people": anny_people.SPLITS, "pw3d": pw3d.SPLITS}
NAMES: Final = {"anny_people": "people with Anny bodies", "pw3d": "3DPW"}


def open_split(
    config: ShapeSettings, protocol: ShapeProtocol, bodies: TaskBodies, split: str, *, train: bool
) -> TaskData:
    """Open a split; see `Task.open_data`.

    Args:
        config: The settings.
        protocol: Says what layout is read.
        bodies: The body models.
        split: `train`, `test`, `train_<percent>`; of 3DPW also `validation`.
        train: Whether crops are random.
    """
    if config.root is None:
        raise UsageError(f"{TASK}: protocol {protocol.name} reads {NAMES[protocol.source]} from a folder; give --root")
    name, _, percent = split.partition("_")
    known = SPLITS[protocol.source]
    if name not in known or (percent and name != "train"):
        raise UsageError(f"{TASK}: there is no split {split!r}; there are {', '.join(known)}, and train_<percent>")
    source: AnnyPeople | Pw3dPeople
    if protocol.source == "anny_people":
        source = anny_people.open_people(Path(config.root), name)
        people, persons = people_of_anny(source, bodies.estimated), tuple(map(person_of, source.ids))
    else:
        source = pw3d.open_pw3d(Path(config.root), name)
        people, persons = people_of_smpl(source, bodies), tuple(map(pw3d.track_of, source.ids))
    lost = tuple(problem.id for problem in source.problems if not problem.kept)
    expected = (*source.ids, *lost)
    data = TaskData(
        dataset=ShapeCrops(
            people,
            config.image_size,
            train=train,
            flip=config.flip,
            strength=config.augmentation,
            color_noise=config.color_noise,
            seed=config.seed,
        ),
        collate=collate_shapes,
        ids=source.ids,
        name=NAMES[protocol.source],
        generated=source.generated,
        split=split,
        expected=expected,
        split_sha256=fingerprint(expected),
        manifest_sha256=source.sha256,
        problems=source.problems,
        groups=persons,
    )
    return data.subset(uniform_rows(len(source), percent, task=TASK), split=split) if percent else data


def people_of_anny(source: AnnyPeople, model: BodyModel) -> PeopleWithBodies:
    """Generated people as parameters of Anny.

    Raises:
        DataError: If the file lacks a bone of the model (`people_bones`).
    """
    if not isinstance(model, AnnyBody):
        raise TypeError(f"the bodies of generated people are of anny, not {model.name}")
    missing = [name for name in model.bone_names if name not in source.bones]
    if missing:
        raise DataError(
            f"{source.path}: it has no rotations of {len(missing)} bones of the body ({', '.join(missing[:3])}); "
            "generate the folder again",
            kind="people_bones",
            file=str(source.path),
        )
    order = [source.bones.index(name) for name in model.bone_names]
    names = PHENOTYPE[:-3]
    phenotypes = [
        Phenotype(**dict(zip(names, row[:-3], strict=True)), origin=(row[-3], row[-2], row[-1]))
        for row in source.phenotype.tolist()
    ]
    return PeopleWithBodies(
        ids=source.ids,
        images=source.images,
        boxes=source.boxes,
        intrinsics=source.intrinsics,
        rotations=_matrices(source.rotations[:, order]),
        shape=model.shapes(phenotypes).double().cpu().numpy(),
        root=source.root,
        model=np.zeros(len(source), np.int64),
        flip=mirrored_bones(model),
    )


def people_of_smpl(source: Pw3dPeople, bodies: TaskBodies) -> PeopleWithBodies:
    """People of 3DPW as parameters of SMPL.

    Raises:
        DataError: If the model has more shape parameters than 3DPW, or other bones (`body_layout`).
    """
    model = bodies.estimated
    n_shape, n_bones = len(model.shape_names), len(model.bone_names)
    if n_shape > source.betas.shape[1] or n_bones != source.rotations.shape[1]:
        raise DataError(
            f"the body model has {n_shape} shape parameters and {n_bones} bones, and 3DPW's bodies have "
            f"{source.betas.shape[1]} and {source.rotations.shape[1]}; give an SMPL model (not SMPL-H or SMPL-X)",
            kind="body_layout",
        )
    return PeopleWithBodies(
        ids=source.ids,
        images=source.images,
        boxes=source.boxes,
        intrinsics=source.intrinsics,
        rotations=_matrices(source.rotations),
        shape=source.betas[:, :n_shape],
        root=source.translation,
        model=np.array([GENDERS.index(gender) for gender in source.genders], np.int64),
        flip=mirrored_bones(model),
    )


def people_and_rows(data: TaskData) -> tuple[PeopleWithBodies, NDArray[np.intp]]:
    """The people that data of this task is from, and the rows of them."""
    crops, rows = data.source(ShapeCrops)
    return crops.people, rows


def _matrices(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, P, 3, 3) rotations of rotation vectors (N, P, 3)."""
    flat = Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix()
    return np.asarray(flat.reshape(*vectors.shape[:2], 3, 3))
