"""A printed table taken apart: the figures of one row in one block, with all that is said of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from hcmoco_bench.leaderboard.published.schema import Block, Model, PublishedTable, TableRow
from hcmoco_bench.leaderboard.row import BoardKey


@dataclass(frozen=True)
class Run:
    """A trained model on one split, as far as a publication tells models apart; equal ones are the same run."""

    paper: str
    key: BoardKey
    method: str
    recipe: str
    backbone: str
    init: str
    pretrain_data: str
    ratio: Decimal


@dataclass(frozen=True)
class Strip:
    """The figures of one printed row under one heading.

    Attributes:
        table: The table.
        number: Number of the row, from 1.
        row: The row.
        block: The block of columns.
        run: The run that was scored.
        name: The model's name, as it is in this block.
        figures: Figures by column, those that are printed.
    """

    table: PublishedTable
    number: int
    row: TableRow
    block: Block
    run: Run
    name: str
    figures: Mapping[str, Decimal]

    @property
    def place(self) -> str:
        """Where it is printed, as findings refer to it."""
        return f"{self.table.stem} row {self.number}"


def strips(tables: Iterable[PublishedTable]) -> tuple[Strip, ...]:
    """All rows of all tables, block by block, in the printed order."""
    return tuple(strip for table in tables for strip in _of_table(table))


def _of_table(table: PublishedTable) -> Iterator[Strip]:
    for number, row in enumerate(table.row, 1):
        start = 0
        for block in table.block:
            values = row.values[start : start + len(block.columns)]
            start += len(block.columns)
            model = _model(row, block)
            figures = {name: value for name, value in zip(block.columns, values, strict=True) if value is not None}
            yield Strip(table, number, row, block, _run(table, row, block, model), model.name, figures)


def _model(row: TableRow, block: Block) -> Model:
    said = {name: getattr(row, name) for name in Model.model_fields}
    if block.name in row.within:
        said |= row.within[block.name].model_dump(exclude_none=True)
    return Model(**said)


def _run(table: PublishedTable, row: TableRow, block: Block, model: Model) -> Run:
    board, ratio = row.board or block.board, row.ratio if block.ratio is None else block.ratio
    if board is None or ratio is None:
        raise ValueError(f"{table.stem}: a row or block has no board or ratio")  # the schema has refused it before
    return Run(
        paper=table.paper,
        key=table.board[board].key,
        method=model.method,
        recipe=model.recipe,
        backbone=model.backbone,
        init=model.init,
        pretrain_data=model.pretrain_data,
        ratio=ratio,
    )
