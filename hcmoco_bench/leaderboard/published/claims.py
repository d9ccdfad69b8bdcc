"""What the text of a publication claims of its own tables, held against them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hcmoco_bench.errors import DataError
from hcmoco_bench.leaderboard.published.read import CLAIMS, published_folder, read_toml, validation_sentence
from hcmoco_bench.leaderboard.published.schema import Label, PublishedTable, Text
from hcmoco_bench.leaderboard.published.strips import Strip, strips

_FROZEN: Final = ConfigDict(frozen=True, extra="forbid")
_ROUNDING: Final = Decimal("0.01")
"""How far the difference of two printed figures may be from that of the unrounded ones."""

Verdict = Literal["holds", "rounding", "contradicted", "unclear"]
MEANINGS: Final[Mapping[Verdict, str]] = {
    "holds": "the tables say the same",
    "rounding": "the tables say the same, but the claim is rounded the other way",
    "contradicted": "the tables, or another statement of the authors, say something else",
    "unclear": "figures alone do not decide it",
}
"""What each verdict means."""
WORST_LAST: Final[tuple[Verdict, ...]] = ("holds", "rounding", "unclear", "contradicted")
"""The verdicts in the order of how much they concern readers."""

Reference = Annotated[str, Field(pattern=r"^[a-z0-9-]+ row [0-9]+ [a-z0-9_]+:([A-Za-z0-9_]+(/[a-z0-9_ ]+)?|\*)$")]
"""`<file stem> row <number> <block>:<column>`; `*` stands for all columns of the block."""


class Difference(BaseModel):
    """Two figures, and their difference as the text states it; None where only its growth is claimed."""

    model_config = _FROZEN

    more: Reference
    less: Reference
    stated: Decimal | None = None


class Comparison(BaseModel):
    """Figures that are claimed to be higher than those of others, column by column."""

    model_config = _FROZEN

    ours: Reference
    others: Annotated[tuple[Reference, ...], Field(min_length=1)]


class Claim(BaseModel):
    """A statement of a publication's text.

    Attributes:
        place: Where it stands.
        says: What it says, in our words.
        verdict: What becomes of it; where figures decide it, they have to give the same.
        note: Why, where figures do not say it all.
        difference: Differences that it states.
        growing: Whether the differences are claimed to grow from one to the next.
        comparison: What it says is higher than what.
        share: Whether it claims this of all figures or of most.
    """

    model_config = _FROZEN

    place: Label
    says: Text
    verdict: Verdict
    note: Text = ""
    difference: tuple[Difference, ...] = ()
    growing: bool = False
    comparison: tuple[Comparison, ...] = ()
    share: Literal["all", "most"] = "all"

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.difference and self.comparison:
            raise ValueError("a claim states differences or comparisons; make it two claims")
        if not self.difference and not self.comparison and not self.note:
            raise ValueError("a claim that no figure decides needs a note")
        if any((one.stated is None) != self.growing for one in self.difference):
            raise ValueError("each difference has a stated figure, unless the claim is that they grow")
        return self


class ClaimFile(BaseModel):
    """The claims of one publication; `paper` is its key in `citations.bib`."""

    model_config = _FROZEN

    paper: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    claim: Annotated[tuple[Claim, ...], Field(min_length=1)]


@dataclass(frozen=True)
class CheckedClaim:
    """A claim with what the tables say.

    Attributes:
        claim: The claim.
        computed: The verdict that follows from figures; None if it states none.
        details: What the tables say, in figures.
    """

    claim: Claim
    computed: Verdict | None
    details: tuple[str, ...]


def published_claims(folder: Path | None = None) -> tuple[ClaimFile, ...]:
    """The files of claims of a folder; None for the packaged one.

    Raises:
        DataError: If one is not in the form of `ClaimFile`.
    """
    paths = sorted((published_folder() if folder is None else folder).glob(f"*-{CLAIMS}.toml"))
    return tuple(_read(path) for path in paths)


def _read(path: Path) -> ClaimFile:
    try:
        return ClaimFile.model_validate(read_toml(path))
    except ValidationError as error:
        raise DataError(f"{path}: {validation_sentence(error)}", kind="published_claims", file=str(path)) from error


def check_claims(claims: Sequence[Claim], tables: Sequence[PublishedTable]) -> tuple[CheckedClaim, ...]:
    """Hold claims against the tables that they refer to.

    Raises:
        DataError: If a claim refers to a figure that no table has.
    """
    by_place = {(strip.place, strip.block.name): strip for strip in strips(tables)}
    return tuple(_checked(claim, by_place) for claim in claims)


def _checked(claim: Claim, by_place: Mapping[tuple[str, str], Strip]) -> CheckedClaim:
    if claim.growing:
        return _growing(claim, by_place)
    if claim.difference:
        found = [_difference(one, by_place) for one in claim.difference]
        worst = max((verdict for verdict, _ in found), key=WORST_LAST.index)
        return CheckedClaim(claim, worst, tuple(text for _, text in found))
    if claim.comparison:
        return _compared(claim, by_place)
    return CheckedClaim(claim, None, ())


def _difference(one: Difference, by_place: Mapping[tuple[str, str], Strip]) -> tuple[Verdict, str]:
    more, less = _figure(one.more, by_place), _figure(one.less, by_place)
    found, stated = more - less, one.stated
    if stated is None:
        raise ValueError("a difference without a stated figure")  # the schema has refused it before
    text = f"{stated} is stated; {more} - {less} = {found}"
    if found.quantize(stated, ROUND_HALF_UP) == stated:
        return "holds", text
    half = Decimal(1).scaleb(int(stated.as_tuple().exponent)) / 2
    return ("rounding" if abs(found - stated) <= half + _ROUNDING else "contradicted"), text


def _growing(claim: Claim, by_place: Mapping[tuple[str, str], Strip]) -> CheckedClaim:
    found = [_figure(one.more, by_place) - _figure(one.less, by_place) for one in claim.difference]
    grows = all(one < after for one, after in pairwise(found))
    details = f"the differences are {', '.join(map(str, found))}"
    return CheckedClaim(claim, "holds" if grows else "contradicted", (details,))


def _compared(claim: Claim, by_place: Mapping[tuple[str, str], Strip]) -> CheckedClaim:
    """Compare column by column; a column counts once, however many of the others are as high."""
    columns, exceptions = 0, []
    for one in claim.comparison:
        ours = _figures(one.ours, by_place)
        others = [(reference, _figures(reference, by_place)) for reference in one.others]
        for name, value in ours.items():
            columns += 1
            reached = [f"{there[name]} ({_row(reference)})" for reference, there in others if there[name] >= value]
            if reached:
                exceptions.append(f"{name} {value} ({_row(one.ours)}) against {', '.join(reached)}")
    allowed = 0 if claim.share == "all" else (columns - 1) // 2
    summary = f"figures higher than those of all others: {columns - len(exceptions)} of {columns}"
    verdict: Verdict = "holds" if len(exceptions) <= allowed else "contradicted"
    return CheckedClaim(claim, verdict, (summary, *exceptions))


def _row(reference: str) -> str:
    return reference.partition(":")[0]


def _figures(reference: str, by_place: Mapping[tuple[str, str], Strip]) -> Mapping[str, Decimal]:
    where, _, column = reference.partition(":")
    place, _, block = where.rpartition(" ")
    strip = by_place.get((place, block))
    if strip is None or (column != "*" and column not in strip.figures):
        raise DataError(
            f"a claim refers to {reference}, which no table has; correct the reference", kind="published_claims"
        )
    return dict(strip.figures) if column == "*" else {column: strip.figures[column]}


def _figure(reference: str, by_place: Mapping[tuple[str, str], Strip]) -> Decimal:
    return next(iter(_figures(reference, by_place).values()))


def claim_differences(checked: Sequence[CheckedClaim]) -> Iterator[str]:
    """A sentence for each claim whose declared verdict is not the one that figures give."""
    for one in checked:
        if one.computed is not None and one.computed != one.claim.verdict:
            yield (
                f"{one.claim.place}, {one.claim.says!r}: the verdict is {one.claim.verdict!r}, figures say "
                f"{one.computed!r} ({'; '.join(one.details)})"
            )
