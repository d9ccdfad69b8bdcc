"""Cloth: plain colors, stripes, checks, prints, denim and knits, as functions on the body's surface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.synth.clothing.surface_fields import SurfaceFields

Floats = NDArray[np.float32]
Color = tuple[float, float, float]

PATTERNS = ("plain", "stripes", "pinstripes", "checks", "print", "denim", "knit", "dots")
"""Names of the patterns."""


def blotches(
    fields: SurfaceFields, rng: np.random.Generator, per_meter: float, count: int = 7, squash: Color = (1, 1, 1)
) -> Floats:
    """Smooth noise of about unit size with `per_meter` cycles a meter; `squash` scales the axes' frequencies."""
    total = np.zeros(len(fields), np.float32)
    for _ in range(count):
        direction = rng.normal(0, 1, 3)
        direction *= per_meter * rng.uniform(0.5, 1.5) / np.linalg.norm(direction) * np.array(squash)
        kx, ky, kz = (2 * np.pi * direction).astype(np.float32)
        total += np.sin(kx * fields.x + ky * fields.y + kz * fields.z + np.float32(rng.uniform(0, 2 * np.pi)))
    return total / np.float32(np.sqrt(count / 2))


def soft_step(value: NDArray[np.floating[Any]], width: float) -> Floats:
    """0 below -width/2, 1 above width/2, linear between."""
    return np.asarray(np.clip(value / np.float32(width) + np.float32(0.5), 0, 1), np.float32)


def mix(
    one: NDArray[np.floating[Any]] | Color, two: NDArray[np.floating[Any]] | Color, share: NDArray[np.floating[Any]]
) -> Floats:
    """(n, 3) colors between one and two."""
    first, second = np.asarray(one, np.float32), np.asarray(two, np.float32)
    return np.asarray(first + share[:, None] * (second - first), np.float32)


@dataclass(frozen=True)
class Cloth:
    """A cloth's look.

    Attributes:
        pattern: One of `PATTERNS`.
        color: Main sRGB color, 0..255.
        second: Color of stripes, checks, dots or the print.
        period: Of the pattern, meters.
        share: Of the second color, 0..1.
        across: True turns stripes to run along the body and the limbs.
        seed: Of its noise.
    """

    pattern: str
    color: Color
    second: Color
    period: float
    share: float
    across: bool
    seed: int

    def paint(self, fields: SurfaceFields) -> Floats:
        """(n, 3) sRGB 0..255 of the cloth at points of the surface."""
        rng = np.random.default_rng(self.seed)
        along, around = _cloth_coordinates(fields, self.period)
        period = np.float32(self.period)
        main = np.broadcast_to(np.array(self.color, np.float32), (len(fields), 3))
        match self.pattern:
            case "stripes" | "pinstripes":
                way = around if self.across else along
                edge = 0.25 if self.pattern == "stripes" else 0.6
                color = mix(main, self.second, _bars(way / period, self.share, edge))
            case "checks":
                one, two = _bars(along / period, 0.5, 0.2), _bars(around / period, 0.5, 0.2)
                fine = _bars(along / period * 2 + 0.25, 0.12, 0.1) + _bars(around / period * 2 + 0.25, 0.12, 0.1)
                color = mix(mix(main, self.second, 0.5 * (one + two)), (235, 235, 230), 0.35 * np.minimum(fine, 1))
            case "dots":
                row = np.floor(along / period)
                u, v = around / period + 0.5 * (row % 2), along / period
                radius = np.hypot(u - np.round(u), v - np.floor(v) - 0.5)
                color = mix(main, self.second, soft_step(np.float32(0.26) - radius, 0.12))
            case "print":
                color = mix(main, self.second, self._print(fields, rng))
            case "denim":
                worn = np.exp(-((fields.leg_round / 0.9) ** 2)) * np.exp(-(((fields.leg_along - 0.3) / 0.25) ** 2))
                color = mix(main, self.second, np.clip(0.45 * worn, 0, 1))
                color = color + (4 * blotches(fields, rng, 110, 5))[:, None]
            case "knit":
                rib = np.sin(np.float32(2 * np.pi) * around / np.float32(0.009))
                color = main + (9 * rib)[:, None]
            case _:
                color = main
        weave = 0.02 * blotches(fields, rng, 45, 6) + 0.02 * blotches(fields, rng, 8, 5)
        return np.asarray(color * (1 + weave)[:, None], np.float32)

    def _print(self, fields: SurfaceFields, rng: np.random.Generator) -> Floats:
        """A made-up emblem and lines of lettering on the chest."""
        middle = np.float32(rng.uniform(0.4, 0.45))
        x, y = fields.x, fields.y - middle
        front = (fields.z > 0.06) & (fields.arm < 0.4)
        kind = rng.integers(3)
        if kind == 0:
            shape = soft_step(np.float32(rng.uniform(0.05, 0.085)) - np.hypot(x, y), 0.006)
            cut = np.hypot(x - 0.02, y - 0.015)
            shape *= soft_step(cut - np.float32(0.025), 0.006)
        elif kind == 1:
            letters = (np.sin(x * 2 * np.pi / 0.021 + 3 * np.sin(x * 61)) > -0.35) & (np.abs(x) < 0.1)
            lines = (np.abs(y) < 0.021) | ((np.abs(y + 0.045) < 0.009) & (np.abs(x) < 0.07))
            shape = (letters & lines).astype(np.float32)
        else:
            wide = np.float32(rng.uniform(0.07, 0.1))
            shape = ((np.abs(x) < wide) & (np.abs(y) < 0.75 * wide)).astype(np.float32)
            shape *= 0.6 + 0.4 * np.tanh(3 * blotches(fields, rng, 18))
        return np.asarray(np.clip(shape, 0, 1) * front, np.float32)


def _bars(phase: Floats, share: float, edge: float) -> Floats:
    """1 inside bars that take `share` of each turn of `phase`, with soft edges."""
    distance = np.abs(phase - np.round(phase))
    return soft_step(np.float32(share / 2) - distance, edge * max(share, 0.05))


def _cloth_coordinates(fields: SurfaceFields, period: float) -> tuple[Floats, Floats]:
    """Meters along and around the trunk or limb that a point belongs to; a whole number of periods goes round each."""
    on_arm = fields.arm > 0.5
    on_leg = ~on_arm & (fields.leg_along > 0.12) & (fields.leg > 0.6)
    along = np.where(on_arm, np.float32(0.45) * fields.arm_along, fields.y)
    trunk = np.arctan2(fields.x / np.float32(0.15), (fields.z - np.float32(0.05)) / np.float32(0.1))
    turn = np.where(on_arm, fields.arm_round, np.where(on_leg, fields.leg_round, trunk))
    girths = [np.float32(2 * np.pi * radius) for radius in (0.05, 0.075, 0.13)]
    periods = [np.float32(max(round(float(girth) / period), 1) * period / (2 * np.pi)) for girth in girths]
    around = turn * np.where(on_arm, periods[0], np.where(on_leg, periods[1], periods[2]))
    return along, np.asarray(around, np.float32)
