"""The table of losses is the same however often the run was interrupted."""

from __future__ import annotations

from pathlib import Path

import pytest

from hcmoco_bench.errors import DataError
from hcmoco_bench.training.loss_table import LossTable, read_losses

COLUMNS = ("step", "loss", "sample/rgb->depth")


def write(path: Path, steps: range, *, step: int) -> None:
    with LossTable(path, COLUMNS, step=step) as table:
        for number in steps:
            table.append({"step": number, "loss": number / 3} | ({"sample/rgb->depth": 0.1} if number > 2 else {}))


def test_floats_read_back_to_the_same_bits_and_missing_cells_stay_empty(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", range(1, 5), step=0)
    table = read_losses(tmp_path / "a.csv")
    assert [float(value) for value in table["loss"]] == [number / 3 for number in range(1, 5)]
    assert table["sample/rgb->depth"] == ["", "", "0.1", "0.1"]


def test_a_resumed_table_forgets_what_came_after_the_checkpoint(tmp_path: Path) -> None:
    write(tmp_path / "whole.csv", range(1, 9), step=0)
    write(tmp_path / "cut.csv", range(1, 7), step=0)
    with (tmp_path / "cut.csv").open("a") as handle:
        handle.write("7,2.3")  # killed in the middle of a line
    write(tmp_path / "cut.csv", range(5, 9), step=4)
    assert (tmp_path / "cut.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_a_table_of_other_columns_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("step,other\n1,2\n")
    with pytest.raises(DataError, match="other columns"):
        LossTable(tmp_path / "a.csv", COLUMNS, step=1)
