"""A Kinect's color camera: exposure, white balance, vignetting, soft edges, noise; frames for a video encoder."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import warp as wp
from numpy.typing import NDArray

from hcmoco_bench.synth.kinect.people import People
from hcmoco_bench.synth.kinect.raycast import Box, View
from hcmoco_bench.synth.kinect.shading import TONE_STEPS, TONE_TOP, Backdrop
from hcmoco_bench.synth.room.lighting import RoomLight, tone_table
from hcmoco_bench.synth.room.shadows import ShadowCatcher

_NOISE_FRAMES = 4
_NOISE_UNIT = 32.0
_KEY_FRAMES = 8


def _even(box: Box, width: int, height: int) -> Box:
    """The smallest box with even corners around a box."""
    left, top = box.x // 2 * 2, box.y // 2 * 2
    right, bottom = min(-(-(box.x + box.width) // 2) * 2, width), min(-(-(box.y + box.height) // 2) * 2, height)
    return Box(left, top, right - left, bottom - top)


def _around(boxes: Sequence[Box]) -> Box:
    """The smallest box with all the boxes in it."""
    left, top = min(box.x for box in boxes), min(box.y for box in boxes)
    right, bottom = max(box.x + box.width for box in boxes), max(box.y + box.height for box in boxes)
    return Box(left, top, right - left, bottom - top)


def _noise_deviation(strength: float) -> NDArray[np.float32]:
    """(256,) deviation of the noise in luma steps by luma: read and shot noise through a gamma curve."""
    luma = np.arange(256) / 255.0
    return (strength * (0.6 + 1.6 * np.sqrt(luma) * np.exp(-1.2 * luma))).astype(np.float32)


class ColorCamera:
    """Turns the people of each frame into a finished image.

    Args:
        view: Where the camera is.
        backdrop: The room as it sees it.
        catcher: For shadows on the room.
        light: The room's light.
        rng: Decides white balance and noise; None switches noise off (and keeps white balance neutral).
    """

    def __init__(
        self,
        view: View,
        backdrop: Backdrop,
        catcher: ShadowCatcher,
        light: RoomLight,
        rng: np.random.Generator | None,
    ) -> None:
        self.view, self._catcher, self._light, self._rng = view, catcher, light, rng
        device = catcher.device
        luma = backdrop.radiance @ np.array([0.2126, 0.7152, 0.0722], np.float32)
        exposure = 0.36 / float(np.median(luma[::4, ::4]) * 0.6 + luma[::4, ::4].mean() * 0.4)
        balance = np.ones(3)
        # The camera's automatic white balance removes most of the light's color.
        cast = light.lobes.sum(axis=0)
        balance = (cast.mean() / cast) ** 0.75
        if rng is not None:
            exposure *= rng.uniform(0.85, 1.15)
            balance = balance * np.exp(rng.normal(0, 0.025, 3))
        self._gain = exposure * balance * ((TONE_STEPS - 1) / TONE_TOP)
        table = tone_table(TONE_STEPS, TONE_TOP)
        self._response = wp.array(table, dtype=wp.uint8, device=device)
        self._room_z = wp.array(backdrop.z, dtype=float, device=device)
        entries = np.clip(backdrop.radiance * self._gain.astype(np.float32), 0, TONE_STEPS - 1).astype(np.uint16)
        self.vignette = _vignette(view)
        image = cv2.GaussianBlur(table[entries], (0, 0), 0.55)
        self._room = np.asarray(cv2.multiply(image, cv2.merge([self.vignette] * 3), scale=1 / 255), np.uint8)
        planes = np.asarray(cv2.cvtColor(self._room, cv2.COLOR_RGB2YUV_I420), np.uint8)
        self._planes = [planes]
        self._noise: list[NDArray[np.int8]] = []
        if rng is not None:
            self._deviation = _noise_deviation(float(rng.uniform(0.7, 1.4)))
            for _ in range(_NOISE_FRAMES):
                self._noise.append(_noise_tile(rng, view.camera.width, view.camera.height))
            self._planes = [self._noisy(planes, noise) for noise in self._noise]
        self._sky: tuple[wp.array, wp.array] | None = None

    def _noisy(self, planes: NDArray[np.uint8], noise: NDArray[np.int8]) -> NDArray[np.uint8]:
        """I420 planes with the noise (of unit deviation _NOISE_UNIT) added to their luma."""
        height = (
            self.view.camera.height if planes.shape[0] == self.view.camera.height * 3 // 2 else planes.shape[0] * 2 // 3
        )
        luma = planes[:height]
        deviation = cv2.LUT(luma, self._deviation)
        change = cv2.multiply(noise, deviation, scale=1 / _NOISE_UNIT, dtype=cv2.CV_32F)
        result = planes.copy()
        result[:height] = cv2.add(luma, change, dtype=cv2.CV_8U)
        return result

    def expose(self, people: People, irradiance: wp.array) -> NDArray[np.uint8]:
        """The image with the people where they are now.

        Args:
            people: The people.
            irradiance: Light on their vertices, from `People.light`.

        Returns:
            (H * 3 / 2, W) uint8: the planes Y, U, V of 4:2:0 video one below the other (I420, BT.601, limited range).
        """
        camera = self.view.camera
        choice = 0 if self._rng is None else int(self._rng.integers(_NOISE_FRAMES))
        frame = self._planes[choice].copy()
        shadows = self._catcher.shade(people.surface)
        seen = people.in_color(self.view, irradiance, self._room_z, self._response, self._gain)
        boxes = [shadow[0] for shadow in shadows] + ([] if seen is None else [seen[0]])
        if not boxes:
            return frame
        box = _even(_around(boxes), camera.width, camera.height)
        patch = self._room[box.slices].copy()
        for place, factor in shadows:
            part = _inside(place, box)
            patch[part] = cv2.multiply(patch[part], cv2.merge([factor] * 3), scale=1 / 255)
        if seen is not None:
            part = _inside(seen[0], box)
            patch[part] = _over(patch[part], seen[1], seen[2], self.vignette[seen[0].slices])
        planes = np.asarray(cv2.cvtColor(patch, cv2.COLOR_RGB2YUV_I420), np.uint8)
        if self._rng is not None:
            planes = self._noisy(planes, self._noise[choice][box.slices])
        _paste(frame, planes, box, camera.width, camera.height)
        return frame


def _inside(inner: Box, outer: Box) -> tuple[slice, slice]:
    """Where the inner box is in an image of the outer one."""
    return Box(inner.x - outer.x, inner.y - outer.y, inner.width, inner.height).slices


def _over(
    room: NDArray[np.uint8], people: NDArray[np.uint8], cover: NDArray[np.uint8], vignette: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Lay people over a room with edges as soft as a lens and a mosaic make them."""
    people = np.asarray(cv2.multiply(people, cv2.merge([vignette] * 3), scale=1 / 255), np.uint8)
    sharp = np.where(cover[..., None] > 0, people, room)
    soft = cv2.GaussianBlur(sharp, (3, 3), 0.75)
    touched = cv2.dilate(cover, np.ones((3, 3), np.uint8))
    return np.where(touched[..., None] > 0, soft, room)


