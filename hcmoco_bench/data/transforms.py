"""One affine map from image to crop that transforms every modality: RGB, depth, masks, and joints with their names.

Pixel coordinates are (x, y) with integers at pixel centers: an image of width W extends from -0.5 to W - 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from hcmoco_bench.body.parts import part_table

_UPRIGHT = 1e-9
_Pixel = TypeVar("_Pixel", np.uint8, np.uint16)


@dataclass(frozen=True, eq=False)
class Crop:
    """A crop of an image: an affine map from image pixels to crop pixels.

    Attributes:
        matrix: (2, 3) float64; maps px (x, y, 1) of the image to px (x, y) of the crop. It mirrors if its determinant
            is negative.
        width: Width of the crop in px.
        height: Height of the crop in px.
    """

    matrix: NDArray[np.float64]
    width: int
    height: int

    @classmethod
    def of_square(cls, center: ArrayLike, side: float, size: int, *, rotation: float = 0.0) -> Crop:
        """The crop that resizes a square of the image to `size` x `size` px.

        Args:
            center: (2,) px (x, y) of the image; becomes the center of the crop.
            side: Side of the square in px of the image, > 0.
            size: Side of the crop in px.
            rotation: Rotation of the square in degrees, clockwise in the image. The content of the crop therefore
                rotates counterclockwise.
        """
        return cls.of_rectangle(center, side, (size, size), rotation=rotation)

    @classmethod
    def of_rectangle(cls, center: ArrayLike, width: float, size: tuple[int, int], *, rotation: float = 0.0) -> Crop:
        """The crop that resizes a rectangle of the image, of the crop's proportions, to the crop.

        Args:
            center: (2,) px (x, y) of the image; becomes the center of the crop.
            width: Width of the rectangle in px of the image, > 0.
            size: Width and height of the crop in px.
            rotation: As for `of_square`.
        """
        scale = size[0] / width
        angle = np.deg2rad(rotation)
        turn = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        middle = (np.array(size) - 1) / 2.0
        shift = middle - turn @ np.asarray(center, np.float64)
        return cls(np.column_stack([turn, shift]), *size)

    def flipped(self) -> Crop:
        """This crop mirrored left to right."""
        mirror = np.array([[-1.0, 0.0, self.width - 1.0], [0.0, 1.0, 0.0]])
        return self._after(mirror)

    def of_reduced(self, factor: int) -> Crop:
        """The same crop from the image decoded at 1/factor of its size (block means, as JPEG decoders compute)."""
        # The center of px 0 of the reduced image is the center of the first `factor` px of the full image.
        enlarge = np.array([[factor, 0.0, (factor - 1) / 2.0], [0.0, factor, (factor - 1) / 2.0], [0.0, 0.0, 1.0]])
        return Crop(self.matrix @ enlarge, self.width, self.height)

    @cached_property
    def scale(self) -> float:
        """Crop px per image px."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix[:, :2]))))

    @cached_property
    def mirrors(self) -> bool:
        """Whether the crop swaps left and right."""
        return bool(np.linalg.det(self.matrix[:, :2]) < 0)

    @property
    def is_upright(self) -> bool:
        """Whether rows stay rows and columns columns."""
        return bool(abs(self.matrix[0, 1]) < _UPRIGHT and abs(self.matrix[1, 0]) < _UPRIGHT)

    def rgb(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Crop an (H, W, 3) uint8 image with bilinear interpolation; black outside the image."""
        return self._warp(image, cv2.INTER_LINEAR)

    def depth(self, image: NDArray[np.uint16]) -> NDArray[np.uint16]:
        """Crop (H, W) uint16 millimeters with nearest-neighbor interpolation; 0 outside the image."""
        return self._warp(image, cv2.INTER_NEAREST)

    def mask(self, image: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Crop an (H, W) bool mask with nearest-neighbor interpolation; False outside the image."""
        return self._warp(image.view(np.uint8), cv2.INTER_NEAREST).view(np.bool_)

    def parts(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Crop (H, W) class indices 0..24 with nearest-neighbor interpolation; 0 outside the image.

        Left and right parts swap if the crop mirrors.
        """
        parts = self._warp(image, cv2.INTER_NEAREST)
        return part_table().flip[parts] if self.mirrors else parts

    def points(self, xy: ArrayLike) -> NDArray[np.float64]:
        """Map (..., 2) px of the image to px of the crop."""
        return np.asarray(np.asarray(xy, np.float64) @ self.matrix[:, :2].T + self.matrix[:, 2], np.float64)

    def joints(
        self, xy: ArrayLike, known: NDArray[np.bool_], flip: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Map joints to the crop; left and right partners swap if the crop mirrors.

        Args:
            xy: (J, 2) px of the image.
            known: (J,) whether the position of each joint is known.
            flip: (J,) index of the joint that each joint becomes in a mirrored image; see `JointSet.flip`.

        Returns:
            (J, 2) px of the crop and (J,) whether the position is known, both in the order of the joint set.
        """
        moved = self.points(xy)
        return (moved[flip], known[flip]) if self.mirrors else (moved, known.copy())

    def joints3d(
        self, xyz: ArrayLike, known: NDArray[np.bool_], flip: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Transform 3-D joints to the world that the crop shows, which is mirrored or rotated with the crop.

        Args:
            xyz: (J, 3) meters, x right in the image, y up, z away from the camera, whose center is the origin.
            known: (J,) whether the position of each joint is known.
            flip: (J,) index of the joint that each joint becomes in a mirrored image; see `JointSet.flip`.

        Returns:
            (J, 3) meters, x right in the crop, y up, z as before, and (J,) whether the position is known, both in the
            order of the joint set.
        """
        linear = self.matrix[:, :2]
        turn = np.diag(np.sign(np.diag(linear))) if self.is_upright else linear / self.scale
        moved = np.array(xyz, np.float64)
        down = np.array([1.0, -1.0])  # y points down in images
        moved[:, :2] = (moved[:, :2] * down) @ turn.T * down
        return (moved[flip], known[flip]) if self.mirrors else (moved, known.copy())

    def inside(self, xy: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether px (..., 2) of the crop lie between the centers of its first and last pixels."""
        return np.asarray(((xy >= 0) & (xy <= (self.width - 1, self.height - 1))).all(axis=-1))

    def intrinsics(self, fx: float, fy: float, cx: float, cy: float) -> NDArray[np.float64] | None:
        """The camera's fx, fy, cx, cy in px of the crop; None if the crop is rotated.

        A mirrored crop is the image of a mirrored world, so focal lengths stay positive.
        """
        if not self.is_upright:
            return None
        (a, _, x), (_, b, y) = self.matrix
        return np.array([abs(a) * fx, abs(b) * fy, a * cx + x, b * cy + y])

    def _after(self, then: NDArray[np.float64]) -> Crop:
        square = np.vstack([self.matrix, [0.0, 0.0, 1.0]])
        return Crop(then @ square, self.width, self.height)

    def _warp(self, image: NDArray[_Pixel], interpolation: int) -> NDArray[_Pixel]:
        return np.asarray(cv2.warpAffine(image, self.matrix, (self.width, self.height), flags=interpolation))
