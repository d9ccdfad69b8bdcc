"""The terms of LiftedCL, and the columns that they have in the table of losses."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

Term: TypeAlias = Literal["invariant", "equivariant", "adversarial"]

INVARIANT: Final = "invariant"
EQUIVARIANT: Final = "equivariant"
ADVERSARIAL: Final = "adversarial"

TERMS: Final[tuple[Term, ...]] = (INVARIANT, EQUIVARIANT, ADVERSARIAL)
"""The contrast of views, the contrast of their cells, and the game between lifted poses and the discriminator."""

OVERLAP: Final = "overlap"
"""Share of the pairs that have a cell in common."""

LIFTED_SCORE: Final = "discriminator/lifted"
REAL_SCORE: Final = "discriminator/real"
"""The discriminator's mean scores of lifted and of real poses."""

LIFTED: Final = "lifted"


def accuracy_column(term: str) -> str:
    """Share of the queries, or cells, whose own key is more similar than every key of the queue."""
    return f"accuracy/{term}"


def spread_column(what: str) -> str:
    """How far the embeddings of a term, or the lifted poses, of a batch lie apart; see `spread`."""
    return f"spread/{what}"


def term_columns(terms: frozenset[Term]) -> tuple[str, ...]:
    """Columns of a run with some terms."""
    names: list[str] = []
    if INVARIANT in terms:
        names += (INVARIANT, accuracy_column(INVARIANT), spread_column(INVARIANT))
    if EQUIVARIANT in terms:
        names += (EQUIVARIANT, accuracy_column(EQUIVARIANT), spread_column(EQUIVARIANT), OVERLAP)
    if ADVERSARIAL in terms:
        names += (ADVERSARIAL, LIFTED_SCORE, REAL_SCORE, spread_column(LIFTED))
    return tuple(names)
