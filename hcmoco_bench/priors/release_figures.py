"""What LiftedCL's published prior is like, in figures; see `release_file` for the file itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class ReleaseFigures:
    """What was measured on the published file.

    Attributes:
        skeletons: Number of skeletons.
        bodies: Number of bodies.
        bone_spread: Largest relative difference between the ratios of bones of any two skeletons.
        pitch: Degrees by which cameras look down on average.
        bent_thighs: Share of skeletons with bent thighs.
    """

    skeletons: int = 5000
    bodies: int = 1
    bone_spread: float = 4e-7
    pitch: float = 12.6
    bent_thighs: float = 0.25


RELEASE: Final = ReleaseFigures()
"""The published prior, to compare others with."""
