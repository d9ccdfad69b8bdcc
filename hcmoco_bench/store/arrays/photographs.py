"""An annotated photograph, decoded: the image and its people as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import StoreError
from hcmoco_bench.files.image_error import ImageError
from hcmoco_bench.files.images import decode_rgb
from hcmoco_bench.sources.people import BOX_UNIT


@dataclass(frozen=True)
class PhotographArrays:
    """An image of H x W px with P people to learn from, 0 or more.

    Px are (x, y) from 0, whole numbers at pixel centers.

    Attributes:
        image_id: The image's name without its suffix.
        rgb: (H, W, 3) uint8 RGB.
        person_ids: P ids.
        joints: (P, J, 2) float32 px; 0 where not annotated.
        state: (P, J) uint8: 0 not annotated, 1 annotated but hidden, 2 seen.
        squares: (P, 3) float32: x and y of the middle of the person's square, and its side, px.
        areas: (P,) float64 px^2 of the people's outlines; nan where not stated.
        ignored: Number of crowds and people without annotated joints besides.
    """

    image_id: str
    rgb: NDArray[np.uint8]
    person_ids: tuple[str, ...]
    joints: NDArray[np.float32]
    state: NDArray[np.uint8]
    squares: NDArray[np.float32]
    areas: NDArray[np.float64]
    ignored: int


def decode_photograph(row: Mapping[str, Any]) -> PhotographArrays:
    """Decode a row as `Store.find` gives it.

    Raises:
        StoreError: If the image cannot be decoded.
    """
    try:
        rgb = decode_rgb((row["image"] or {}).get("bytes") or b"")
    except ImageError as error:
        raise StoreError(f"image {row['image_id']}: cannot be decoded; run verify on the store") from error
    people = row["people"] or []
    n_joints = len(people[0]["joints"]) if people else 0
    areas = [person.get("area") for person in people]
    return PhotographArrays(
        image_id=row["image_id"],
        rgb=rgb,
        person_ids=tuple(person["person_id"] for person in people),
        joints=np.array([person["joints"] for person in people], np.float32).reshape(len(people), n_joints, 2),
        state=np.array([person["state"] for person in people], np.uint8).reshape(len(people), n_joints),
        squares=np.array([(*person["center"], BOX_UNIT * person["scale"]) for person in people], np.float32).reshape(
            -1, 3
        ),
        areas=np.array([np.nan if area is None else area for area in areas], np.float64),
        ignored=len(row.get("ignored") or ()),
    )
