"""Semantic segmentation: confusion matrix, IoU and accuracy, with the published rules and the usual alternatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from hcmoco_bench.errors import DataError, LabelError
from hcmoco_bench.metrics.per_sample import SampleRows, require_scored
from hcmoco_bench.results import Evidence
from hcmoco_bench.runtime.ranks import gather_objects

Absent = Literal["zero", "skip"]
Indices = Tensor | NDArray[np.integer[Any]]
METRIC: Final = "segmentation"
ADDITIVE: Final = frozenset({"intersection", "target", "prediction"})
"""Columns of the evidence of which the scores use only the sums over samples."""


@dataclass(frozen=True, eq=False)
class SegmentationScores:
    """Scores over all samples together, 0..1; nan where nothing is there to average.

    Attributes:
        miou: Mean over classes of intersection over union.
        macc: Mean over classes of the share of the class's pixels that are found.
        aacc: Share of pixels that are right; without background, of pixels that belong to a part.
        iou: (C,) per class, background always included; an absent class has 0 or nan, by the rule, and an ignored one
            nan.
        acc: (C,) the same.
        confusion: (C, C) int64 pixels, [target, prediction].
    """

    miou: float
    macc: float
    aacc: float
    iou: NDArray[np.float64]
    acc: NDArray[np.float64]
    confusion: NDArray[np.int64]


class SegmentationMetric:
    """Counts pixels per class on the device where predictions are; nothing of an image is kept but 3 C numbers.

    With several processes each sample belongs to one of them; all call `compute` and `evidence`.

    Args:
        class_names: Names of the C classes; the first is background.
        ignore_index: Label of target pixels that do not count. If it is one of the classes, that class is left out of
            the means, whatever `absent` says; predicting it where another class is right is wrong.
        absent: zero (published): a class that neither prediction nor target has scores 0; skip: it is left out of the
            means. For macc, absent means absent from the targets.
        background: Whether the first class counts in the means (published: yes; PointNet++: no).
        device: Where the confusion matrix is kept.
    """

    def __init__(
        self,
        class_names: Sequence[str],
        *,
        ignore_index: int = 255,
        absent: Absent = "zero",
        background: bool = True,
        device: torch.device | str = "cpu",
    ) -> None:
        self.class_names = tuple(class_names)
        self.ignore_index = ignore_index
        n = len(self.class_names)
        self._confusion = torch.zeros(n, n, dtype=torch.int64, device=device)
        meta: dict[str, Any] = {"class_names": list(self.class_names), "absent": absent, "background": background}
        if 0 <= ignore_index < n:
            meta["ignored_class"] = ignore_index
        counts = ((n,), np.int32)
        self._rows = SampleRows(METRIC, dict.fromkeys(("intersection", "target", "prediction"), counts), meta)

    def reset(self) -> None:
        """Forget everything."""
        self._confusion.zero_()
        self._rows.clear()

    def update(self, prediction: Indices, target: Indices, sample_ids: Sequence[str]) -> None:
        """Count a batch; in full or, if it is refused, not at all.

        Args:
            prediction: (B, H, W) class indices of any integer dtype, tensor on any device or array; may be anything
                where the target is ignored.
            target: (B, H, W) class indices or `ignore_index`, likewise.
            sample_ids: B ids.

        Raises:
            DataError: If sizes differ (`prediction_wrong_size`).
            LabelError: If a label or prediction is no class (`label_unknown`); names the samples.
        """
        prediction, target = _tensor(prediction), _tensor(target)
        _require_same_size(prediction, target, sample_ids)
        self._add([self._count(*one) for one in zip(prediction, target, sample_ids, strict=True)], sample_ids)

    def update_logits(self, logits: Tensor, target: Indices, sample_ids: Sequence[str]) -> None:
        """Count a batch of which the class scores are given; they are resized bilinearly to the target's size.

        One sample at a time is resized, so memory does not grow with the batch.

        Args:
            logits: (B, C, h, w) floating point; of any size.
            target: As in `update`.
            sample_ids: B ids.

        Raises:
            DataError: If the scores have another number of classes (`prediction_wrong_size`) or nan or infinity as the
                highest of a pixel (`prediction_not_finite`).
            LabelError: As in `update`.
        """
        n = len(self.class_names)
        target = _tensor(target)
        if logits.ndim != 4 or logits.shape[1] != n or not len(logits) == len(target) == len(sample_ids):
            raise DataError(
                f"class scores of shape {tuple(logits.shape)} for {len(sample_ids)} samples and {n} classes; they must "
                "be (samples, classes, height, width)",
                kind="prediction_wrong_size",
            )
        confusion = []
        for scores, labels, name in zip(logits, target, sample_ids, strict=True):
            if scores.shape[1:] != labels.shape:
                scores = functional.interpolate(scores[None].float(), size=labels.shape, mode="bilinear")[0]
            # Beside being faster than argmax, max passes nan on, so that the C maps need not be searched for it.
            highest, prediction = scores.max(0)
            if not bool(highest.isfinite().all()):
                raise DataError(
                    f"sample {name}: class scores are nan or infinite; the model has diverged, or its input is bad",
                    kind="prediction_not_finite",
                )
            confusion.append(self._count(prediction, labels, name))
        self._add(confusion, sample_ids)

    def compute(self) -> SegmentationScores:
        """Scores of the samples of all processes.

        Raises:
            DataError: If there is none (`nothing_scored`), or one came twice (`duplicate_ids`).
        """
        evidence = self.evidence()
        require_scored(evidence)
        confusion = sum(gather_objects(self._confusion.cpu().numpy()))
        return SegmentationScores(*_figures(evidence), confusion=np.asarray(confusion, np.int64))

    def evidence(self) -> Evidence:
        """Per sample and class: pixels where both agree, of the target, of the prediction; without ignored ones."""
        return self._rows.evidence()

    def _count(self, prediction: Tensor, target: Tensor, name: str) -> Tensor:
        """Confusion (C, C) of one sample, on the device of its prediction."""
        n = len(self.class_names)
        target = target.to(prediction.device)
        counted = target != self.ignore_index
        # Ignored pixels are counted as background that is found, and then taken off again.
        row, column = target.where(counted, 0), prediction.where(counted, 0)
        if counted.numel():
            lowest, *_, highest = sorted(torch.stack([*row.aminmax(), *column.aminmax()]).tolist())
            if lowest < 0 or highest >= n:
                raise _no_class({"label": row, "prediction": column}, n, self.ignore_index, name)
        key = row.to(torch.int32).mul_(n).add_(column)
        confusion = torch.bincount(key.flatten(), minlength=n * n)
        confusion[0] -= (~counted).sum()
        return confusion.view(n, n)

    def _add(self, confusion: Sequence[Tensor], sample_ids: Sequence[str]) -> None:
        if not confusion:
            return
        each = torch.stack(list(confusion))
        self._confusion += each.sum(0).to(self._confusion.device)
        parts = [each.diagonal(dim1=1, dim2=2), each.sum(2), each.sum(1)]
        intersection, target, prediction = torch.stack(parts).cpu().numpy()
        self._rows.append(sample_ids, {"intersection": intersection, "target": target, "prediction": prediction})


def segmentation_scores(
    evidence: Evidence, *, absent: Absent | None = None, background: bool | None = None
) -> dict[str, float]:
    """The figures of `SegmentationMetric`, from its evidence alone: miou, macc, aacc.

    Args:
        evidence: Of `SegmentationMetric`.
        absent: Another rule than that of the evaluation.
        background: Another rule than that of the evaluation.
    """
    found = _figures(evidence, absent, background)
    return {name: getattr(found, name) for name in ("miou", "macc", "aacc")}


def segmentation_scores_and_parts(evidence: Evidence) -> dict[str, float]:
    """`segmentation_scores` by the rules of the evaluation, and miou_parts, the mean without background."""
    found = _figures(evidence)
    return {"miou": found.miou, "macc": found.macc, "aacc": found.aacc, "miou_parts": _mean(found.iou[1:])}


def segmentation_per_class(evidence: Evidence) -> dict[str, dict[str, float | None]]:
    """IoU and accuracy by class name, from the evidence alone; None where the class is absent (also if it scores 0)."""
    found = _figures(evidence, absent="skip")
    figures = zip(evidence.meta["class_names"], found.iou, found.acc, strict=True)
    return {name: {"iou": _or_none(iou), "accuracy": _or_none(acc)} for name, iou, acc in figures}


class _Figures(NamedTuple):
    miou: float
    macc: float
    aacc: float
    iou: NDArray[np.float64]
    acc: NDArray[np.float64]


def _figures(evidence: Evidence, absent: Absent | None = None, background: bool | None = None) -> _Figures:
    absent = evidence.meta["absent"] if absent is None else absent
    if absent not in get_args(Absent):
        raise DataError(
            f"evidence of {METRIC}: absent = {absent!r} is no rule; there are {' and '.join(get_args(Absent))}",
            kind="evidence_damaged",
        )
    first = 0 if (evidence.meta["background"] if background is None else background) else 1
    intersection, target, prediction = (
        evidence.columns[name].sum(0, dtype=np.int64) for name in ("intersection", "target", "prediction")
    )
    nothing = 0.0 if absent == "zero" else np.nan
    iou = _share(intersection, target + prediction - intersection, nothing)
    acc = _share(intersection, target, nothing)
    ignored = evidence.meta.get("ignored_class")
    if ignored is not None:
        iou[ignored] = acc[ignored] = np.nan
    aacc = _share(intersection[first:].sum(keepdims=True), target[first:].sum(keepdims=True), np.nan)
    return _Figures(_mean(iou[first:]), _mean(acc[first:]), float(aacc[0]), iou, acc)


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _share(part: NDArray[np.int64], whole: NDArray[np.int64], nothing: float) -> NDArray[np.float64]:
    return np.where(whole > 0, part / np.maximum(whole, 1), nothing)


def _mean(values: NDArray[np.float64]) -> float:
    there = values[~np.isnan(values)]
    # A sum and a division are what the method does, at a third of its cost; intervals score thousands of draws.
    return float(np.add.reduce(there) / len(there)) if len(there) else float("nan")


def _tensor(values: Indices) -> Tensor:
    if isinstance(values, Tensor):
        return values
    # Torch hardly computes with unsigned integers of more than 8 bits.
    return torch.as_tensor(values.astype(np.int64) if values.dtype.kind == "u" and values.itemsize > 1 else values)


def _require_same_size(prediction: Tensor, target: Tensor, sample_ids: Sequence[str]) -> None:
    if prediction.shape != target.shape or target.ndim != 3 or len(target) != len(sample_ids):
        raise DataError(
            f"prediction {tuple(prediction.shape)} and label {tuple(target.shape)} of samples {', '.join(sample_ids)}: "
            "both must be (samples, height, width) of the same size; resize the prediction to the label",
            kind="prediction_wrong_size",
        )
    if prediction.is_floating_point() or target.is_floating_point():
        raise DataError(
            f"prediction {prediction.dtype} and label {target.dtype}: class indices are integers; for class scores "
            "there is update_logits",
            kind="prediction_wrong_type",
        )


def _no_class(maps: Mapping[str, Tensor], n: int, ignore_index: int, name: str) -> LabelError:
    found = []
    for what, values in maps.items():
        outside, pixels = values[(values < 0) | (values >= n)].unique(return_counts=True)  # type: ignore[no-untyped-call]
        listed = [f"{value} ({k} px)" for value, k in zip(outside.tolist(), pixels.tolist(), strict=True)]
        found += [f"{what} outside 0..{n - 1}: {', '.join(listed)}"] if listed else []
    return LabelError(
        f"sample {name}: {'; '.join(found)}; correct it, or map raw ids to class indices ({ignore_index} is ignored)",
        kind="label_unknown",
    )
