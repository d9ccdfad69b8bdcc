"""A Kinect v2's depth measurement: noise that grows with distance, ragged edges, holes, and NTU's masking.

Source of the model: the error of time-of-flight depth grows with the square of the distance (the returning light
falls so) and with dark or grazing surfaces; pixels on a silhouette mix two distances and are mostly rejected.
Noise is taken from fields drawn once a clip, shifted anew for every frame.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.sources.ntu.layout import DEPTH_SIZE
from hcmoco_bench.synth.kinect.people import DepthView

_TILE = 640
_FAR = 4500
"""The SDK gives no depth beyond this, mm."""

_MARGIN = np.ones((5, 5), np.uint8)


def true_depth(view: DepthView | None) -> NDArray[np.uint16]:
    """(424, 512) uint16 mm: rounded true depth of the people, 0 elsewhere."""
    image = np.zeros(DEPTH_SIZE[::-1], np.uint16)
    if view is not None:
        image[view.box.slices] = np.round(view.z * 1000).astype(np.uint16)
    return image


class DepthSensor:
    """The depth camera of one clip.

    Args:
        room_z: (424, 512) float32 meters, depth of the room without people; infinite where nothing is.
        rng: Source of all noise.
    """

    def __init__(self, room_z: NDArray[np.float32], rng: np.random.Generator) -> None:
        self._room_mm = np.where(np.isfinite(room_z), room_z * 1000, 0).astype(np.float32)
        self._rng = rng
        shape = (_TILE, _TILE)
        self._normal = rng.standard_normal(shape, dtype=np.float32)
        self._uniform = rng.random(shape, dtype=np.float32)
        self._dx = rng.integers(-1, 2, shape).astype(np.float32)
        self._dy = rng.integers(-1, 2, shape).astype(np.float32)
        clouds = cv2.GaussianBlur(rng.standard_normal(shape, dtype=np.float32), (0, 0), 2.5)
        self._clouds = np.asarray(clouds / clouds.std(), np.float32)
        # Slow errors over the image (temperature, wiggling) of a few millimeters stay for the whole clip.
        slow = cv2.resize(rng.normal(0, 2.0, (6, 7)).astype(np.float32), DEPTH_SIZE, interpolation=cv2.INTER_CUBIC)
        self._slow = np.asarray(slow, np.float32)

    def measure(self, view: DepthView | None) -> NDArray[np.uint16]:
        """One masked depth frame.

        The mask is the people's visible region widened by two pixels, as NTU's masks are a little generous; in that
        border the room's own depth is kept where it was measured.

        Returns:
            (424, 512) uint16 mm, 0 = no measurement or masked away.
        """
        image = np.zeros(DEPTH_SIZE[::-1], np.uint16)
        # Drawn even for an empty frame, so that what follows does not depend on who is seen.
        shift = self._rng.integers(0, _TILE, (3, 2))
        if view is None or not view.part.any():
            return image
        box, height, width = view.box, view.box.height, view.box.width

        def tile(field: NDArray[np.float32], number: int) -> NDArray[np.float32]:
            rows = (shift[number, 0] + np.arange(height)) % _TILE
            columns = (shift[number, 1] + np.arange(width)) % _TILE
            window: NDArray[np.float32] = field[rows[:, None], columns]
            return window

        normal, chance = tile(self._normal, 0), tile(self._uniform, 1)
        room, body = self._room_mm[box.slices], view.part > 0
        mm = np.where(body, view.z * 1000, room)
        inner = cv2.erode(body.astype(np.uint8), _MARGIN[:3, :3], borderType=cv2.BORDER_REPLICATE) > 0
        outer = cv2.dilate(body.astype(np.uint8), _MARGIN) > 0
        step = cv2.morphologyEx(mm, cv2.MORPH_GRADIENT, _MARGIN[:3, :3])
        edge = outer & (step > 60)
        # Lateral noise: at edges a pixel may measure its neighbor.
        columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        strays = edge & (chance < 0.35)
        source_x = np.where(strays, columns + tile(self._dx, 2), columns)
        source_y = np.where(strays, rows + tile(self._dy, 2), rows)
        mixed = cv2.remap(mm, source_x, source_y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
        # Few mixtures of near and far survive the SDK's rejection of flying pixels.
        flying = edge & (chance > 0.96)
        mixed = np.where(flying, mixed - 0.4 * step * tile(self._uniform, 2), mixed)
        facing = np.where(body, np.maximum(view.facing, 0.08), 0.5).astype(np.float32)
        albedo = np.where(body, view.albedo, 0.5).astype(np.float32)
        meters = mixed / 1000
        # Infrared sees dark cloth brighter than the eye does, but hair and dark shoes stay weak.
        weak = np.clip(1.6 - 6.0 * albedo, 0.0, 1.2)
        deviation = (0.8 + 0.28 * meters**2) * (1 + 0.5 * weak) / np.sqrt(facing)
        measured = mixed + deviation * normal + self._slow[box.slices]
        lost = edge & (chance > 0.35) & (chance < 0.62)
        lost |= inner & (facing < 0.22) & (chance < 0.5)
        # Weakly reflecting patches drop out in clumps, more so when far or seen at a grazing angle.
        reach = weak * (0.35 + 0.22 * meters) + 0.7 * (facing < 0.35) * weak
        lost |= body & (tile(self._clouds, 0) > 3.4 - 1.15 * reach)
        kept = outer & ~lost & (measured > 0) & (measured < _FAR) & (mixed > 0)
        image[box.slices] = np.where(kept, np.round(measured), 0).astype(np.uint16)
        return image
