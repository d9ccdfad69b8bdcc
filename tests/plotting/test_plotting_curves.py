"""Curves of a run hold what its table holds."""

from __future__ import annotations

import pytest

from hcmoco_bench.plotting.curves import loss_curves

TABLE = {
    "step": ["1", "2", "3", "4"],
    "stage": ["sample", "sample", "all", "all"],
    "epoch": ["1", "1", "1", "1"],
    "lr": ["0.03", "0.02", "0.03", "0.02"],
    "loss": ["4.0", "3.0", "6.0", "5.0"],
    "grad_norm": ["2.0", "1.0", "2.0", "1.0"],
    "dense": ["", "", "3.0", "2.0"],
    "accuracy/dense": ["", "", "0.25", "0.5"],
}


def test_each_term_is_drawn_where_it_was_learned() -> None:
    loss, terms, accuracies, *_ = loss_curves(TABLE).axes
    drawn = {line.get_label(): line.get_xydata().tolist() for axis in (loss, terms) for line in axis.lines}
    assert drawn["dense"] == [[3.0, 3.0], [4.0, 2.0]]
    assert drawn["loss"] == [[1.0, 4.0], [2.0, 3.0], [3.0, 6.0], [4.0, 5.0]]
    assert [line.get_xydata().tolist() for line in accuracies.lines if line.get_label() == "dense"] == [
        [[3.0, 0.25], [4.0, 0.5]]
    ]


def test_a_table_without_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="no step"):
        loss_curves({name: [] for name in TABLE})
