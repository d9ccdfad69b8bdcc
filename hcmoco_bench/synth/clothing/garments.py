"""Garments: where they cover the body, how far they stand off it, and how they are drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.synth.clothing.cloth import Cloth, Color, blotches, mix, soft_step
from hcmoco_bench.synth.clothing.surface_fields import SurfaceFields

Floats = NDArray[np.float32]

_EDGE = 0.004
"""Width, meters, over which a garment's edge is drawn."""


@dataclass(frozen=True)
class Top:
    """T-shirt, pullover, shirt or jacket.

    Attributes:
        cloth: Its look.
        sleeve: Where the sleeves end along the arm: 0.3 short, 1 at the wrist.
        hem: Height of the lower edge in the base mesh, meters.
        neck: `crew`, `v`, `collar` or `hood`.
        ease: How far it stands off the body, meters.
        trim: Color of collar, cuffs, buttons and zip.
        inner: What an open jacket shows in front; None if closed.
        buttons: Whether a line of buttons (or a zip) runs down the front.
    """

    cloth: Cloth
    sleeve: float
    hem: float
    neck: str
    ease: float
    trim: Color
    inner: Cloth | None
    buttons: bool

    def neckline(self, fields: SurfaceFields) -> Floats:
        """How far below (or outside of) the neck's edge a point is, meters; negative on the neck."""
        front = np.clip((fields.z - np.float32(0.02)) / np.float32(0.08), 0, 1)
        drop = {"crew": 0.035, "v": 0.03, "collar": 0.0, "hood": 0.0}[self.neck]
        edge = np.float32(0.605) - np.float32(drop) * front
        if self.neck == "v":
            edge = edge - np.clip(np.float32(0.1) - 1.6 * np.abs(fields.x), 0, None) * front
        outwards = np.float32(0.5) * np.clip(np.abs(fields.x) - np.float32(0.055), 0, None)
        return np.asarray(edge - fields.y + outwards, np.float32)

    def cover(self, fields: SurfaceFields) -> Floats:
        """0..1 where the garment is."""
        trunk = np.minimum(soft_step(fields.y - np.float32(self.hem), _EDGE), soft_step(self.neckline(fields), _EDGE))
        sleeves = soft_step(np.float32(self.sleeve) - fields.arm_along, 2 * _EDGE)
        return np.where(fields.arm > 0.35, sleeves, trunk * (fields.arm <= 0.35)).astype(np.float32)

    def stand_off(self, fields: SurfaceFields) -> Floats:
        """Meters off the body."""
        on_arm = fields.arm > 0.35
        flare = np.clip(fields.arm_along / max(self.sleeve, 0.1), 0, 1)
        sleeve = self.ease * (0.55 + (0.9 if self.sleeve < 0.7 else 0.25) * flare)
        cuff = np.clip((fields.arm_along - 0.9) / 0.08, 0, 1) * (self.sleeve > 0.9)
        low = np.clip((0.3 - fields.y) / 0.3, 0, 1)
        trunk = self.ease * (0.6 + 0.35 * low)
        near_neck = np.clip(self.neckline(fields) / 0.06, 0.25, 1)
        return np.asarray(np.where(on_arm, sleeve * (1 - 0.6 * cuff), trunk * near_neck), np.float32)

    def paint(self, fields: SurfaceFields) -> Floats:
        """(n, 3) sRGB of the garment."""
        color = self.cloth.paint(fields)
        trunk = fields.arm < 0.35
        front = trunk & (fields.z > 0.03)
        away = np.abs(fields.x)
        if self.inner is not None:
            gap = np.float32(0.028) + np.float32(0.06) * np.clip(0.55 - fields.y, 0, 0.6)
            shown = soft_step(gap - away, _EDGE) * front
            color = mix(color, self.inner.paint(fields), shown)
            color = mix(color, self.trim, soft_step(np.float32(0.008) - np.abs(away - gap), _EDGE) * front)
        elif self.buttons:
            button = np.hypot(fields.x, (fields.y / 0.075 - np.round(fields.y / 0.075)) * 0.075)
            color = mix(color, self.trim, 0.35 * soft_step(np.float32(0.002) - np.abs(away - 0.016), 0.003) * front)
            color = mix(color, self.trim, soft_step(np.float32(0.0055) - button, 0.003) * front)
        edge = self.neckline(fields)
        band = {"crew": 0.018, "v": 0.016, "collar": 0.036, "hood": 0.045}[self.neck]
        color = mix(color, self.trim, soft_step(np.float32(band) - edge, _EDGE) * trunk)
        dark = soft_step(np.float32(0.003) - np.abs(edge - np.float32(band)), _EDGE) * trunk
        cuffs = soft_step(fields.arm_along - np.float32(self.sleeve - 0.04), _EDGE) * ~trunk
        if self.neck in ("collar", "hood") or self.sleeve < 0.7:
            color = mix(color, self.trim, cuffs * 0.8)
        hem_line = soft_step(np.float32(0.002) - np.abs(fields.y - np.float32(self.hem + 0.02)), 0.003) * trunk
        return np.asarray(color * (1 - 0.35 * dark - 0.2 * hem_line)[:, None], np.float32)


