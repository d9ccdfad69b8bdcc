"""A whole outfit: drawn to fit together, put on a body, and baked into the texture."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from hcmoco_bench.synth.body_data import base_mesh
from hcmoco_bench.synth.body_model import BONES, bone, joint_heads
from hcmoco_bench.synth.clothing.cloth import Cloth, blotches, mix
from hcmoco_bench.synth.clothing.garments import Bottom, Shoes, Top
from hcmoco_bench.synth.clothing.head import Head
from hcmoco_bench.synth.clothing.surface_fields import (
    SurfaceFields,
    body_normals,
    breast_tips,
    skirt_rows,
    smoothed,
    texel_fields,
    texel_surface,
    vertex_fields,
)
from hcmoco_bench.synth.figure_mesh import MOUTH_UV, texture_map, triangles

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
        """Rest vertices (19158, 3) with clothes, hair and shoes; metres."""
        fields = vertex_fields()
        on_body = np.zeros(len(bare), np.bool_)
        on_body[np.unique(triangles("body")[0])] = True
        top, bottom = self.top.cover(fields) * on_body, self.bottom.cover(fields) * on_body
        shoes, hair = self.shoes.cover(fields) * on_body, self.head.hair_cover(fields) * on_body
        loose = np.maximum(top * min(self.top.ease / 0.014, 1), bottom * min(self.bottom.ease / 0.014, 1))
        chest = top * (np.abs(fields.y - 0.39) < 0.08) * (fields.z > 0.05) * (fields.arm < 0.3)
        shape = smoothed(bare, np.maximum(0.75 * loose, 0.35 * hair), 14)
        shape = smoothed(smoothed(shape, 0.9 * chest, 40), top * breast_tips(), 250)
        shape = smoothed(shape, 0.9 * shoes, 60)
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
        shape = self._stand_on_soles(shape, bare, shoes)
        return self._hang_helpers(shape, bare)

    def _straight_legs(self, shape: NDArray[np.float64]) -> NDArray[np.float64]:
        """(19158,) metres by which the legs of wide trousers stand off more, to fall straight from the knee."""
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
        self, shape: NDArray[np.float64], bare: NDArray[np.float64], shoes: NDArray[np.float64]
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
        centre = bare[skirt].mean(0) * [0, 0, 1]
        away = (bare[skirt] - centre) * [1, 0, 1]
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
        uneven = 1 + 0.3 * blotches(fields, rng, 9, 5)
        out[hair] += (push * uneven * np.clip((0.82 - fields.y) / 0.1, 0, 1))[:, None] * away * [1, 0, 1]
        return out

    def visible(self, name: str) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.uint8]]:
        """Triangles of a helper surface that this outfit shows: (n, 3) vertices, (n, 3, 2) uv, (n,) parts."""
        faces, uv, parts = triangles(name)
        centre = np.repeat(base_mesh().vertices[faces].reshape(-1, 6, 3).mean(1), 2, 0)  # of the quads
        limit = self.bottom.skirt if name == "helper-skirt" else self.head.hanging
        if limit is None:
            shown = np.zeros(len(faces), np.bool_)
        elif name == "helper-skirt":
            rows = skirt_rows()
            last = np.abs(np.array([base_mesh().vertices[rows == row, 1].mean() for row in range(rows.max() + 1)]) - limit)
            shown = rows[faces].max(1) <= last.argmin()
        else:
            shown = (centre[:, 2] < 0.008) & (centre[:, 1] < 0.74) & (centre[:, 1] > limit)
        return faces[shown], uv[shown], parts[shown]

    def paint(self, size: int) -> NDArray[np.uint8]:
        """(size, size, 3) sRGB texture of the atlas."""
        fields = texel_fields()
        color = np.zeros((len(fields), 3), np.float32)
        body = texel_surface("body")
        color[body] = self._paint_body(fields.at(body))
        for name in ("helper-l-eye", "helper-r-eye"):
            picked = texel_surface(name)
            color[picked] = self.head.paint_eyes(fields.at(picked))
        picked = texel_surface("helper-skirt")
        color[picked] = self.bottom.cloth.paint(fields.at(picked))
        picked = texel_surface("helper-hair")
        color[picked] = self.head.paint_hair(fields.at(picked))
        image = np.zeros((size * size, 3), np.uint8)
        image[texture_map().texels] = np.clip(color + 0.5, 3, 252)
        image = image.reshape(size, size, 3)
        left, top = (int(value * size) for value in MOUTH_UV)
        image[top - 4 : top + 5, left - 4 : left + 5] = (58, 26, 26)
        return image

    def _paint_body(self, fields: SurfaceFields) -> NDArray[np.float32]:
        color = np.zeros((len(fields), 3), np.float32)

        def over(cover: NDArray[np.float32], garment: Head | Top | Bottom | Shoes, method: str = "paint") -> None:
            picked = np.flatnonzero(cover > 0)
            if len(picked):
                drawn = getattr(garment, method)(fields.at(picked))
                color[picked] = mix(color[picked], drawn, cover[picked])

        over(np.ones(len(fields), np.float32), self.head, "paint_skin")
        over(self.head.hair_cover(fields), self.head, "paint_hair")
        sock = self.shoes.sock_cover(fields)
        color[:] = mix(color, self.shoes.sock, sock)
        order = (self.top, self.bottom) if self.tucked else (self.bottom, self.top)
        over(self.shoes.cover(fields), self.shoes)
        for garment in order:
            over(garment.cover(fields), garment)
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
        fold = blotches(fields, rng, 14, 6, squash=(0.6, 1.5, 0.6)) + 0.6 * blotches(fields, rng, 30, 6, squash=(0.6, 1.6, 0.6))
        return np.asarray(1 + np.clip(0.075 * where * fold, -0.3, 0.2) * cloth, np.float32)

    def hang(self, weights: sparse.csr_array) -> sparse.csr_array:
        """Skinning weights (19158, B) with the skirt swinging between the thighs and hair following the head."""
        dense = weights.toarray()
        skirt = np.unique(triangles("helper-skirt")[0])
        fields = vertex_fields().at(skirt)
        down = np.clip((0.05 - fields.y) / 0.3, 0, 1)
        left = np.clip(0.5 + fields.x / 0.24, 0, 1)
        hung = np.zeros((len(skirt), len(BONES)), np.float32)
        held = down * (0.85 - 0.25 * np.clip(0.5 - (fields.z - 0.04) / 0.1, 0, 1))  # the back hangs more freely
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


_SKINS = ((241, 207, 183), (228, 184, 153), (212, 164, 128), (186, 135, 98), (152, 104, 72), (112, 74, 52), (84, 56, 41))
_HAIRS = ((26, 22, 21), (42, 30, 25), (72, 48, 34), (106, 74, 46), (168, 132, 84), (124, 62, 38))
_EYES = ((58, 38, 26), (78, 52, 32), (92, 104, 74), (82, 110, 140))
_CLOTH_COLORS = (
    (236, 236, 232), (28, 28, 32), (52, 54, 60), (128, 130, 132), (186, 186, 184), (30, 42, 84), (48, 82, 138),
    (122, 164, 204), (150, 32, 40), (196, 64, 52), (222, 140, 56), (226, 196, 92), (58, 104, 64), (104, 130, 88),
    (28, 92, 98), (108, 64, 116), (196, 130, 158), (226, 190, 196), (120, 84, 58), (196, 170, 130), (228, 214, 184),
)  # fmt: skip
_TROUSER_COLORS = ((30, 32, 38), (44, 46, 52), (46, 58, 92), (70, 88, 122), (110, 126, 150), (92, 84, 70), (176, 154, 118), (96, 98, 100), (58, 66, 52), (198, 194, 184))  # fmt: skip
_LEATHERS = ((30, 24, 22), (70, 46, 30), (110, 76, 48), (20, 20, 22))
_SHOES = (*_LEATHERS, (228, 228, 226), (60, 66, 80), (150, 152, 156), (170, 44, 46), (40, 66, 120), (200, 196, 188))


Color = tuple[float, float, float]


def _pick(rng: np.random.Generator, table: tuple[tuple[int, int, int], ...], spread: float = 8.0) -> Color:
    color = np.clip(np.array(table[rng.integers(len(table))]) + rng.normal(0, spread, 3), 12, 244)
    return float(color[0]), float(color[1]), float(color[2])


def _sample_cloth(rng: np.random.Generator, patterns: dict[str, float], colors: tuple[tuple[int, int, int], ...]) -> Cloth:
    names = tuple(patterns)
    pattern = names[rng.choice(len(names), p=np.array(list(patterns.values())) / sum(patterns.values()))]
    color, second = _pick(rng, colors), _pick(rng, colors)
    while sum(abs(a - b) for a, b in zip(color, second, strict=True)) < 110:
        second = _pick(rng, colors)
    if pattern == "denim":
        second = (min(color[0] + 70, 220.0), min(color[1] + 70, 222.0), min(color[2] + 66, 226.0))
    period = {"pinstripes": 0.018, "dots": 0.032}.get(pattern, float(rng.uniform(0.025, 0.085)))
    share = 0.2 if pattern == "pinstripes" else float(rng.uniform(0.25, 0.55))
    return Cloth(pattern, color, second, period, share, bool(rng.uniform() < 0.3), int(rng.integers(2**31)))


def sample_outfit(rng: np.random.Generator, *, female: bool, age: float, darkness: float) -> Outfit:
    """Draw an outfit.

    Args:
        rng: Draws everything.
        female: Makes skirts and long hair possible, beards impossible.
        age: 0 young .. 1 old; hair greys and thins with it.
        darkness: 0 the lightest skin .. 1 the darkest, before individual variation.
    """
    head = _sample_head(rng, female=female, age=age, darkness=darkness)
    top = _sample_top(rng)
    bottom = _sample_bottom(rng, female=female)
    sporty = rng.uniform() < 0.5
    shoe = _pick(rng, _SHOES if sporty else _LEATHERS)
    sole_color: Color = (226, 226, 222) if sporty and rng.uniform() < 0.6 else (34, 32, 30)
    ankle = 0.96 if rng.uniform() < 0.75 else 0.86
    shoes = Shoes(
        color=shoe,
        sole_color=sole_color,
        sole=float(rng.uniform(0.014, 0.034)),
        height=ankle,
        sock=_pick(rng, ((230, 230, 228), (30, 30, 34), (90, 92, 96))),
        sock_height=float(rng.uniform(0.86, 0.93)) if ankle > 0.9 else ankle,
        lace=(236, 236, 232) if rng.uniform() < 0.5 else (24, 24, 26),
    )
    tucked = (bool(rng.uniform() < 0.3) and top.inner is None) or bottom.skirt is not None
    if tucked:
        top = replace(top, hem=bottom.waist - 0.01)
    return Outfit(head, top, bottom, shoes, tucked, int(rng.integers(2**31)))


def _sample_head(rng: np.random.Generator, *, female: bool, age: float, darkness: float) -> Head:
    tone = float(np.clip(darkness + rng.normal(0, 0.12), 0, 1)) * (len(_SKINS) - 1)
    low = min(int(tone), len(_SKINS) - 2)
    base = np.array(_SKINS[low]) + (tone - low) * (np.array(_SKINS[low + 1]) - np.array(_SKINS[low]))
    skin = np.clip(base + rng.normal(0, 4, 3), 30, 250)
    light = darkness < 0.4
    hair = np.array(_pick(rng, _HAIRS if light else _HAIRS[:2], 4))
    grey = float(np.clip((age - 0.35) * rng.uniform(0.5, 2.2), 0, 1))
    hair = hair + grey * (np.array([176, 174, 170]) - hair)
    long = rng.uniform() < (0.62 if female else 0.06)
    length = float(rng.uniform(0.05, 0.09)) if long else float(rng.uniform(-0.01, 0.018) + (0.02 if female else 0))
    bald = 0.0 if female else float(np.clip((age + rng.normal(-0.1, 0.35)) * 1.1, 0, 1))
    return Head(
        skin=(float(skin[0]), float(skin[1]), float(skin[2])),
        hair=(float(hair[0]), float(hair[1]), float(hair[2])),
        eyes=_pick(rng, _EYES if light else _EYES[:2], 4),
        volume=float(rng.uniform(0.012, 0.03) if long or female else rng.uniform(0.005, 0.022)),
        length=length,
        bald=bald if bald > 0.35 else 0.0,
        fringe=float(rng.uniform(0, 0.04)) if rng.uniform() < 0.45 else 0.0,
        beard=0.0 if female else float(np.clip(rng.uniform(-0.4, 0.9), 0, 0.85)),
        lips=float(rng.uniform(0.1, 0.9)) if female and rng.uniform() < 0.5 else 0.0,
        hanging=float(rng.uniform(0.34, 0.55)) if long and rng.uniform() < 0.65 else None,
        seed=int(rng.integers(2**31)),
    )


def _sample_top(rng: np.random.Generator) -> Top:
    kind = rng.choice(5, p=[0.34, 0.2, 0.18, 0.16, 0.12])
    common = {"plain": 5.0, "stripes": 2.0, "checks": 0.5, "knit": 0.5}
    patterns: dict[str, float] = [
        common | {"print": 3, "dots": 0.4},  # T-shirt
        {"plain": 3, "stripes": 1.5, "knit": 3, "print": 1},  # pullover
        {"plain": 3, "checks": 3, "pinstripes": 1.5, "stripes": 0.7, "dots": 0.6},  # shirt
        {"plain": 4, "denim": 1, "stripes": 0.5},  # jacket
        {"plain": 4, "print": 2},  # hooded pullover
    ][kind]
    cloth = _sample_cloth(rng, patterns, _CLOTH_COLORS)
    if cloth.pattern == "stripes" and kind != 2:
        cloth = Cloth(**{**cloth.__dict__, "across": False})
    short = kind == 0 or (kind == 2 and rng.uniform() < 0.35)
    sleeve = float(rng.uniform(0.26, 0.42)) if short else float(rng.uniform(0.96, 1.02))
    if not short and rng.uniform() < 0.15:
        sleeve = float(rng.uniform(0.55, 0.7))
    jacket = kind == 3
    darker = (cloth.color[0] * 0.7, cloth.color[1] * 0.7, cloth.color[2] * 0.7)
    return Top(
        cloth=cloth,
        sleeve=sleeve,
        hem=float(rng.uniform(-0.055, 0.035)),
        neck=("v" if rng.uniform() < 0.25 else "crew", "crew", "collar", "collar", "hood")[kind],
        ease=float(rng.uniform(*((0.012, 0.022), (0.013, 0.024), (0.011, 0.019), (0.018, 0.028), (0.02, 0.03))[kind])),
        trim=darker if rng.uniform() < 0.6 else _pick(rng, _CLOTH_COLORS),
        inner=_sample_cloth(rng, common | {"print": 1}, _CLOTH_COLORS) if jacket and rng.uniform() < 0.7 else None,
        buttons=kind in (2, 3),
    )


def _sample_bottom(rng: np.random.Generator, *, female: bool) -> Bottom:
    skirt = female and rng.uniform() < 0.26
    shorts = not skirt and rng.uniform() < 0.22
    patterns = {"plain": 4.0, "denim": 4.0, "checks": 0.3, "pinstripes": 0.4}
    if skirt:
        patterns = {"plain": 4, "checks": 1.2, "stripes": 1, "dots": 0.8, "denim": 0.7}
    cloth = _sample_cloth(rng, patterns, _TROUSER_COLORS if rng.uniform() < 0.85 else _CLOTH_COLORS)
    if cloth.pattern == "denim":
        blue = ((40, 52, 88), (62, 84, 126), (98, 120, 154), (34, 38, 52))
        cloth = Cloth(**{**cloth.__dict__, "color": _pick(rng, blue, 5), "second": (138.0, 156.0, 182.0)})
    slim = rng.uniform() < 0.35
    length = float(rng.uniform(0.3, 0.5)) if shorts else float(rng.uniform(0.93, 0.985))
    if skirt:  # only underwear below it
        length = 0.08
    return Bottom(
        cloth=cloth,
        length=length,
        waist=float(rng.uniform(0.06, 0.12)),
        ease=0.004 if skirt else float(rng.uniform(0.005, 0.009) if slim else rng.uniform(0.009, 0.018)),
        flare=float(rng.uniform(0.0, 0.05) if skirt else 0.0 if slim else rng.uniform(0, 0.012)),
        belt=_pick(rng, _LEATHERS, 5) if not skirt and rng.uniform() < 0.4 else None,
        side_stripe=(232, 232, 230) if cloth.pattern == "plain" and not skirt and rng.uniform() < 0.15 else None,
        skirt=float(rng.uniform(-0.55, -0.22)) if skirt else None,
    )
