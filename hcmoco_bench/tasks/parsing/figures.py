"""Images of parsing results: bars of each class, confusion, and a sheet of samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from hcmoco_bench.body import part_table
from hcmoco_bench.data.parsing import ParsingBatch
from hcmoco_bench.metrics.segmentation import SegmentationScores
from hcmoco_bench.plotting.parsing import ParsedSample, class_bars, confusion_figure, parsing_sheet
from hcmoco_bench.tasks.core.task import ResultFigure
from hcmoco_bench.uniform import spread


@dataclass
class SheetSamples:
    """Collects some samples, evenly spread over a split."""

    ids: tuple[str, ...]
    number: int
    samples: list[ParsedSample] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.wanted = frozenset(spread(self.ids, self.number))

    def __contains__(self, name: str) -> bool:
        return name in self.wanted

    def add(self, batch: ParsingBatch, place: int, label: Tensor, prediction: Tensor) -> None:
        """Keep a sample of a batch: its input, its labels and prediction."""
        image: NDArray[Any]
        if batch.rgb is not None:
            image = batch.rgb[place].permute(1, 2, 0).cpu().numpy()
        elif batch.depth is not None:
            image = batch.depth[place, 0].cpu().numpy()
        truth, found = (labels.cpu().numpy().astype(np.uint8) for labels in (label, prediction))
        self.samples.append(ParsedSample(batch.sample_ids[place], image, batch.regions[place], truth, found))


def parsing_figures(
    found: SegmentationScores, per_class: Mapping[str, Mapping[str, float | None]], sheet: SheetSamples
) -> tuple[ResultFigure, ...]:
    """Bars of each class, the confusion matrix, and the sheet if it has samples; drawn when they are asked for."""
    names = part_table().names
    figures = [
        ResultFigure("classes", "IoU and accuracy of each class", partial(class_bars, per_class)),
        ResultFigure("confusion", "What each class is taken for", partial(confusion_figure, found.confusion, names)),
    ]
    if sheet.samples:
        samples = sorted(sheet.samples, key=lambda sample: sample.sample_id)
        figures.append(
            ResultFigure("sheet", "Input, labels, prediction, and where they differ", partial(parsing_sheet, samples))
        )
    return tuple(figures)
