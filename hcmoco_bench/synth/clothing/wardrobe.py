"""Drawing an outfit whose pieces fit together: who wears what, in which cloth and color."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hcmoco_bench.synth.clothing.cloth import Cloth, Color
from hcmoco_bench.synth.clothing.garments import Bottom, Shoes, Top
from hcmoco_bench.synth.clothing.head import Head
from hcmoco_bench.synth.clothing.outfit import Outfit

_SKINS = (
    (241, 207, 183),
    (228, 184, 153),
    (212, 164, 128),
    (186, 135, 98),
    (152, 104, 72),
    (112, 74, 52),
    (84, 56, 41),
)
_HAIRS = ((26, 22, 21), (42, 30, 25), (72, 48, 34), (106, 74, 46), (168, 132, 84), (124, 62, 38))
_EYES = ((58, 38, 26), (78, 52, 32), (92, 104, 74), (82, 110, 140))
_CLOTH_COLORS = (
    (236, 236, 232), (28, 28, 32), (52, 54, 60), (128, 130, 132), (186, 186, 184), (30, 42, 84), (48, 82, 138),
    (122, 164, 204), (150, 32, 40), (196, 64, 52), (222, 140, 56), (226, 196, 92), (58, 104, 64), (104, 130, 88),
    (28, 92, 98), (108, 64, 116), (196, 130, 158), (226, 190, 196), (120, 84, 58), (196, 170, 130), (228, 214, 184),
)  # fmt: skip
_TROUSER_COLORS = (
    (30, 32, 38), (44, 46, 52), (46, 58, 92), (70, 88, 122), (110, 126, 150),
    (92, 84, 70), (176, 154, 118), (96, 98, 100), (58, 66, 52), (198, 194, 184),
)  # fmt: skip
_LEATHERS = ((30, 24, 22), (70, 46, 30), (110, 76, 48), (20, 20, 22))
_SHOES = (*_LEATHERS, (228, 228, 226), (60, 66, 80), (150, 152, 156), (170, 44, 46), (40, 66, 120), (200, 196, 188))


def _pick(rng: np.random.Generator, table: tuple[tuple[int, int, int], ...], spread: float = 8.0) -> Color:
    color = np.clip(np.array(table[rng.integers(len(table))]) + rng.normal(0, spread, 3), 12, 244)
    return float(color[0]), float(color[1]), float(color[2])


def _sample_cloth(
    rng: np.random.Generator, patterns: dict[str, float], colors: tuple[tuple[int, int, int], ...]
) -> Cloth:
    names = tuple(patterns)
    pattern = names[rng.choice(len(names), p=np.array(list(patterns.values())) / sum(patterns.values()))]
    color, second = _pick(rng, colors), _pick(rng, colors)
    while sum(abs(a - b) for a, b in zip(color, second, strict=True)) < 110:
        second = _pick(rng, colors)
    if pattern == "denim":
        second = (min(color[0] + 70, 220.0), min(color[1] + 70, 222.0), min(color[2] + 66, 226.0))
    period = {"pinstripes": 0.018, "dots": 0.032}.get(pattern, float(rng.uniform(0.025, 0.085)))
    share = 0.2 if pattern == "pinstripes" else float(rng.uniform(0.25, 0.55))
    across = bool(rng.uniform() < 0.3) or pattern == "pinstripes"
    return Cloth(pattern, color, second, period, share, across, int(rng.integers(2**31)))


def sample_outfit(rng: np.random.Generator, *, female: bool, age: float, darkness: float) -> Outfit:
    """Draw an outfit.

    Args:
        rng: Draws everything.
        female: Makes skirts and long hair possible, beards impossible.
        age: 0 young .. 1 old; hair grays and thins with it.
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
    gray = float(np.clip((age - 0.35) * rng.uniform(0.5, 2.2), 0, 1))
    hair = hair + gray * (np.array([176, 174, 170]) - hair)
    long = rng.uniform() < (0.62 if female else 0.06)
    length = float(rng.uniform(0.05, 0.09)) if long else float(rng.uniform(-0.01, 0.018) + (0.02 if female else 0))
    bald = 0.0 if female else float(np.clip((age + rng.normal(-0.1, 0.35)) * 1.1, 0, 1))
    return Head(
        skin=(float(skin[0]), float(skin[1]), float(skin[2])),
        hair=(float(hair[0]), float(hair[1]), float(hair[2])),
        eyes=_pick(rng, _EYES if light else _EYES[:2], 4),
        volume=float(
            rng.uniform(0.012, 0.03) if long or female else rng.uniform(0.005, 0.009 if bald > 0.35 else 0.022)
        ),
        length=length,
        bald=bald if bald > 0.35 else 0.0,
        fringe=float(rng.uniform(0, 0.04)) if rng.uniform() < 0.45 else 0.0,
        beard=0.0 if female else float(np.clip(rng.uniform(-0.4, 0.9), 0, 0.85)),
        lips=float(rng.uniform(0.1, 0.9)) if female and rng.uniform() < 0.5 else 0.0,
        hanging=float(rng.uniform(0.34, 0.55)) if long and rng.uniform() < 0.65 else None,
        seed=int(rng.integers(2**31)),
    )


def _sample_top(rng: np.random.Generator) -> Top:
    kind = int(rng.choice(5, p=[0.34, 0.2, 0.18, 0.16, 0.12]))
    common = {"plain": 5.0, "stripes": 2.0, "checks": 0.5, "knit": 0.5}
    choices: list[dict[str, float]] = [
        common | {"print": 3, "dots": 0.4},  # T-shirt
        {"plain": 3, "stripes": 1.5, "knit": 3, "print": 1},  # pullover
        {"plain": 3, "checks": 3, "pinstripes": 1.5, "stripes": 0.7, "dots": 0.6},  # shirt
        {"plain": 4, "denim": 1, "stripes": 0.5},  # jacket
        {"plain": 4, "print": 2},  # hooded pullover
    ]
    cloth = _sample_cloth(rng, choices[kind], _CLOTH_COLORS)
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
