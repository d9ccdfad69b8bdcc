"""Pictures of a result: recovered meshes over images and from the side, and figures of people over the true ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.data.shape_crops import person_crop, read_image
from hcmoco_bench.metrics.shape import FIGURES, Bodies, known, shape_per_joint
from hcmoco_bench.results.evidence import Evidence
from hcmoco_bench.tasks.core.task import ResultFigure
from hcmoco_bench.tasks.core.task_data import TaskData
from hcmoco_bench.tasks.shape.bodies import TaskBodies, pelvis_of
from hcmoco_bench.tasks.shape.data import people_and_rows
from hcmoco_bench.tasks.shape.truth import true_vertices
from hcmoco_bench.uniform import spread

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]
_SIDE = 256
_FAR = 200.0
"""Meters from which a pinhole camera sees people as a weak perspective shows them."""


@dataclass(frozen=True)
class KeptBody:
    """A predicted body for the sheet.

    Attributes:
        vertices: (V, 3) meters from the pelvis, in the axes of the camera.
        camera: Scale and shift of the weak perspective; None for predictions of another program.
    """

    vertices: Floats
    camera: Floats | None


@dataclass(frozen=True)
class KeptEstimates:
    """The few bodies that the sheet shows, picked while a split is scored.

    Attributes:
        wanted: Ids of the samples on the sheet.
        bodies: What was predicted for them, by id.
    """

    wanted: tuple[str, ...]
    bodies: dict[str, KeptBody] = field(default_factory=dict)

    @classmethod
    def of(cls, ids: Sequence[str], number: int) -> KeptEstimates:
        """Room for a number of samples, spread over all."""
        return cls(tuple(spread(ids, number)) if number else ())

    def keep(self, ids: Sequence[str], bodies: Bodies, camera: NDArray[np.floating] | None) -> None:
        """Keep what is wanted of a batch."""
        if bodies.vertices is None:
            return
        for row, name in enumerate(ids):
            if name in self.wanted:
                own = None if camera is None else np.asarray(camera[row], np.float64)
                self.bodies[name] = KeptBody(bodies.vertices[row], own)


def shape_figures(
    evidence: Evidence, data: TaskData, bodies: TaskBodies, kept: KeptEstimates
) -> tuple[ResultFigure, ...]:
    """The pictures of a result: bodies (where there are vertices), joints, and figures of people."""
    found = [ResultFigure("joints", "Mean distance of each joint.", partial(_draw_joints, shape_per_joint(evidence)))]
    if known(evidence, FIGURES[0]):
        caption = "Predicted height, mass and waist over the true ones; each point is an image."
        found.append(ResultFigure("people", caption, partial(_draw_figures, evidence)))
    if kept.bodies:
        caption = "Recovered bodies over the image, and from the side beside the true ones."
        found.insert(0, ResultFigure("bodies", caption, partial(_draw_bodies, data, bodies, kept)))
    return tuple(found)


def _draw_joints(per_joint: Mapping[str, Mapping[str, float | None]]) -> Figure:
    from hcmoco_bench.plotting.shape import joint_error_bars

    return joint_error_bars(per_joint)


def _draw_figures(evidence: Evidence) -> Figure:
    from hcmoco_bench.plotting.shape import figure_scatter

    columns = evidence.columns
    return figure_scatter({name: (columns[f"true_{name}"], columns[name]) for name in FIGURES})


def _draw_bodies(data: TaskData, bodies: TaskBodies, kept: KeptEstimates) -> Figure:
    from hcmoco_bench.plotting.shape import BodyImage, body_sheet

    people, rows = people_and_rows(data)
    place = dict(zip(data.ids, rows.tolist(), strict=True))
    images = []
    for name in kept.wanted:
        if name not in kept.bodies:
            continue
        row, body = place[name], kept.bodies[name]
        crop = person_crop(people.boxes[row], _SIDE)
        vertices = true_vertices(people, [row], bodies)
        pelvis = pelvis_of(bodies.true[int(people.model[row])], vertices)
        true, where = (vertices - pelvis)[0].double().numpy(), pelvis[0, 0].double().numpy()
        if body.camera is None:
            lens = crop.intrinsics(*people.intrinsics[row].tolist())
            if lens is None:
                raise TypeError("a crop for a picture is upright")
        else:
            lens, where = _as_pinhole(body.camera)
        rgb = crop.rgb(read_image(people.images[row]))
        images.append(BodyImage(name, rgb, body.vertices, where, lens, true, bodies.estimated.faces.cpu().numpy()))
    return body_sheet(images)


def _as_pinhole(camera: Floats) -> tuple[Floats, Floats]:
    """Intrinsics (4,) in px of the picture, and the place of the pelvis (3,), that show a weak perspective."""
    scale, *shift = camera.tolist()
    focal = scale * _SIDE / 2 * _FAR
    middle = [(one + 1) / 2 * _SIDE - 0.5 for one in shift]
    return np.array([focal, focal, *middle]), np.array([0.0, 0.0, _FAR])
