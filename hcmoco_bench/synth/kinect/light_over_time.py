"""Light on people who move: traced in some frames, blended in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import warp as wp

from hcmoco_bench.synth.kinect.people import People
from hcmoco_bench.synth.kinect.raycast import View
from hcmoco_bench.synth.room.lighting import RoomLight

_STEP: Final = 8
"""Which lights reach which point of the people is traced in every so manieth frame."""


class LightOverTime:
    """Irradiance of moving people, frame by frame; the people are moved about when it is made.

    Args:
        people: Whom it falls on.
        light: Of the room.
        view: The camera; what it cannot see is not traced.
        place: Moves the people to where they are in a frame.
        n_frames: Frames.
    """

    def __init__(
        self, people: People, light: RoomLight, view: View, place: Callable[[People, int], None], n_frames: int
    ) -> None:
        self._people, self._light = people, light
        self._skies = []
        for number in range(0, n_frames + _STEP, _STEP):
            place(people, min(number, n_frames - 1))
            self._skies.append(people.open_sky(light, view))

    def at(self, number: int) -> wp.array:
        """(V,) vec3 irradiance in a frame, in which the people must stand already."""
        key, share = divmod(number, _STEP)
        return self._people.light(self._light, self._skies[key], self._skies[key + 1], share / _STEP)
