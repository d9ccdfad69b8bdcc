"""Images of parsing results say what is in the numbers."""

from __future__ import annotations

import numpy as np
import pytest

from hcmoco_bench.body import part_table
from hcmoco_bench.plotting.parsing import ParsedSample, class_bars, confusion_figure, parsing_sheet


def test_the_sheet_names_samples_and_counts_errors() -> None:
    truth = np.zeros((40, 60), np.uint8)
    truth[10:30, 20:30] = 5
    truth[0] = 255
    found = truth.copy()
    found[10:20] = 0
    found[0] = 3
    depth = ParsedSample("one", np.ones((20, 20)), (0, 0, 60, 60), truth, found)
    rgb = ParsedSample("two", np.zeros((30, 30, 3), np.uint8), (10, 5, 30, 30), truth, truth)
    nobody = ParsedSample("three", np.zeros((8, 8)), (0, 0, 60, 60), np.zeros_like(truth), np.zeros_like(truth))
    figure = parsing_sheet([depth, rgb, nobody])
    titles = [axis.get_title() for axis in figure.axes]
    assert titles[0] == "one"
    assert titles[3] == "wrong: 50 % of the person"
    assert titles[7] == "wrong: 0 % of the person"
    assert tuple(figure.axes[4].images[0].get_extent()) == (9.5, 39.5, 34.5, 4.5)
    with pytest.raises(ValueError, match="at least one"):
        parsing_sheet([])


def test_bars_of_classes_that_are_there_and_not() -> None:
    names = part_table().names
    per_class = {name: {"iou": 10.0, "accuracy": None} for name in names}
    figure = class_bars(per_class)
    assert [text.get_text() for text in figure.axes[1].texts] == ["absent"] * 25
    assert {patch.get_width() for patch in figure.axes[0].patches} == {10.0}


def test_confusion_is_a_share_of_each_line() -> None:
    confusion = np.array([[90, 10], [0, 0]])
    figure = confusion_figure(confusion, ("background", "head"))
    shown = figure.axes[0].images[0].get_array()
    assert shown is not None
    assert shown[0].tolist() == [90.0, 10.0]
    assert shown.mask[1].all()
