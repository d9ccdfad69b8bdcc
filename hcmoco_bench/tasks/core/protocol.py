"""A protocol: the rules under which a task is trained and scored, as an object that owns everything it changes."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
"""A name as the command line and result files take it."""


class Protocol(BaseModel):
    """Rules of training and scoring, by name; a task derives its own model with the rules that its protocols change.

    Attributes:
        name: Name on the command line, e.g. `native` or `published`.
        summary: What the protocol does, in a sentence or two.
        leaks: What it lets a model know that a fair evaluation would not; None if nothing. Results repeat it.
        error: What it measures wrongly, on purpose, because published figures were measured so; None if nothing.
            Results repeat it.
        chooses_on_test: Whether the best epoch may be chosen on the test split.
        main_score: Key of `Evaluation.scores` by which results under the protocol are compared, in the record's unit;
            None for the record's `main_score`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Word
    summary: str
    leaks: str | None = None
    error: str | None = None
    chooses_on_test: bool = False
    main_score: str | None = None

    def possible_leaks(self) -> list[str]:
        """What results under the protocol may owe to the test split, also by a setting that it allows."""
        always = [] if self.leaks is None else [self.leaks]
        return (
            [*always, "with choose = best, the epoch is chosen on the test split"] if self.chooses_on_test else always
        )


AnyProtocol = TypeVar("AnyProtocol", bound=Protocol)
