"""Settings of the parsing tasks, with the defaults of the paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from hcmoco_bench.data.parsing import Resizing
from hcmoco_bench.models.settings import PUBLISHED_HRNET
from hcmoco_bench.runtime.settings import Added, Location, Published, TrainingOnly
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.parsing.label_reading import Encoding

_PAPER: Final[Mapping[str, Any]] = {
    "image_size": 473,
    "batch_size": 80,
    "epochs": 150,
    "lr": 0.007,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "schedule": "poly",
    "poly_power": 0.9,
}


class ParsingSettings(FinetuneSettings):
    """Settings of every parsing task."""

    section: ClassVar[str] = "Human parsing"
    published: ClassVar[Mapping[str, Published]] = PUBLISHED_HRNET

    lists: Literal["v2", "v3", "subjects"] = "v2"
    """Splits to use: v2 (the published lists, 1,963 frames each to train and to test), v3 (the first fifth of both
    lists), or subjects (no performer on both sides)."""
    framing: str = "frame"
    """What fills the input; tasks say what they know beside the whole frame."""
    class_weights: Literal["auto", "published", "none"] = "auto"
    """Weights of the classes in the training loss: published (made for NTU RGB+D), none, or auto: those that the
    authors used on the store's data."""
    encoding: Encoding = "auto"
    """Pixel values of another program's label images: classes (indices 0 to 24), raw (published label ids), colors (by
    the palette), or auto, which decides over the whole folder."""
    palette: Annotated[str | None, Location(), Added()] = None
    """File (.json) with one [red, green, blue] for each class, 0 to 255, in the order of the classes: another program's
    label images are then read by color; none stands for the colors of the part table."""


class FrameSettings(ParsingSettings):
    """Settings of parsing whole frames from one modality."""

    published: ClassVar[Mapping[str, Published]] = {
        "protocol": Published(
            "published", "The authors stretch frames and labels to squares before they are scored, which bends them."
        ),
        "choose": Published("best", "The authors choose the best epoch on the test split, which leaks it."),
        "sync_batch_norm": Published(
            True, "It makes no difference on one GPU, and on several it costs an exchange in every layer."
        ),
    }

    framing: Literal["frame", "person"] = "frame"
    """What fills the input: the whole frame, or for small inputs the person: the square around the pixels with measured
    depth. Outside of that square, background is predicted. Nothing of the labels is used."""
    training_resizing: Annotated[
        Resizing,
        TrainingOnly(),
        Added(),
        Published(
            "opencv",
            "Resizing twice without averaging aliases RGB; bilinear depth mixes with 0, so that outlines stand "
            "decimeters in front of the body, which scoring never shows; and black is no neutral color once it is "
            "normalized.",
        ),
    ] = "centered"
    """How training crops are made: centered resizes once, averages RGB that becomes smaller, takes the nearest pixel of
    depth, and fills RGB outside the frame with the mean color; opencv resizes twice, the second time bilinearly, depth
    too, and fills with black."""


class DepthParsingSettings(FrameSettings):
    """Settings of parsing from depth, as the paper trains on NTURGBD-Parsing-4K."""

    defaults: ClassVar[Mapping[str, Any]] = _PAPER


class RgbParsingSettings(FrameSettings):
    """Settings of parsing from RGB, as the paper trains on Human3.6M: three times as many epochs on few labels."""

    defaults: ClassVar[Mapping[str, Any]] = {**_PAPER, "epochs": 50, "batch_size": 40}
    low_data: ClassVar[Mapping[str, Any]] = {"epochs": 150}
