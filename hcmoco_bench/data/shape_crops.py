"""People with body-model parameters for training and scoring: a square crop, and the body as the crop shows it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from hcmoco_bench.data.image_tensor import image_tensor
from hcmoco_bench.data.record import BatchRecord
from hcmoco_bench.data.sample import DrawLike, as_draw
from hcmoco_bench.data.transforms import Crop
from hcmoco_bench.errors import DataError
from hcmoco_bench.files.image_error import ImageError
from hcmoco_bench.files.images import decode_rgb

MARGIN: Final = 1.2
"""Side of the crop over the longer side of the person's box, as in SPIN."""

SCALE_DEVIATION: Final = 0.25
"""Standard deviation, and largest change, of the crop's side in training, as in SPIN."""

ROTATION_DEVIATION: Final = 30.0
"""Standard deviation in degrees of the rotation in training, cut at twice this, as in SPIN."""

ROTATION_PROBABILITY: Final = 0.6
"""Share of the training crops that are rotated, as in SPIN."""

_SHIFT: Final = 0.05
"""Standard deviation of the crop's place in training, as a share of its side; boxes of detectors are as inexact."""
_SMALLEST: Final = 8.0
_MIRROR: Final = np.diag([-1.0, 1.0, 1.0])
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PeopleWithBodies:
    """N people in images, with parameters of a body model of P bones. Camera axes: x right, y down, z away from it.

    Attributes:
        ids: N sample ids.
        images: N image files.
        boxes: (N, 4) px: left, top, width, height of the person.
        intrinsics: (N, 4) px: fx, fy, cx, cy.
        rotations: (N, P, 3, 3) rotation of each bone against its parent; that of the root against the camera.
        shape: (N, S) shape parameters.
        root: (N, 3) root joint, meters.
        model: (N,) int64 number of the body model that the parameters are of.
        flip: (P,) bone that each bone becomes in a mirrored image.
    """

    ids: tuple[str, ...]
    images: tuple[Path, ...]
    boxes: Floats
    intrinsics: Floats
    rotations: Floats
    shape: Floats
    root: Floats
    model: NDArray[np.int64]
    flip: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class ShapeSample:
    """A crop, and the body in the world that it shows: a mirrored crop shows a mirrored body, a rotated one a tilted.

    Attributes:
        sample_id: Id of the sample.
        rgb: (3, S, S) uint8, black outside the image.
        rotations: (P, 3, 3) float32.
        shape: (S,) float32.
        root: (3,) float32 meters.
        projection: (3, 3) float32, takes points in meters to homogeneous px (x, y) of the crop.
        model: () int64 number of the body model.
    """

    sample_id: str
    rgb: Tensor
    rotations: Tensor
    shape: Tensor
    root: Tensor
    projection: Tensor
    model: Tensor


@dataclass(frozen=True, eq=False)
class ShapeBatch(BatchRecord):
    """B crops: the tensors of `ShapeSample` with a batch axis."""

    rgb: Tensor
    rotations: Tensor
    shape: Tensor
    root: Tensor
    projection: Tensor
    model: Tensor

    def places(self, points: Tensor) -> Tensor:
        """(B, J, 2) places in the crop, -1..1 from edge to edge, of points (B, J, 3) in the space of the camera."""
        homogeneous = points @ self.projection.mT
        # Joints are in front of the camera; the limit keeps one that is not from becoming infinite.
        pixels = homogeneous[..., :2] / homogeneous[..., 2:].clamp(min=1e-3)
        return 2 * (pixels + 0.5) / self.rgb.shape[-1] - 1


_TENSORS = tuple(field.name for field in fields(ShapeBatch) if field.name != "sample_ids")


def collate_shapes(samples: Iterable[ShapeSample], size: int | None = None) -> ShapeBatch:
    """Stack samples of one crop size; raises ValueError if there are none."""
    given = list(samples)
    if not given:
        raise ValueError("a batch needs at least one sample")
    stacked = {name: torch.stack([getattr(sample, name) for sample in given]) for name in _TENSORS}
    return ShapeBatch(tuple(sample.sample_id for sample in given), **stacked)


