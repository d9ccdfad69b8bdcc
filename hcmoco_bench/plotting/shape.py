"""Recovered bodies over their images and from the side, and what a person understands of them over the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hcmoco_bench.plotting.body_mesh import SKIN, TRUE, draw_mesh

Floats = NDArray[np.float64]

_COLUMNS: Final = 4
_SIDE_SIZE: Final = (160, 256)
"""Width and height of the view from the side, px."""
_REACH: Final = 1.15
"""Meters from the pelvis to the upper and lower border of the view from the side."""
_FAR: Final = 100.0
"""Meters from which the side is seen."""
_LABELS: Final = {"height_cm": "height, cm", "mass_kg": "mass, kg", "waist_cm": "waist, cm"}


@dataclass(frozen=True, eq=False)
class BodyImage:
    """A recovered body beside the true one. Axes: x right, y down, z away from the camera.

    Attributes:
        name: Shown above it.
        rgb: (H, W, 3) uint8 image of the person.
        predicted: (V, 3) meters from the pelvis.
        place: (3,) meters: where the pelvis of the predicted body is in the space of the camera.
        intrinsics: (4,) px: fx, fy, cx, cy of the image.
        true: (V, 3) meters from the pelvis.
        faces: (F, 3) triangles, counter-clockwise from outside.
    """

    name: str
    rgb: NDArray[np.uint8]
    predicted: Floats
    place: Floats
    intrinsics: Floats
    true: Floats
    faces: NDArray[np.int64]


def body_sheet(images: Sequence[BodyImage]) -> Figure:
    """Draw each image, the recovered body over it, and both bodies from the side (the camera is on the left).

    Recovered bodies are orange, true ones blue.

    Raises:
        ValueError: If there is no image.
    """
    if not images:
        raise ValueError("a sheet of bodies needs at least one image")
    columns = min(_COLUMNS, len(images))
    lines = -(-len(images) // columns)
    figure = Figure(figsize=(4.4 * columns, 2.4 * lines), layout="constrained")
    ratios = [1.0, 1.0, _SIDE_SIZE[0] / _SIDE_SIZE[1]] * columns
    axes = figure.subplots(lines, 3 * columns, squeeze=False, gridspec_kw={"width_ratios": ratios})
    for axis in axes.flat:
        axis.set_axis_off()
    for number, image in enumerate(images):
        line, place = divmod(number, columns)
        row = axes[line, 3 * place : 3 * place + 3]
        error = 1000 * float(np.linalg.norm(image.predicted - image.true, axis=1).mean())
        for axis, shown, title in zip(
            row,
            (image.rgb, _over_the_image(image), _from_the_side(image)),
            (image.name, f"PVE {error:.0f} mm", "from the side"),
            strict=True,
        ):
            axis.imshow(shown, interpolation="nearest")
            axis.set_title(title, fontsize=8)
    return figure


def figure_scatter(figures: Mapping[str, tuple[Floats, Floats]]) -> Figure:
    """Draw predicted figures of people over the true ones.

    Args:
        figures: By name (`height_cm`, `mass_kg`, `waist_cm`), true and predicted values (N,).
    """
    figure = Figure(figsize=(3.3 * len(figures), 3.3), layout="constrained")
    for axis, (name, (true, predicted)) in zip(
        figure.subplots(1, len(figures), squeeze=False)[0], figures.items(), strict=True
    ):
        _scatter(axis, _LABELS.get(name, name), true, predicted)
    return figure


def _scatter(axis: Axes, label: str, true: Floats, predicted: Floats) -> None:
    both = np.concatenate([true, predicted])
    low, high = float(both.min()), float(both.max())
    margin = 0.05 * max(high - low, 1.0)
    limits = (low - margin, high + margin)
    axis.plot(limits, limits, color="0.7", linewidth=1)
    axis.scatter(true, predicted, s=9, alpha=0.5, color="#2a9d8f", linewidths=0)
    axis.set(xlim=limits, ylim=limits, aspect="equal", xlabel=f"true {label}", ylabel=f"predicted {label}")
    off = predicted - true
    axis.set_title(f"error {np.abs(off).mean():.1f}, bias {off.mean():+.1f}", fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)


def joint_error_bars(per_joint: Mapping[str, Mapping[str, float | None]]) -> Figure:
    """Draw the mean distance of each joint, as it is and after the best alignment of each body."""
    names = list(per_joint)
    figure = Figure(figsize=(5.2, 0.3 * len(names) + 0.9), layout="constrained")
    axis = figure.subplots()
    places = np.arange(len(names))
    for shift, figure_name, label, color in (
        (-0.2, "mpjpe_mm", "pelvis at one place", "#ff9f1c"),
        (0.2, "pa_mpjpe_mm", "best alignment", "#2a9d8f"),
    ):
        values = [per_joint[name][figure_name] or 0.0 for name in names]
        axis.barh(places + shift, values, height=0.38, color=color, label=label)
    axis.set_yticks(places, names, fontsize=8)
    axis.set(xlabel="mean distance, mm")
    axis.invert_yaxis()
    axis.legend(fontsize=8, frameon=False)
    axis.spines[["top", "right"]].set_visible(False)
    return figure


def _over_the_image(image: BodyImage) -> NDArray[np.uint8]:
    vertices = image.predicted + image.place
    fx, fy, cx, cy = image.intrinsics
    with np.errstate(divide="ignore", invalid="ignore"):
        pixels = vertices[:, :2] / vertices[:, 2:] * [fx, fy] + [cx, cy]
    return draw_mesh(image.rgb, pixels, vertices, image.faces)


def _from_the_side(image: BodyImage) -> NDArray[np.uint8]:
    """Both bodies in one scale, as seen from the camera's right: what is away from it is on the right."""
    width, height = _SIDE_SIZE
    view = np.full((height, width, 3), 245, np.uint8)
    for vertices, color, opacity in ((image.true, TRUE, 1.0), (image.predicted, SKIN, 0.6)):
        turned = np.stack([vertices[:, 2], vertices[:, 1], _FAR - vertices[:, 0]], axis=-1)
        pixels = turned[:, :2] * height / (2 * _REACH) + [(width - 1) / 2, (height - 1) / 2]
        view = draw_mesh(view, pixels, turned, image.faces, color=color, opacity=opacity)
    return view
