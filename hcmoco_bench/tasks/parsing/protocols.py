"""The protocols under which parsing is trained and scored, and what becomes of bad input."""

from __future__ import annotations

from typing import Final, Literal, Self

from pydantic import model_validator

from hcmoco_bench.data.framing import Framing
from hcmoco_bench.data.parsing import LabelResizing, Resizing
from hcmoco_bench.metrics.segmentation import Absent
from hcmoco_bench.tasks.core.protocol import Protocol
from hcmoco_bench.tasks.core.record import VersionChange


class ParsingProtocol(Protocol):
    """Rules of parsing.

    Attributes:
        framing: How a frame fills the input: `fit` keeps its aspect, `stretch` makes it a square.
        person_framing: Whether the setting `framing = person` may be used.
        label_size: Width and height to which labels and class scores are brought, px; goes with `stretch`. None to
            score at the labels' own resolution.
        mirror_averaging: Whether the scores of the frame and of its mirror image are averaged.
        absent: What a class that is in neither labels nor predictions does to the means: `skip` leaves it out, `zero`
            counts it as 0.
        label_resizing: How labels are brought to `label_size`.
        input_resizing: How a frame is brought to the size of the input in scoring; `opencv` goes with `stretch`.
        enlargement: `once` enlarges the logits to the labels in one step. `exp_between` enlarges them to the size of
            the input, averages there, and enlarges the exponentials to the labels, as published. Both are bilinear,
            corners not aligned.
        plain_validation: Whether epochs are compared (`choose = best`) by logits of one forward pass that are enlarged
            once, whatever the final scores are made of.
    """

    framing: Literal["fit", "stretch"]
    person_framing: bool
    label_size: tuple[int, int] | None
    mirror_averaging: bool
    absent: Absent
    label_resizing: LabelResizing = "nearest"
    input_resizing: Resizing = "centered"
    enlargement: Literal["once", "exp_between"] = "once"
    plain_validation: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.label_size is not None and (self.framing != "stretch" or self.person_framing):
            raise ValueError("label_size needs framing = stretch and no person_framing: it stretches the labels too")
        if self.input_resizing == "opencv" and (self.framing != "stretch" or self.person_framing):
            raise ValueError("input_resizing = opencv needs framing = stretch and no person_framing: it has no borders")
        return self

    def frame(self, wanted: str) -> Framing:
        """How a frame fills the input, given the setting `framing`, unless the task gives regions."""
        return "person" if wanted == "person" else self.framing

    def of_validation(self) -> Self:
        """The rules by which epochs are compared."""
        if not self.plain_validation:
            return self
        return self.model_copy(update={"mirror_averaging": False, "enlargement": "once"})


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
STRETCHED: Final = ParsingProtocol(
    **{
        **dict(NATIVE),
        "name": "stretched",
        "summary": "As native, except that the frame is stretched to a square for the network. It measures what the "
        "published stretching alone does to scores.",
        "framing": "stretch",
        "person_framing": False,
    }
)
_AS_PUBLISHED: Final = (
    "Does what the authors' code does: the frame is stretched to a square, the logits of the frame and of its mirror "
    "image are enlarged to that square and averaged, their exponentials are enlarged to 1000x1000 pixels, labels are "
    "brought there {labels}, and a class that is absent scores 0. The authors choose the best epoch on the test split, "
    "from one forward pass enlarged once; choose = best does the same, and the result reports it as a leak."
)
PUBLISHED: Final = ParsingProtocol(
    name="published",
    summary=_AS_PUBLISHED.format(labels="by the nearest pixel"),
    chooses_on_test=True,
    framing="stretch",
    person_framing=False,
    label_size=(1000, 1000),
    mirror_averaging=True,
    absent="zero",
    input_resizing="opencv",
    enlargement="exp_between",
    plain_validation=True,
)
PUBLISHED_RGB: Final = ParsingProtocol(
    **{
        **dict(PUBLISHED),
        "summary": _AS_PUBLISHED.format(labels="by interpolating class indices"),
        "error": (
            "labels are brought to 1000x1000 pixels by interpolating class indices as if they were quantities, so that "
            "border pixels between two classes are scored as the classes that lie between their indices"
        ),
        "label_resizing": "indices",
    }
)
"""As `PUBLISHED`, with the error that the authors' code makes with the labels of RGB."""

PARSING_CHANGES: Final = (
    VersionChange(
        version=2,
        change="the protocol published enlarges, averages and exponentiates class scores as the authors' evaluation "
        "does",
        new_network=False,
    ),
)
"""What later versions of these tasks changed."""

PARSING_PROTOCOLS: Final = (NATIVE, STRETCHED, PUBLISHED)
"""The protocols of parsing from one modality; a further one is one more object here."""

RGB_PARSING_PROTOCOLS: Final = tuple(PUBLISHED_RGB if one is PUBLISHED else one for one in PARSING_PROTOCOLS)
"""The same for RGB, with the published treatment of its labels."""

PREDICTIONS: Final = (
    "A folder of <sample id>.png, 8-bit gray, palette or RGB, as large as the labels or, where the protocol sets the "
    "size of labels (published: 1000x1000), of that size. Pixels are class indices 0..24, the published raw ids, or "
    "colors of a palette; --set encoding=classes, raw or colors says which if in doubt."
)
"""Layout of predicted masks."""

BAD_INPUT: Final = (
    "These are errors that name the sample or file: labels that are not class indices; an image and labels of "
    "different sizes; class scores that are not finite; predicted label images that are damaged, of another size, or "
    "hold unknown ids; predictions that are missing, repeated or of unknown samples. These are counted, named and left "
    "out of the scores: samples of the split that are not in the store, or have no image or no labels there."
)
