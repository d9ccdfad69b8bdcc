"""The protocols of the tasks with shared embeddings."""

from __future__ import annotations

from typing import Final

from hcmoco_bench.tasks.parsing.protocols import PUBLISHED as PUBLISHED_PARSING
from hcmoco_bench.tasks.parsing.protocols import ParsingProtocol


class SharedEmbeddingProtocol(ParsingProtocol):
    """Rules of parsing from shared embeddings.

    Attributes:
        may_keep_overlap: Whether unlabeled pairs may be of clips of the labeled store or of performers of its test
            split (`overlap = keep`), so that training may see what is hidden.
    """

    may_keep_overlap: bool


NATIVE: Final = SharedEmbeddingProtocol(
    name="native",
    summary=(
        "Unlabeled pairs of clips of labeled frames and of performers of the test split are left out, in pre-training "
        "too. The last epoch counts. Frames keep their aspect, are half as large again as the crops of training, and "
        "are scored at the resolution of the labels; classes that are absent are left out of the means."
    ),
    framing="fit",
    person_framing=False,
    label_size=None,
    mirror_averaging=False,
    absent="skip",
    may_keep_overlap=False,
)
PUBLISHED: Final = SharedEmbeddingProtocol(
    **{
        **dict(PUBLISHED_PARSING),
        "summary": (
            "The frame is stretched to a square, labels are brought to 1000x1000 (nearest pixel), the scores of the "
            "frame and of its mirror image are averaged and enlarged to that size, and a class that is absent scores "
            "0. The authors choose the best epoch on the test split; choose = best does the same, and the result "
            "reports it as a leak."
        ),
        "input_resizing": "centered",
        "enlargement": "once",
        "plain_validation": False,
        "leaks": (
            "with overlap = keep, which is how the authors train, unlabelled pairs may hold frames of the labelled "
            "clips with the hidden modality, and performers of the test split; with choose = best the epoch is picked "
            "on the test split"
        ),
    },
    may_keep_overlap=True,
)
SHARED_EMBEDDING_PROTOCOLS: Final = (NATIVE, PUBLISHED)
"""The protocols of these tasks; a further one is one more object here."""
