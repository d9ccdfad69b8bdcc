"""Clothes, hair and shoes of one person (plain colours for now)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from hcmoco_bench.body import part_table
from hcmoco_bench.synth.body_shape import Phenotype
from hcmoco_bench.synth.figure_mesh import texture_map, triangles
from hcmoco_bench.synth.body_data import base_mesh


@dataclass(frozen=True)
class Outfit:
    top: tuple[float, ...]
    bottom: tuple[float, ...]

    def dress(self, bare):
        return bare

    def visible(self, name):
        f, uv, p = triangles(name)
        return f[:0], uv[:0], p[:0]

    def paint(self, size):
        m = texture_map()
        y = m.interpolate @ base_mesh().vertices[:, 1].astype(np.float32)
        colour = np.where((y < 0.08)[:, None], self.bottom, self.top)
        colour = np.where((y > 0.58)[:, None], [205, 160, 135], colour)
        image = np.zeros((size * size, 3), np.uint8)
        image[m.texels] = colour
        return image.reshape(size, size, 3)

    def hang(self, weights, dressed):
        return weights


def sample_outfit(rng, phenotype: Phenotype) -> Outfit:
    return Outfit(tuple(rng.uniform(20, 230, 3)), tuple(rng.uniform(20, 160, 3)))
