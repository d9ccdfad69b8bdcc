"""Skin, face and hair: drawn into the texture, with the hair pushed outwards for volume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.synth.clothing.cloth import Color, blotches, mix, soft_step
from hcmoco_bench.synth.clothing.surface_fields import SurfaceFields

Floats = NDArray[np.float32]

_HAIRLINE = (
    (-0.05, 0.642), (0.0, 0.655), (0.03, 0.69), (0.05, 0.712),
    (0.065, 0.735), (0.085, 0.765), (0.105, 0.785), (0.16, 0.79),
)  # fmt: skip
"""(z, y) of the hair's lower edge round the head of the base mesh, meters."""

_FLUSH = np.array([1.03, 0.86, 0.84], np.float32)
"""What blood does to a skin's color."""


@dataclass(frozen=True)
class Head:
    """Skin tone and what is on the head.

    Attributes:
        skin: sRGB.
        hair: sRGB.
        eyes: sRGB of the irises.
        volume: How far hair stands off the scalp, meters.
        length: Additional meters that hair reaches down at the sides and the nape.
        bald: 0 full hair .. 1 bald crown.
        fringe: Meters that hair hangs into the forehead.
        beard: 0..1 strength of stubble or beard.
        lips: 0 natural .. 1 lipstick.
        hanging: Height (base mesh) down to which long hair hangs on the back; None for short hair.
        seed: Of the noise.
    """

    skin: Color
    hair: Color
    eyes: Color
    volume: float
    length: float
    bald: float
    fringe: float
    beard: float
    lips: float
    hanging: float | None
    seed: int

    def hair_cover(self, fields: SurfaceFields) -> Floats:
        """0..1 where the hair is."""
        z = fields.z
        behind, heights = np.array(_HAIRLINE).T
        edge = np.interp(z, behind, heights).astype(np.float32)
        back = np.clip((np.float32(0.055) - z) / np.float32(0.03), 0, 1)
        edge = edge - np.float32(self.length) * back - np.float32(self.fringe) * np.clip((z - 0.075) / 0.04, 0, 1)
        rng = np.random.default_rng(self.seed)
        edge = edge + np.float32(0.004) * blotches(fields, rng, 30, 5)
        ear = (np.abs(fields.x) > 0.0745) & (fields.y < 0.745) & (fields.y > 0.67) & (z > 0.015) & (z < 0.075)
        # A bald crown reaches to the forehead.
        crown = np.hypot(fields.x, np.minimum(z - np.float32(0.05), 0)) - np.float32(0.055 + 0.035 * self.bald)
        shown = soft_step(fields.y - edge, 0.008) * (fields.neck > 0.3) * (fields.y > 0.56)
        if self.length < 0.03:
            shown = shown * ~ear
        if self.bald > 0:
            shown = shown * np.where(fields.y > 0.74, soft_step(crown, 0.015), 1)
        return np.asarray(shown, np.float32)

    def hair_stand_off(self, fields: SurfaceFields) -> Floats:
        """Meters off the scalp; more on the crown, uneven."""
        rng = np.random.default_rng(self.seed + 1)
        uneven = 1 + 0.25 * blotches(fields, rng, 12, 5) + 0.12 * blotches(fields, rng, 35, 5)
        low = np.clip((0.72 - fields.y) / 0.1, 0, 1) * min(self.length / 0.05, 1.5)
        ear = np.clip(1 - np.hypot(fields.y - 0.71, fields.z - 0.045) / 0.05, 0, 1) * (np.abs(fields.x) > 0.07)
        return np.asarray(self.volume * np.clip(uneven, 0.3, 2) * (1 + 0.6 * low) * (1 - 0.8 * ear), np.float32)

    def paint_hair(self, fields: SurfaceFields) -> Floats:
        """(n, 3) sRGB of hair: strands from the crown down, lighter and darker."""
        rng = np.random.default_rng(self.seed + 2)
        around = np.arctan2(fields.x, fields.z - np.float32(0.05))
        strands = np.sin(around * 70 + 5 * blotches(fields, rng, 9, 4)) * 0.5 + 0.5 * np.sin(
            around * 23 + fields.y * 40
        )
        shine = np.exp(-(((fields.y - 0.8) / 0.02) ** 2))
        gain = 1 + 0.16 * strands + 0.15 * blotches(fields, rng, 14, 5) + 0.2 * shine
        return np.asarray(np.array(self.hair, np.float32) * np.clip(gain, 0.5, 1.7)[:, None], np.float32)

    def paint_skin(self, fields: SurfaceFields) -> Floats:
        """(n, 3) sRGB of skin and face, without hair."""
        rng = np.random.default_rng(self.seed + 3)
        tone = 1 + 0.025 * blotches(fields, rng, 6, 6) + 0.015 * blotches(fields, rng, 40, 6)
        skin = np.array(self.skin, np.float32) * tone[:, None]
        knuckles = soft_step(fields.hand - 0.5, 0.3) * (0.5 + 0.5 * blotches(fields, rng, 30, 5))
        skin = mix(skin, skin * _FLUSH, np.clip(0.35 * knuckles, 0, 1))
        in_front = np.flatnonzero((fields.neck > 0.5) & (fields.z > 0.055))
        skin[in_front] = self._paint_face(skin[in_front], fields.at(in_front))
        return skin

    def _paint_face(self, skin: Floats, fields: SurfaceFields) -> Floats:
        """(n, 3) sRGB with cheeks, lips, brows, lashes, nostrils and beard."""
        x, y, z = np.abs(fields.x), fields.y, fields.z
        face = (fields.head > 0.5) & (z > 0.08)
        red, dark = skin * _FLUSH, skin * np.array([0.62, 0.5, 0.46], np.float32)
        cheeks = np.exp(-(((x - 0.04) / 0.018) ** 2) - ((y - 0.69) / 0.018) ** 2) * face
        nose = np.exp(-((x / 0.014) ** 2) - ((y - 0.69) / 0.014) ** 2) * face
        skin = mix(skin, red, (0.3 * cheeks + 0.25 * nose).astype(np.float32))
        lip_edge = 0.0085 * np.sqrt(np.clip(1 - (x / 0.0275) ** 2, 0, 1))
        lips = soft_step((lip_edge - np.abs(y - 0.6575 + 0.12 * x)).astype(np.float32), 0.003) * (
            face & (z > 0.12) & (x < 0.0275)
        )
        natural, stick = skin * [0.86, 0.66, 0.64], np.array([168, 44, 58], np.float32)
        skin = mix(skin, mix(natural, stick, np.full(len(x), 0.7 * self.lips, np.float32)), lips)
        skin = mix(skin, dark, soft_step(0.0014 - np.abs(y - 0.6585 + 0.12 * x), 0.0015) * (lips > 0.5))
        arch = 0.7455 + 0.004 * np.sin(np.clip((x - 0.014) / 0.04, 0, 1) * np.pi) - 0.06 * np.clip(x - 0.045, 0, 1)
        brow = soft_step((0.0036 - np.abs(y - arch)).astype(np.float32), 0.0025) * (x > 0.013) * (x < 0.053) * face
        socket = np.exp(-(((x - 0.031) / 0.02) ** 2) - ((y - 0.729) / 0.011) ** 2) * face
        skin = mix(skin, dark, (0.4 * socket).astype(np.float32))
        lash = soft_step((0.0018 - np.abs(y - (0.7335 - 4.5 * (x - 0.031) ** 2))).astype(np.float32), 0.002)
        skin = mix(skin, (28, 20, 18), 0.75 * lash * (np.abs(x - 0.031) < 0.0165) * face)
        skin = mix(skin, np.array(self.hair, np.float32) * 0.75, 0.8 * brow)
        nostril = soft_step((0.004 - np.hypot(x - 0.0075, y - 0.681)).astype(np.float32), 0.003) * (face & (z > 0.13))
        skin = mix(skin, dark, 0.8 * nostril)
        jaw = soft_step(0.682 - y + 0.25 * (x - 0.03), 0.02) * soft_step(y - 0.612, 0.02) * soft_step(z - 0.065, 0.02)
        chin = jaw * (1 - lips) * (fields.neck > 0.5)
        moustache = soft_step(0.006 - np.abs(y - 0.672), 0.004) * (x < 0.03) * face
        strength = self.beard * np.clip(np.maximum(chin, moustache), 0, 1)
        return np.asarray(mix(skin, np.array(self.hair, np.float32) * 0.8, strength.astype(np.float32)), np.float32)

    def paint_eyes(self, fields: SurfaceFields) -> Floats:
        """(n, 3) sRGB of the eyeballs."""
        x, y, z = np.abs(fields.x) - 0.0303, fields.y - 0.7275, fields.z
        radius = np.hypot(x, y) + 0.02 * (z < 0.11)
        white = np.broadcast_to(np.array([222, 214, 206], np.float32), (len(fields), 3))
        color = mix(white, self.eyes, soft_step(np.asarray(0.0062 - radius, np.float32), 0.001))
        color = mix(color, (18, 14, 12), soft_step(np.asarray(0.0028 - radius, np.float32), 0.001))
        return np.asarray(color, np.float32)
