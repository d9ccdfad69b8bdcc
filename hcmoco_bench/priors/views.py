"""Cameras that look at a person: any direction around, pitched as real cameras are."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hcmoco_bench.priors.release_figures import RELEASE

Floats = NDArray[np.float64]

MEAN_PITCH: Final = RELEASE.pitch
"""Degrees by which cameras look down on average; LiftedCL's published prior has this mean."""

_PITCH_SPREAD: Final = 5.0
_PITCH_LIMITS: Final = (MEAN_PITCH - 15.0, MEAN_PITCH + 15.0)
"""Degrees; symmetric about the mean, so that cutting the tails keeps it."""

_ROLL_SPREAD: Final = 0.7
"""Degrees; tripods stand nearly level."""


def sample_pitch(rng: np.random.Generator, count: int) -> Floats:
    """(N,) degrees by which cameras look down: normal about `MEAN_PITCH`, the tails drawn again.

    The spread is that of rooms with several cameras: those of NTU RGB+D stand 0.9 to 1.8 m high and look down by 0 to
    17 degrees, those of Human3.6M by 11 to 16.
    """
    pitch = rng.normal(MEAN_PITCH, _PITCH_SPREAD, count)
    while (outside := (pitch < _PITCH_LIMITS[0]) | (pitch > _PITCH_LIMITS[1])).any():
        pitch[outside] = rng.normal(MEAN_PITCH, _PITCH_SPREAD, int(outside.sum()))
    return np.asarray(pitch)


def sample_views(rng: np.random.Generator, pitch: ArrayLike) -> Floats:
    """(N, 3, 3) rotations from the world to cameras of given pitch, at any azimuth, with a little roll.

    Args:
        rng: Draws azimuth and roll.
        pitch: (N,) degrees; positive looks down.
    """
    count = len(np.asarray(pitch))
    azimuth = rng.uniform(-180, 180, count)
    return camera_rotations(pitch, azimuth, rng.normal(0, _ROLL_SPREAD, count))


def camera_rotations(pitch: ArrayLike, azimuth: ArrayLike, roll: ArrayLike = 0.0) -> Floats:
    """Rotations from the world (y up, right-handed) to camera axes: x right, y down, z away from the camera.

    Args:
        pitch: (N,) degrees that the camera looks down.
        azimuth: (N,) degrees; where the camera stands as seen from the person, from world +z towards world +x.
        roll: (N,) degrees about the optical axis.

    Returns:
        (N, 3, 3) float64; the rows are the camera's axes.
    """
    down, around, turned = (np.radians(np.asarray(angle, np.float64)) for angle in (pitch, azimuth, roll))
    down, around, turned = np.broadcast_arrays(down, around, turned)
    zero = np.zeros_like(down)
    right = np.stack([np.cos(around), zero, -np.sin(around)], -1)
    ahead = np.stack([-np.sin(around) * np.cos(down), -np.sin(down), -np.cos(around) * np.cos(down)], -1)
    below = np.cross(ahead, right)
    cosine, sine = np.cos(turned)[..., None], np.sin(turned)[..., None]
    return np.stack([cosine * right + sine * below, cosine * below - sine * right, ahead], -2)