def _paste(frame: NDArray[np.uint8], planes: NDArray[np.uint8], box: Box, width: int, height: int) -> None:
    """Put the I420 planes of an even box into those of a frame."""
    frame[box.slices] = planes[: box.height]
    half = Box(box.x // 2, box.y // 2, box.width // 2, box.height // 2)
    chroma = frame[height:].reshape(2, height // 2, width // 2)
    chroma[(slice(None), *half.slices)] = planes[box.height :].reshape(2, half.height, half.width)


def _vignette(view: View) -> NDArray[np.uint8]:
    """(H, W) uint8 factor on displayed values by the natural fall-off of light towards the corners, half corrected."""
    camera = view.camera
    x = (np.arange(camera.width) - camera.cx) / camera.fx
    y = (np.arange(camera.height) - camera.cy) / camera.fy
    cosine_squared = 1 / (1 + x[None] ** 2 + y[:, None] ** 2)
    return np.round(255 * cosine_squared ** (2 * 0.3 / 2.2)).astype(np.uint8)


def _noise_tile(rng: np.random.Generator, width: int, height: int) -> NDArray[np.int8]:
    """(height, width) noise of deviation _NOISE_UNIT, slightly correlated between neighbors as a mosaic makes it."""
    small = rng.normal(0, 1, (height // 2 + 9, width // 2 + 9)).astype(np.float32)
    small = np.asarray(cv2.GaussianBlur(small, (3, 3), 0.6), np.float32)
    small *= _NOISE_UNIT / small.std()
    tile = np.clip(np.round(small), -127, 127).astype(np.int8)
    # Four different corners of one field are cheaper than four times the random numbers.
    rows = [np.concatenate([tile[i : i + height // 2, j : j + width // 2] for j in (0, 9)], axis=1) for i in (9, 0)]
    rows[1] = np.ascontiguousarray(rows[1][:, ::-1])
    return np.concatenate(rows, axis=0)
