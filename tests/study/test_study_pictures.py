"""Pictures of studies: curves over amounts, and effects with their intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hcmoco_bench.plotting.effects import Effect, effects_figure
from hcmoco_bench.plotting.method_curves import CurvePanel, method_curves_figure
from hcmoco_bench.plotting.seed_scores import SeedScores


def points(level: float, *amounts: float) -> tuple[tuple[float, SeedScores], ...]:
    return tuple((amount, SeedScores(level + amount, level, level + 2, (level, level + 2))) for amount in amounts)


def test_curves_pass_through_the_means_and_keep_their_color() -> None:
    ticks = ((0.1, "10 %"), (1.0, "100 %"))
    first = CurvePanel("one", "labels", "score", ticks, (("A", points(1, 0.1, 1.0)), ("B", points(2, 0.1, 1.0))))
    second = CurvePanel("two", "labels", "score", ticks, (("B", points(3, 0.1)),))
    left, right = method_curves_figure([first, second]).axes
    lines = {line.get_label(): line for line in left.get_lines() if not line.get_label().startswith("_")}
    assert set(lines) == {"A", "B"}
    np.testing.assert_allclose(lines["B"].get_ydata(), [2.1, 3.0])
    (other,) = (line for line in right.get_lines() if line.get_label() == "B")
    assert other.get_color() == lines["B"].get_color() != lines["A"].get_color()
    assert [label.get_text() for label in left.get_xticklabels()] == ["10 %", "100 %"]
    # Points of one amount stand beside each other, nearer to their amount than to the next.
    assert lines["A"].get_xdata()[0] < 0.1 < lines["B"].get_xdata()[0] < math.sqrt(0.1)
    with pytest.raises(ValueError, match="no panel"):
        method_curves_figure([])


def test_effects_have_a_line_each_and_an_interval_where_it_is_known() -> None:
    known, unknown = Effect("known", 1.0, 0.5, 1.5, True), Effect("unknown", -1.0, math.nan, math.nan, False)
    (axis,) = effects_figure([("points", [known, unknown])]).axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["known", "unknown"]
    spans = [tuple(line.get_xdata()) for line in axis.get_lines() if len(line.get_xdata()) == 2]
    assert (0.5, 1.5) in spans
    assert not any(math.isnan(value) for span in spans for value in span)
    faces = [line.get_markerfacecolor() for line in axis.get_lines() if line.get_marker() == "o"]
    assert faces == ["C0", "white"]
    with pytest.raises(ValueError, match="no difference"):
        effects_figure([])