@dataclass(frozen=True)
class Bottom:
    """Trousers, shorts, or a skirt (whose cloth hangs on the skirt surface; here only what is under it).

    Attributes:
        cloth: Its look.
        length: Where the legs end: 1 at the ankle, 0.45 above the knee.
        waist: Height of the upper edge in the base mesh, meters.
        ease: How far it stands off the body, meters.
        flare: Additional distance at the hem, meters.
        belt: Color of the belt; None without.
        side_stripe: Color of stripes down the sides; None without.
        skirt: Height in the base mesh at which the skirt ends; None for legs.
    """

    cloth: Cloth
    length: float
    waist: float
    ease: float
    flare: float
    belt: Color | None
    side_stripe: Color | None
    skirt: float | None

    def cover(self, fields: SurfaceFields) -> Floats:
        """0..1 where the garment is."""
        below = soft_step(np.float32(self.waist) - fields.y, _EDGE)
        above = soft_step(np.float32(self.length) - fields.leg_along, 2 * _EDGE)
        return np.asarray(below * np.where(fields.leg_along > 0, above, 1) * (fields.arm < 0.3), np.float32)

    def stand_off(self, fields: SurfaceFields) -> Floats:
        """Meters off the body; wider towards the hem, less on the inner thigh where the legs meet."""
        down = np.clip(fields.leg_along / max(self.length, 0.1), 0, 1)
        inner = np.clip(-np.sin(fields.leg_round), 0, 1) * np.clip(1.2 - 2 * fields.leg_along, 0, 1)
        fitted = np.clip((self.waist - fields.y) / 0.16, 0.25, 1)
        off = (self.ease * (0.5 + 0.7 * down) * fitted + self.flare * down**2) * (1 - 0.7 * inner)
        return np.asarray(off, np.float32)

    def paint(self, fields: SurfaceFields) -> Floats:
        """(n, 3) sRGB of the garment."""
        color = self.cloth.paint(fields)
        seam = np.abs(np.abs(fields.leg_round) - np.float32(np.pi / 2)) * 0.07
        color = color * (1 - 0.18 * soft_step(np.float32(0.0025) - seam, 0.003))[:, None]
        if self.side_stripe is not None:
            side = np.abs(fields.leg_round - np.float32(np.pi / 2)) * np.float32(0.075)
            shown = soft_step(np.float32(0.018) - np.abs(side - 0.004), 0.003) * (fields.y < 0.05)
            gap = soft_step(np.float32(0.005) - np.abs(side - 0.004), 0.003)
            color = mix(color, self.side_stripe, shown * (1 - gap))
        front = (fields.z > 0.02) & (np.abs(fields.x) < 0.2)
        fly = soft_step(np.float32(0.002) - np.abs(fields.x - 0.012), 0.003) * front * (fields.y > -0.06)
        pocket = np.abs(fields.y - (self.waist - 0.04) + 0.9 * (np.abs(fields.x) - 0.1))
        pockets = (
            soft_step(np.float32(0.003) - pocket, 0.004)
            * (np.abs(fields.x) > 0.085)
            * (fields.z > 0)
            * (fields.y > -0.06)
        )
        back = soft_step(np.float32(0.0025) - np.abs(np.abs(np.abs(fields.x) - 0.08) - 0.045), 0.003) * (
            fields.z < -0.02
        )
        back = back * (fields.y < self.waist - 0.06) * (fields.y > self.waist - 0.2)
        seams = (1 - 0.25 * np.maximum(np.maximum(fly, pockets), back)).astype(np.float32)
        color = color * seams[:, None]
        if self.belt is not None:
            band = soft_step(np.float32(0.017) - np.abs(fields.y - np.float32(self.waist - 0.02)), _EDGE)
            color = mix(color, self.belt, band)
            buckle = np.maximum(np.abs(fields.x) / 0.022, np.abs(fields.y - (self.waist - 0.02)) / 0.018)
            color = mix(color, (178, 172, 155), soft_step(1 - buckle, 0.2) * front)
        return np.asarray(color, np.float32)


@dataclass(frozen=True)
class Shoes:
    """Shoes and socks.

    Attributes:
        color: Of the upper.
        sole_color: Of the sole.
        sole: Thickness, meters.
        height: How far up the leg, in `leg_along`; 1 at the ankle joint.
        sock: Color of the socks.
        sock_height: How far up the socks reach.
        lace: Color of laces and trim.
    """

    color: Color
    sole_color: Color
    sole: float
    height: float
    sock: Color
    sock_height: float
    lace: Color

    def cover(self, fields: SurfaceFields) -> Floats:
        """0..1 where the shoe is."""
        return soft_step(fields.leg_along - np.float32(self.height), 2 * _EDGE) * (fields.leg > 0.5)

    def sock_cover(self, fields: SurfaceFields) -> Floats:
        """0..1 where shoe or sock is."""
        return soft_step(fields.leg_along - np.float32(self.sock_height), 2 * _EDGE) * (fields.leg > 0.5)

    def paint(self, fields: SurfaceFields) -> Floats:
        """(n, 3) sRGB of the shoe."""
        rng = np.random.default_rng(int(sum(self.color)))
        color = np.broadcast_to(np.array(self.color, np.float32), (len(fields), 3))
        color = color * (1 + 0.05 * blotches(fields, rng, 25))[:, None]
        top = (fields.z > 0.03) & (fields.z < 0.13)
        lines = np.abs(fields.z / 0.018 - np.round(fields.z / 0.018)) < 0.22
        middle = np.abs(np.abs(fields.x) - 0.205) < 0.022
        color = mix(color, self.lace, (0.9 * (top & lines & middle & (fields.y > -0.775))).astype(np.float32))
        color = mix(color, self.lace, 0.6 * (np.abs(fields.y + 0.775) < 0.006).astype(np.float32) * (fields.z < 0.06))
        return np.asarray(mix(color, self.sole_color, soft_step(np.float32(-0.806) - fields.y, 0.003)), np.float32)
