"""The file of a printed table: one row for each printed row, its figures in the printed order.

A table may print several tasks, splits or ratios side by side (`block`), and may say so in its rows instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from hcmoco_bench.files.outside_text import printable
from hcmoco_bench.leaderboard.row import BoardKey
from hcmoco_bench.tasks.core.protocol import Word

_FROZEN: Final = ConfigDict(frozen=True, extra="forbid")
NOT_PRINTED: Final = "-"
"""What a file holds where the table prints a dash instead of a figure."""
STEM: Final = r"^[a-z0-9]+(-[a-z0-9]+)*$"
"""Form of the file names, without their ending; ids of rows begin with them."""
_LARGEST: Final = 10**6
_MOST_DECIMALS: Final = 9


def _plain(value: Any) -> Any:
    if isinstance(value, str) and (printable(value) != value or value.strip() != value):
        raise ValueError(f"{printable(value)!r} has control characters, or spaces at its ends")
    return value


def _figure(value: Any) -> Any:
    if value == NOT_PRINTED:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not Decimal(value).is_finite():
        raise ValueError(f"{value!r} is neither a number nor {NOT_PRINTED!r}, which stands for what is not printed")
    number = Decimal(value)
    if abs(number) > _LARGEST or number.as_tuple().exponent < -_MOST_DECIMALS:  # type: ignore[operator]  # finite
        raise ValueError(f"a figure is at most {_LARGEST} and has at most {_MOST_DECIMALS} decimals")
    return value


Text = Annotated[str, BeforeValidator(_plain), Field(max_length=600)]
Label = Annotated[str, BeforeValidator(_plain), Field(min_length=1, max_length=120)]
Figure = Annotated[Decimal | None, BeforeValidator(_figure)]
Share = Annotated[Decimal, Field(gt=0, le=1)]
Column = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+(/[a-z0-9_ ]+)?$", max_length=80)]


class BoardEntry(BaseModel):
    """The leaderboard's table that figures belong to, see `BoardKey`."""

    model_config = _FROZEN

    task: Word
    protocol: Word
    variant: Annotated[str, Field(pattern=r"^[a-z0-9_]*$")] = ""
    data: Label
    split: Label

    @property
    def key(self) -> BoardKey:
        """The same as the key that rows carry."""
        return BoardKey(self.task, self.protocol, self.variant, self.data, self.split)


class Block(BaseModel):
    """Columns that stand side by side under one heading.

    Attributes:
        name: Name that rows and findings refer to.
        printed: The heading as printed.
        board: Name of the board that the figures belong to; None if each row says it.
        ratio: Share of the training labels; None if each row says it.
        columns: Names of the figures in the printed order: those of the task's scores (`miou`), or the figure of a
            class, e.g. `iou/right hip`.
        counted: What figures count, by the end of their names: `{AR50 = 2243}` says that each `..._AR50` is a share of
            2,243 people, so that it can only be a whole number of them.
    """

    model_config = _FROZEN

    name: Word
    printed: Label
    board: Word | None = None
    ratio: Share | None = None
    columns: Annotated[tuple[Column, ...], Field(min_length=1, max_length=200)]
    counted: Mapping[Column, Annotated[int, Field(gt=0)]] = Field(default_factory=dict)


class Model(BaseModel):
    """What was scored, as far as the publication says it.

    Attributes:
        name: Name for tables.
        method: Method of pre-training, or what stands for it (`scratch`, `imagenet`, `none`).
        recipe: What differs from the method as its authors propose it, e.g. the terms of an ablation step; empty if
            nothing does.
        backbone: Architecture of the encoder.
        init: What the pre-training, or the training without one, started from.
        pretrain_data: Data of the pre-training; empty if there is none or it is unknown.
    """

    model_config = _FROZEN

    name: Label
    method: Word
    recipe: Text = ""
    backbone: Text = ""
    init: Text = ""
    pretrain_data: Text = ""


class Overrides(BaseModel):
    """What differs in one block from what the row says, where a table changes it from column to column."""

    model_config = _FROZEN

    name: Label | None = None
    method: Word | None = None
    recipe: Text | None = None
    backbone: Text | None = None
    init: Text | None = None
    pretrain_data: Text | None = None


FindingKind = Literal[
    "range", "mean", "order", "count", "rounding", "differs", "exchanged", "repeats", "coincides", "falls"
]


class DeclaredFinding(BaseModel):
    """What is odd about a row's figures, beside the row; computed findings and declared ones have to be the same.

    Attributes:
        kind: See `findings.MEANINGS`.
        figures: Its figures that are concerned, `<block>:<column>`; `<block>:*` stands for all of a block.
        against: The row that they are held against, `<file stem> row <number>`; empty if there is none.
        note: What a reader should know, one or more sentences.
    """

    model_config = _FROZEN

    kind: FindingKind
    figures: Annotated[tuple[Label, ...], Field(min_length=1)]
    against: Text = ""
    note: Annotated[Text, Field(min_length=20, pattern=r"\.$")]


