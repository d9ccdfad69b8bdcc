"""The protocols that parsing is trained and scored under, and what becomes of bad input."""

from __future__ import annotations

from typing import Final

from hcmoco_bench.tasks.core.record import ProtocolRecord

PUBLISHED_LABELS: Final = (1000, 1000)
"""Width and height of the labels in the authors' evaluation, whatever the frame's."""

NATIVE = ProtocolRecord(
    name="native",
    summary="The frame keeps its aspect; scores at the labels' own resolution, from one forward pass; absent classes "
    "are left out of the means.",
)
PUBLISHED = ProtocolRecord(
    name="published",
    summary=(
        "As the authors' code: the frame is stretched to a square, labels are brought to 1000x1000 (nearest), scores "
        "of the frame and of its mirror image are averaged and enlarged to that, and a class that is absent scores 0. "
        "Its training picks the best epoch on the test split: choose = best does so, and the result says that it leaks."
    ),
)
BAD_INPUT = (
    "Errors, by name: labels that are no class indices, an image and labels of different sizes, class scores that are "
    "not finite; predicted images that are damaged, of another size, or hold unknown ids; missing, repeated or unknown "
    "predictions. Counted and named, left out of the scores: samples of the split that are not in the store, or have "
    "no image or no labels there."
)
