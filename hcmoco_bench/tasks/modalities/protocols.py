"""The protocols of the tasks with shared embeddings."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from hcmoco_bench.tasks.parsing.protocols import ParsingProtocol


class SharedEmbeddingProtocol(ParsingProtocol):
    """Rules of parsing from shared embeddings.

    Attributes:
        may_keep_overlap: Whether unlabeled pairs may be of clips of the labeled store or of performers of its test
            split (`overlap = keep`), so that training may see what is hidden.
    """

    may_keep_overlap: bool


_SCORING: Final = (
    "Frames keep their aspect, are half as large again as the crops of training, and are scored in one forward pass at "
    "the resolution of the labels; classes that are absent are left out of the means."
)
NATIVE: Final = SharedEmbeddingProtocol(
    name="native",
    summary=(
        "Unlabeled pairs of clips of labeled frames and of performers of the test split are left out, in pre-training "
        f"too. The last epoch counts. {_SCORING}"
    ),
    framing="fit",
    person_framing=False,
    label_size=None,
    mirror_averaging=False,
    absent="skip",
    may_keep_overlap=False,
)
LEAKY: Final = SharedEmbeddingProtocol(
    **{
        **dict(NATIVE),
        "name": "leaky",
        "summary": (
            "Training may do what the authors' training does: learn from all unlabeled pairs (overlap = keep), and "
            f"choose the best epoch on the test split (choose = best). Scores are made as by native: {_SCORING}"
        ),
        "leaks": (
            "with overlap = keep, which is how the authors train, unlabeled pairs may hold frames of the labeled clips "
            "with the hidden modality, and performers of the test split; with choose = best the epoch is picked on the "
            "test split"
        ),
        "chooses_on_test": True,
        "may_keep_overlap": True,
    }
)
SHARED_EMBEDDING_PROTOCOLS: Final = (NATIVE, LEAKY)
"""The protocols of these tasks; a further one is one more object here."""

WITHOUT_PROTOCOLS: Final = MappingProxyType(
    {
        "published": (
            "the authors score one random 320 px crop of each test frame, drawn anew at every validation, so that "
            "their figures cannot be repeated, and as released their validation stops on an undefined name. native "
            "scores whole frames; leaky also allows what leaks in the authors' training (overlap = keep, choose = best)"
        )
    }
)
"""Protocols that users of the parsing tasks may expect here, and why there are none."""