class ShapeCrops(Dataset[ShapeSample]):
    """Crops of people.

    Args:
        people: The people.
        size: Side of the crop in px.
        train: Draw random crops; otherwise every crop is deterministic.
        flip: Probability of mirroring a training crop.
        strength: Strength of the random scale, rotation and shift as a share of the published one.
        color_noise: Largest change of each color channel in training, as a share of its values.
        seed: Seed of the random changes.
    """

    def __init__(
        self,
        people: PeopleWithBodies,
        size: int,
        *,
        train: bool,
        flip: float = 0.5,
        strength: float = 1.0,
        color_noise: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.people, self.size, self.train = people, size, train
        self.flip, self.strength, self.color_noise, self.seed = flip, strength, color_noise, seed

    def __len__(self) -> int:
        return len(self.people)

    def __getitem__(self, key: DrawLike) -> ShapeSample:
        """The crop of a draw; raises DataError if its image is missing or damaged (`image_unreadable`)."""
        draw, people = as_draw(key, 0), self.people
        if not 0 <= draw.row < len(self):
            raise IndexError(f"row {draw.row} is outside the {len(self)} rows")
        rng = draw.generator(self.seed) if self.train else None
        crop = person_crop(people.boxes[draw.row], self.size)
        if rng is not None:
            crop = random_crop(people.boxes[draw.row], self.size, rng, flip=self.flip, strength=self.strength)
        rgb = image_tensor(crop.rgb(read_image(people.images[draw.row])))
        if rng is not None:
            factors = torch.from_numpy(rng.uniform(1 - self.color_noise, 1 + self.color_noise, (3, 1, 1)))
            rgb = (rgb * factors).round().clamp(max=255).to(torch.uint8)
        rotations, root, projection = body_in_crop(people, draw.row, crop)
        return ShapeSample(
            sample_id=people.ids[draw.row],
            rgb=rgb,
            rotations=_single(rotations),
            shape=_single(people.shape[draw.row]),
            root=_single(root),
            projection=_single(projection),
            model=torch.tensor(people.model[draw.row]),
        )


def person_crop(box: Floats, size: int) -> Crop:
    """The square around a person's box with the margin of scoring."""
    return Crop.of_square(_middle(box), _side(box), size)


def random_crop(box: Floats, size: int, rng: np.random.Generator, *, flip: float, strength: float) -> Crop:
    """The square around a person's box, scaled, rotated, shifted and mirrored at random."""
    change = strength * np.clip(rng.normal(0, SCALE_DEVIATION), -SCALE_DEVIATION, SCALE_DEVIATION)
    side = _side(box) * float(1 + change)
    angle = np.clip(rng.normal(0, ROTATION_DEVIATION), -2 * ROTATION_DEVIATION, 2 * ROTATION_DEVIATION)
    turned = rng.random() < ROTATION_PROBABILITY
    shift = strength * _SHIFT * side * np.clip(rng.normal(0, 1, 2), -2, 2)
    rotation = strength * float(angle) if turned else 0.0
    crop = Crop.of_square(_middle(box) + shift, side, size, rotation=rotation)
    return crop.flipped() if rng.random() < flip else crop


def body_in_crop(people: PeopleWithBodies, row: int, crop: Crop) -> tuple[Floats, Floats, Floats]:
    """Rotations (P, 3, 3), root (3,) and projection (3, 3) of a person in the world that a crop shows.

    A rotated crop is the image of a camera that is turned about its optical axis, and a mirrored one that of a
    mirrored world: bones of the two sides change places, and each turns the other way round.
    """
    turn = np.eye(3)
    turn[:2, :2] = crop.matrix[:, :2] / crop.scale
    fx, fy, cx, cy = people.intrinsics[row]
    camera = np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])
    projection = np.vstack([crop.matrix, [0.0, 0.0, 1.0]]) @ camera @ turn.T
    rotations = people.rotations[row]
    if crop.mirrors:
        rotations = mirrored_rotations(rotations, people.flip)
        # The mirroring in the body's own axes is in the rotations already; what is left of it turns the root.
        rotations = np.concatenate([turn @ _MIRROR @ rotations[:1], rotations[1:]])
    else:
        rotations = np.concatenate([turn @ rotations[:1], rotations[1:]])
    return rotations, turn @ people.root[row], projection


def mirrored_rotations(rotations: Floats, flip: NDArray[np.intp]) -> Floats:
    """Rotations (..., P, 3, 3) of the body that a mirror with x reversed shows.

    Args:
        rotations: Rotation of each bone against its parent, from a rest pose that is symmetric about x = 0.
        flip: (P,) bone that each bone becomes.
    """
    return np.asarray(_MIRROR @ rotations[..., flip, :, :] @ _MIRROR)


def read_image(path: Path) -> NDArray[np.uint8]:
    """The (H, W, 3) uint8 RGB of a file; raises DataError (`image_unreadable`)."""
    try:
        return decode_rgb(np.fromfile(path, np.uint8))
    except OSError as error:
        raise _unreadable(path, str(error.strerror)) from error
    except ImageError as error:
        raise _unreadable(path, str(error)) from error


def _single(values: Floats) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))


def _unreadable(path: Path, why: str) -> DataError:
    return DataError(
        f"{path}: cannot be read as an image ({why}); fetch or generate it again",
        kind="image_unreadable",
        file=str(path),
    )


def _middle(box: Floats) -> Floats:
    # Boxes have their edges between pixels, whose centers are whole numbers.
    return np.asarray(box[:2] + box[2:] / 2 - 0.5)


def _side(box: Floats) -> float:
    return MARGIN * max(float(box[2:].max()), _SMALLEST)