class TableRow(Model):
    """A printed row.

    Attributes:
        printed: The row's heading as printed.
        board: Name of the board, where the block has none.
        ratio: Share of the training labels, where the block has none.
        ablation: Step of an ablation study, from 1.
        within: By block, what differs there.
        values: Figures of all blocks in the printed order, with the printed digits; "-" where there is none.
        notes: What a reader should know, whole sentences.
        finding: What is odd about the figures.
    """

    printed: Label
    board: Word | None = None
    ratio: Share | None = None
    ablation: Annotated[int, Field(ge=1)] | None = None
    within: Mapping[Word, Overrides] = Field(default_factory=dict)
    values: Annotated[tuple[Figure, ...], Field(max_length=1000)]
    notes: tuple[Text, ...] = ()
    finding: tuple[DeclaredFinding, ...] = ()


class Gain(BaseModel):
    """A difference that a publication states without the scores behind it; never a score.

    Attributes:
        subject: Task and data, in words.
        figure: Name of the figure, in words.
        value: The difference, with the printed digits; positive if it is an improvement.
        unit: Its unit.
        against: What it is held against, in words.
        notes: What a reader should know, whole sentences.
    """

    model_config = _FROZEN

    subject: Label
    figure: Label
    value: Annotated[Decimal, BeforeValidator(_figure)]
    unit: Label
    against: Label
    notes: tuple[Text, ...] = ()


class PublishedTable(BaseModel):
    """What one printed table, or page, of a publication states.

    Attributes:
        stem: Name of the file without its ending; not part of the file.
        paper: Key of the publication in `citations.bib`.
        table: What the publication calls it, e.g. `Table 9`.
        caption: What it shows, in our words.
        unit: Unit of all figures.
        higher_is_better: Whether higher figures are better.
        notes: What holds for all its rows, whole sentences.
        board: By name, what the blocks and rows refer to.
        block: Blocks of columns in the printed order.
        row: Rows in the printed order.
        gain: Differences that are stated without scores.
    """

    model_config = _FROZEN

    stem: Annotated[str, Field(pattern=STEM, max_length=80)]
    paper: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    table: Label
    caption: Label
    unit: Text = ""
    higher_is_better: bool = True
    notes: tuple[Text, ...] = ()
    board: Mapping[Word, BoardEntry] = Field(default_factory=dict)
    block: Annotated[tuple[Block, ...], Field(max_length=50)] = ()
    row: Annotated[tuple[TableRow, ...], Field(max_length=500)] = ()
    gain: tuple[Gain, ...] = ()

    @property
    def n_figures(self) -> int:
        """Number of figures that the table prints in its rows."""
        return sum(value is not None for row in self.row for value in row.values)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not self.row and not self.gain:
            raise ValueError("the file states nothing: it has neither [[row]] nor [[gain]]")
        _refuse_repeated("block", [block.name for block in self.block])
        for block in self.block:
            _refuse_repeated(f"column in block {block.name}", block.columns)
            for end in block.counted:
                if not any(column.endswith(f"_{end}") for column in block.columns):
                    raise ValueError(f"block {block.name} counts {end}, but no column ends in _{end}")
        used = set()
        for number, row in enumerate(self.row, 1):
            used |= self._boards_of(number, row)
        unused = sorted(self.board.keys() - used)
        if unused:
            raise ValueError(f"no figure belongs to board {', '.join(unused)}; remove it, or name it in a block")
        return self

    def _boards_of(self, number: int, row: TableRow) -> set[str]:
        """Names of the boards that a row's figures belong to; raises ValueError if the row does not fit the blocks."""
        where = f"row {number} ({row.printed})"
        columns = sum(len(block.columns) for block in self.block)
        if len(row.values) != columns:
            raise ValueError(f"{where} has {len(row.values)} values for {columns} columns")
        strangers = sorted(row.within.keys() - {block.name for block in self.block})
        if strangers:
            raise ValueError(f"{where} says something of block {', '.join(strangers)}, which the table does not have")
        boards = set()
        for block in self.block:
            name = row.board or block.board
            if name is None or name not in self.board:
                raise ValueError(f"{where}: block {block.name} belongs to board {name!r}, which is not declared")
            if (row.ratio is None) == (block.ratio is None):
                raise ValueError(f"{where}: give the ratio of block {block.name} in the row or in the block, once")
            if row.board is not None and block.board is not None:
                raise ValueError(f"{where}: give the board of block {block.name} in the row or in the block, once")
            boards.add(name)
        return boards


def _refuse_repeated(what: str, names: tuple[str, ...] | list[str]) -> None:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(f"{what} {', '.join(repeated)} is given more than once")
