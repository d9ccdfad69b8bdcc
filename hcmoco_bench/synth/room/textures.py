"""Procedural surfaces of rooms: plaster, carpet, wood, tiles, cloth, posters, books, what is seen through a window.

Every texture is a square sRGB albedo image (SIZE, SIZE, 3) uint8; those that repeat tile without a seam.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

SIZE = 256
"""Width and height of every texture, px."""

Image = NDArray[np.uint8]
_Field = NDArray[np.float32]


def _noise(rng: np.random.Generator, cells_x: int, cells_y: int) -> _Field:
    """Smooth seamless noise of about unit deviation, with so many cells across and down."""
    coarse = rng.normal(0, 1, (cells_y, cells_x)).astype(np.float32)
    padded = np.pad(coarse, 2, mode="wrap")
    scale_x, scale_y = SIZE / cells_x, SIZE / cells_y
    size = (round((cells_x + 4) * scale_x), round((cells_y + 4) * scale_y))
    smooth = cv2.resize(padded, size, interpolation=cv2.INTER_CUBIC)
    left, top = round(2 * scale_x), round(2 * scale_y)
    return np.asarray(smooth[top : top + SIZE, left : left + SIZE], np.float32)


def _clouds(rng: np.random.Generator, cells: int, octaves: int = 4) -> _Field:
    total = np.zeros((SIZE, SIZE), np.float32)
    for octave in range(octaves):
        total += _noise(rng, cells << octave, cells << octave) * 0.55**octave
    return total / np.float32(1.2)


def _tinted(color: ArrayLike, change: _Field) -> Image:
    """A color (3,) 0..255 brightened by a relative change (SIZE, SIZE)."""
    tinted: _Field = np.asarray(color, np.float32) * (1 + change[..., None])
    return np.clip(tinted, 0, 255).astype(np.uint8)


def plain(rng: np.random.Generator, color: ArrayLike) -> Image:
    """Paint, plastic or metal: nearly uniform."""
    return _tinted(color, 0.012 * _clouds(rng, 4))


def plaster(rng: np.random.Generator, color: ArrayLike) -> Image:
    """A painted wall: faint unevenness and grain."""
    return _tinted(color, 0.005 * _clouds(rng, 2) + 0.008 * rng.normal(0, 1, (SIZE, SIZE)).astype(np.float32))


def carpet(rng: np.random.Generator, color: ArrayLike) -> Image:
    """Office carpet: fibres and worn patches."""
    grain = np.pad(rng.normal(0, 1, (SIZE, SIZE)).astype(np.float32), 4, mode="wrap")
    fibre = np.asarray(cv2.GaussianBlur(grain, (0, 0), 0.8)[4:-4, 4:-4], np.float32)
    return _tinted(color, 0.22 * fibre + 0.015 * _clouds(rng, 5))


def wood(rng: np.random.Generator, color: ArrayLike, planks: int = 1) -> Image:
    """Wood with the grain along u; `planks` boards of slightly different tone, 1 for a table top."""
    grain = 0.05 * _noise(rng, 2, 48) + 0.035 * _noise(rng, 4, 120) + 0.03 * _clouds(rng, 3)
    image = grain
    if planks > 1:
        rows = SIZE // planks
        tone = np.repeat(rng.normal(0, 0.09, planks), rows)
        tone = np.pad(tone, (0, SIZE - len(tone)), mode="edge")
        image = grain + tone[:, None].astype(np.float32)
        for row in range(planks):
            image[row * rows] -= 0.35
            joint = int(rng.integers(SIZE))
            image[row * rows : (row + 1) * rows, joint] -= 0.3
    return _tinted(color, image)


def tiles(rng: np.random.Generator, color: ArrayLike, count: int = 4) -> Image:
    """Ceramic or vinyl tiles with joints."""
    edge = SIZE // count
    tone = np.kron(rng.normal(0, 0.03, (count, count)), np.ones((edge, edge))).astype(np.float32)
    tone += 0.03 * _clouds(rng, 6)
    for line in range(count):
        tone[line * edge : line * edge + 2] -= 0.25
        tone[:, line * edge : line * edge + 2] -= 0.25
    return _tinted(color, tone)


def cloth(rng: np.random.Generator, color: ArrayLike) -> Image:
    """Woven fabric of seats and curtains."""
    weave = np.sin(np.arange(SIZE) * (2 * np.pi * 64 / SIZE)).astype(np.float32)
    return _tinted(color, 0.05 * weave[:, None] * weave[None] + 0.02 * _clouds(rng, 5))


def ceiling(rng: np.random.Generator) -> Image:
    """Mineral-fibre ceiling tiles, one a texture."""
    tone = 0.02 * rng.normal(0, 1, (SIZE, SIZE)).astype(np.float32)
    tone[:3] -= 0.2
    tone[:, :3] -= 0.2
    return _tinted((225, 224, 220), tone)


def _random_color(rng: np.random.Generator, low: int = 20, high: int = 235) -> tuple[int, int, int]:
    color = rng.integers(low, high, 3)
    # Printed things are less saturated than chance would have them.
    red, green, blue = (int(value) for value in 0.5 * color + 0.5 * color.mean())
    return red, green, blue


def poster(rng: np.random.Generator) -> Image:
    """A poster: a title bar, blocks of lines, an image of smooth shapes."""
    image = np.full((SIZE, SIZE, 3), rng.integers(200, 250, 3), np.uint8)
    cv2.rectangle(image, (0, 0), (SIZE, int(rng.integers(25, 60))), _random_color(rng), -1)
    for _ in range(int(rng.integers(3, 9))):
        center = (int(rng.integers(SIZE)), int(rng.integers(60, SIZE)))
        cv2.circle(image, center, int(rng.integers(10, 55)), _random_color(rng), -1, cv2.LINE_AA)
    left = int(rng.integers(10, 120))
    for row in range(int(rng.integers(70, 140)), SIZE - 10, 8):
        cv2.line(image, (left, row), (left + int(rng.integers(40, 110)), row), (60, 60, 60), 2)
    return image


def books(rng: np.random.Generator) -> Image:
    """Backs of books and folders on a shelf board, standing along u, with dark gaps above them."""
    image = np.full((SIZE, SIZE, 3), 28, np.uint8)
    column = 0
    while column < SIZE:
        width = int(rng.integers(5, 22))
        top = int(rng.integers(10, 90))
        color = _random_color(rng, 30, 220)
        cv2.rectangle(image, (column, top), (column + width - 2, SIZE), color, -1)
        label = top + int(rng.integers(15, 60))
        cv2.rectangle(image, (column + 1, label), (column + width - 3, label + 20), (225, 220, 210), -1)
        column += width + (int(rng.integers(10, 50)) if rng.random() < 0.08 else 0)
    return image


def outside(rng: np.random.Generator) -> Image:
    """What a window shows: a bright sky over blurred buildings and trees."""
    rows = np.linspace(0, 1, SIZE, dtype=np.float32)[:, None, None]
    image = (1 - rows) * np.array([215, 230, 250], np.float32) + rows * np.array([240, 242, 240], np.float32)
    image = np.repeat(image, SIZE, axis=1)
    for _ in range(int(rng.integers(3, 8))):
        left, width = int(rng.integers(-20, SIZE)), int(rng.integers(25, 90))
        top = int(rng.integers(90, 190))
        shade = tuple(float(v) for v in rng.integers(90, 190) + rng.normal(0, 8, 3))
        cv2.rectangle(image, (left, top), (left + width, SIZE), shade, -1)
    for _ in range(int(rng.integers(0, 8))):
        center = (int(rng.integers(SIZE)), int(rng.integers(190, SIZE)))
        cv2.circle(image, center, int(rng.integers(15, 45)), (118, 135, 112), -1)
    return np.asarray(cv2.GaussianBlur(np.clip(image, 0, 255), (0, 0), 4.0), np.uint8)


def clock(rng: np.random.Generator) -> Image:
    """A clock's face at some time of day."""
    image = np.full((SIZE, SIZE, 3), 240, np.uint8)
    middle = SIZE // 2
    cv2.circle(image, (middle, middle), 118, (150, 150, 155), 12, cv2.LINE_AA)
    for hour in range(12):
        angle = hour * np.pi / 6
        spot = (round(middle + 98 * np.cos(angle)), round(middle + 98 * np.sin(angle)))
        cv2.circle(image, spot, 6, (30, 30, 30), -1, cv2.LINE_AA)
    for length, thickness in ((55, 8), (85, 5)):
        angle = rng.uniform(0, 2 * np.pi)
        tip = (round(middle + length * np.cos(angle)), round(middle + length * np.sin(angle)))
        cv2.line(image, (middle, middle), tip, (20, 20, 20), thickness, cv2.LINE_AA)
    return image


def leaves(rng: np.random.Generator) -> Image:
    """Foliage."""
    return _tinted((58, 92, 40), 0.35 * _clouds(rng, 12))


def whiteboard(rng: np.random.Generator) -> Image:
    """A whiteboard with some lines and sketches left on it."""
    image = np.full((SIZE, SIZE, 3), 236, np.uint8)
    for _ in range(int(rng.integers(0, 9))):
        color = ((40, 40, 60), (30, 60, 150), (170, 40, 40))[int(rng.integers(3))]
        start = rng.integers(20, 190, 2)
        points = start + np.cumsum(rng.integers(-4, 9, (int(rng.integers(5, 25)), 2)), axis=0)
        cv2.polylines(image, [points.astype(np.int32)], False, color, 1, cv2.LINE_AA)
    return image
