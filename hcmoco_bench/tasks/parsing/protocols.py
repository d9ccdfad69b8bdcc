"""The protocols under which parsing is trained and scored, and what becomes of bad input."""

from __future__ import annotations

from typing import Final, Literal, Self

from pydantic import model_validator

from hcmoco_bench.data.framing import Framing
from hcmoco_bench.metrics.segmentation import Absent
from hcmoco_bench.tasks.core.protocol import Protocol


class ParsingProtocol(Protocol):
    """Rules of parsing.

    Attributes:
        framing: How a frame fills the input: `fit` keeps its aspect, `stretch` makes it a square.
        person_framing: Whether the setting `framing = person` may be used.
        label_size: Width and height to which the labels are brought for scoring, each pixel from the nearest one; goes
            with `stretch`. None to score at their own resolution.
        mirror_averaging: Whether the scores of the frame and of its mirror image are averaged.
        absent: What a class that is in neither labels nor predictions does to the means: `skip` leaves it out, `zero`
            counts it as 0.
    """

    framing: Literal["fit", "stretch"]
    person_framing: bool
    label_size: tuple[int, int] | None
    mirror_averaging: bool
    absent: Absent

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.label_size is not None and (self.framing != "stretch" or self.person_framing):
            raise ValueError("label_size needs framing = stretch and no person_framing: it stretches the labels too")
        return self

    def frame(self, wanted: Literal["frame", "person"]) -> Framing:
        """How a frame fills the input, given the setting `framing`."""
        return "person" if wanted == "person" else self.framing


NATIVE: Final = ParsingProtocol(
    name="native",
    summary="The frame keeps its aspect. One forward pass is scored at the resolution of the labels, and classes that "
    "are absent are left out of the means.",
    framing="fit",
    person_framing=True,
    label_size=None,
    mirror_averaging=False,
    absent="skip",
)
PUBLISHED: Final = ParsingProtocol(
    name="published",
    summary=(
        "Follows the authors' code: the frame is stretched to a square, labels are brought to 1000x1000 (nearest "
        "pixel), the scores of the frame and of its mirror image are averaged and enlarged to that size, and a class "
        "that is absent scores 0. The authors choose the best epoch on the test split; choose = best does the same, "
        "and the result reports it as a leak."
    ),
    chooses_on_test=True,
    framing="stretch",
    person_framing=False,
    label_size=(1000, 1000),
    mirror_averaging=True,
    absent="zero",
)
PARSING_PROTOCOLS: Final = (NATIVE, PUBLISHED)
"""The protocols of parsing from one modality; a further one is one more object here."""

BAD_INPUT: Final = (
    "These are errors that name the sample or file: labels that are not class indices; an image and labels of "
    "different sizes; class scores that are not finite; predicted label images that are damaged, of another size, or "
    "hold unknown ids; predictions that are missing, repeated or of unknown samples. These are counted, named and left "
    "out of the scores: samples of the split that are not in the store, or have no image or no labels there."
)
