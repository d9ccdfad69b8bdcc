"""Segmentation against the published scores, brute force, and properties that any such metric has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from hcmoco_bench.body import part_table
from hcmoco_bench.errors import DataError, LabelError
from hcmoco_bench.metrics import SegmentationMetric, segmentation_per_class, segmentation_scores
from hcmoco_bench.results import load_evidence, save_evidence

NAMES = ("background", "head", "arm", "leg")


def draw(seed: int, b: int = 3, size: tuple[int, int] = (9, 7), n: int = len(NAMES)) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    prediction = torch.randint(n, (b, *size), generator=generator)
    target = torch.randint(n, (b, *size), generator=generator)
    target[torch.rand(target.shape, generator=generator) < 0.2] = 255
    return prediction, target


def ids(n: int, start: int = 0) -> list[str]:
    return [f"s{i:03d}" for i in range(start, start + n)]


def counted(prediction: Tensor, target: Tensor, **options: Any) -> SegmentationMetric:
    metric = SegmentationMetric(NAMES, **options)
    metric.update(prediction, target, ids(len(target)))
    return metric


@pytest.mark.oracle
class TestPublished:
    @pytest.fixture
    def reference(self, oracle: Path) -> dict[str, np.ndarray]:
        with np.load(oracle / "segmentation.npz", allow_pickle=False) as arrays:
            return dict(arrays)

    @pytest.mark.parametrize("way", ["logits", "indices", "one by one"])
    def test_all_figures(self, reference: dict[str, np.ndarray], way: str) -> None:
        logits, target = torch.tensor(reference["logits"]), torch.tensor(reference["target"])
        n = logits.shape[1]
        names = part_table().names if n == len(part_table()) else [str(i) for i in range(n)]
        metric = SegmentationMetric(names, ignore_index=int(reference["ignore_index"]))
        if way == "logits":
            metric.update_logits(logits, target, ids(len(target)))
        elif way == "indices":
            metric.update(logits.argmax(1), target, ids(len(target)))
        else:
            for i in range(len(target)):
                metric.update(logits[i : i + 1].argmax(1).byte(), target[i : i + 1].short(), ids(1, i))
        found = metric.compute()
        np.testing.assert_array_equal(found.confusion, reference["confusion"])
        np.testing.assert_allclose(found.iou, reference["iou"], rtol=1e-12)
        again = segmentation_scores(metric.evidence())
        for name in ("miou", "macc", "aacc"):
            assert getattr(found, name) == pytest.approx(float(reference[name]), rel=1e-12)
            assert again[name] == getattr(found, name)


class TestByHand:
    """Two pixels of head found, one taken for an arm; a pixel of background taken for head; legs nowhere."""

    prediction = torch.tensor([[[0, 0, 0, 1], [1, 1, 2, 3]]])
    target = torch.tensor([[[0, 0, 0, 0], [1, 1, 1, 255]]])

    @pytest.mark.parametrize(
        ("options", "miou", "macc", "aacc"),
        [
            ({}, (3 / 4 + 2 / 4 + 0 + 0) / 4, (3 / 4 + 2 / 3) / 4, 5 / 7),
            ({"absent": "skip"}, (3 / 4 + 2 / 4 + 0) / 3, (3 / 4 + 2 / 3) / 2, 5 / 7),
            ({"background": False}, (2 / 4 + 0 + 0) / 3, (2 / 3) / 3, 2 / 3),
            ({"background": False, "absent": "skip"}, (2 / 4 + 0) / 2, 2 / 3, 2 / 3),
        ],
    )
    def test_rules(self, options: dict[str, Any], miou: float, macc: float, aacc: float) -> None:
        metric = counted(self.prediction, self.target, **options)
        found = metric.compute()
        assert (found.miou, found.macc, found.aacc) == pytest.approx((miou, macc, aacc))
        plain = counted(self.prediction, self.target).evidence()
        assert segmentation_scores(plain, **options) == segmentation_scores(metric.evidence())

    def test_classes(self) -> None:
        metric = counted(self.prediction, self.target)
        assert metric.compute().confusion.tolist() == [[3, 1, 0, 0], [0, 2, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
        assert metric.compute().iou.tolist() == [0.75, 0.5, 0, 0]
        assert segmentation_per_class(metric.evidence()) == {
            "background": {"iou": 0.75, "accuracy": 0.75},
            "head": {"iou": 0.5, "accuracy": pytest.approx(2 / 3)},
            "arm": {"iou": 0, "accuracy": None},
            "leg": {"iou": None, "accuracy": None},
        }


def test_confusion_is_what_a_loop_counts() -> None:
    prediction, target = draw(0)
    expected = np.zeros((4, 4), int)
    for p, t in zip(prediction.flatten().tolist(), target.flatten().tolist(), strict=True):
        if t != 255:
            expected[t, p] += 1
    np.testing.assert_array_equal(counted(prediction, target).compute().confusion, expected)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.integers(1, 3), min_size=1, max_size=4), st.booleans())
def test_batches_and_order_do_not_matter(seed: int, batches: list[int], together: bool) -> None:
    prediction, target = draw(seed, sum(batches))
    whole = counted(prediction, target)
    metric, order = SegmentationMetric(NAMES), torch.randperm(len(target)).split(batches)
    for rows in [torch.cat(order)] if together else order:
        metric.update(prediction[rows], target[rows], [f"s{i:03d}" for i in rows])
    np.testing.assert_array_equal(metric.compute().confusion, whole.compute().confusion)
    assert metric.evidence().sample_ids == whole.evidence().sample_ids
    for name, column in whole.evidence().columns.items():
        np.testing.assert_array_equal(metric.evidence().columns[name], column)


@pytest.mark.parametrize("prediction_type", [torch.uint8, torch.int16, torch.int64])
@pytest.mark.parametrize("target_type", [torch.uint8, torch.int32, torch.int64])
@pytest.mark.parametrize("ignore_index", [255, 0, 4, -1])
def test_integer_types_and_ignored_labels(
    prediction_type: torch.dtype, target_type: torch.dtype, ignore_index: int
) -> None:
    prediction, target = draw(2)
    target[target == 255] = 1
    if ignore_index >= 0 or target_type != torch.uint8:
        target[:, 2:4] = ignore_index
    keep = target != ignore_index
    expected = torch.bincount(target[keep] * 4 + prediction[keep], minlength=16).view(4, 4)
    found = counted(prediction.to(prediction_type), target.to(target_type), ignore_index=ignore_index).compute()
    assert found.confusion.tolist() == expected.tolist()


@pytest.mark.parametrize("absent", ["zero", "skip"])
@pytest.mark.parametrize("ignored", [0, 2])
def test_an_ignored_class_is_left_out_of_the_means(absent: Any, ignored: int) -> None:
    prediction, target = draw(2)
    target[target == 255] = ignored
    metric = counted(prediction, target, ignore_index=ignored, absent=absent)
    found, keep = metric.compute(), target != ignored
    expected_iou, expected_acc = [], []
    for number in {0, 1, 2, 3} - {ignored}:
        both = int(((prediction == number) & (target == number)).sum())
        either = int((((prediction == number) | (target == number)) & keep).sum())
        expected_iou.append(both / either)
        expected_acc.append(both / int((target == number).sum()))
    assert found.miou == pytest.approx(np.mean(expected_iou))
    assert found.macc == pytest.approx(np.mean(expected_acc))
    assert np.isnan([found.iou[ignored], found.acc[ignored]]).all()
    assert segmentation_scores(metric.evidence())["miou"] == found.miou
    assert segmentation_per_class(metric.evidence())[NAMES[ignored]] == {"iou": None, "accuracy": None}
    assert counted(target, target, ignore_index=ignored, absent=absent).compute().miou == 1


def test_a_rule_for_absent_classes_that_there_is_not() -> None:
    evidence = counted(*draw(0)).evidence()
    with pytest.raises(DataError, match="absent = 'zro' is no rule; there are zero and skip"):
        segmentation_scores(replace(evidence, meta={**evidence.meta, "absent": "zro"}))


@pytest.mark.parametrize("kind", ["uint8", "uint16", "int32", "uint64"])
def test_arrays_do_as_well(kind: str) -> None:
    prediction, target = draw(2)
    metric = SegmentationMetric(NAMES)
    metric.update(prediction.numpy().astype(kind), target.numpy().astype(kind), ids(3))
    assert metric.compute().confusion.tolist() == counted(prediction, target).compute().confusion.tolist()


def test_a_perfect_prediction_scores_one_and_a_wrong_one_zero() -> None:
    _, target = draw(3)
    right = target.where(target != 255, 17)  # what stands where the target is ignored does not matter
    assert counted(right, target).compute().miou == 1
    wrong = counted((target + 1) % 4, target).compute()
    assert (wrong.miou, wrong.aacc) == (0, 0)


class TestLogits:
    def test_they_are_resized_as_torch_does(self) -> None:
        generator = torch.Generator().manual_seed(0)
        logits = torch.randn(2, 4, 5, 6, generator=generator)
        _, target = draw(4, 2, (23, 19))
        metric = SegmentationMetric(NAMES)
        metric.update_logits(logits, target, ids(2))
        resized = functional.interpolate(logits, size=(23, 19), mode="bilinear", align_corners=False).argmax(1)
        np.testing.assert_array_equal(metric.compute().confusion, counted(resized, target).compute().confusion)

    def test_equal_scores_give_the_first_class(self) -> None:
        _, target = draw(5)
        metric = SegmentationMetric(NAMES)
        metric.update_logits(torch.zeros(3, 4, 9, 7), target, ids(3))
        expected = counted(torch.zeros_like(target), target).compute()
        np.testing.assert_array_equal(metric.compute().confusion, expected.confusion)

    def test_half_precision(self) -> None:
        generator = torch.Generator().manual_seed(0)
        logits = torch.randn(3, 4, 9, 7, generator=generator).bfloat16()
        _, target = draw(4)
        metric = SegmentationMetric(NAMES)
        metric.update_logits(logits, target, ids(3))
        expected = counted(logits.float().argmax(1), target).compute()
        np.testing.assert_array_equal(metric.compute().confusion, expected.confusion)

    @pytest.mark.parametrize("bad", [float("nan"), float("inf")])
    def test_what_is_not_finite_is_refused_by_name(self, bad: float) -> None:
        logits = torch.zeros(3, 4, 9, 7)
        logits[1, 2, 3, 4] = bad
        metric = SegmentationMetric(NAMES)
        with pytest.raises(DataError, match="sample s001: class scores are nan") as caught:
            metric.update_logits(logits, draw(0)[1], ids(3))
        assert caught.value.kind == "prediction_not_finite"
        assert len(metric.evidence()) == 0

    def test_another_number_of_classes_is_refused(self) -> None:
        with pytest.raises(DataError, match="4 classes"):
            SegmentationMetric(NAMES).update_logits(torch.zeros(3, 5, 9, 7), draw(0)[1], ids(3))


class TestEvidence:
    def test_scores_come_back_from_the_file(self, tmp_path: Path) -> None:
        metric = counted(*draw(6, 8), absent="skip", background=False)
        save_evidence(tmp_path / "one.npz", metric.evidence())
        found = segmentation_scores(load_evidence(tmp_path / "one.npz"))
        expected = metric.compute()
        assert found == {"miou": expected.miou, "macc": expected.macc, "aacc": expected.aacc}

    def test_a_selection_scores_as_those_samples_alone(self) -> None:
        prediction, target = draw(7, 8)
        rows = [5, 0, 3]
        alone = SegmentationMetric(NAMES)
        alone.update(prediction[rows], target[rows], ["a", "b", "c"])
        found = segmentation_scores(counted(prediction, target).evidence().select(rows))
        assert found == pytest.approx(segmentation_scores(alone.evidence()))

    def test_nothing_of_the_images_is_kept(self) -> None:
        evidence = counted(*draw(8, 4, (50, 40))).evidence()
        assert sum(column.nbytes for column in evidence.columns.values()) == 4 * 3 * len(NAMES) * 4


class TestBadInput:
    def refused(self, prediction: Tensor, target: Tensor) -> DataError:
        metric = counted(*draw(9, 2))
        before = metric.compute()
        with pytest.raises(DataError) as caught:
            metric.update(prediction, target, ids(len(target), 50))
        assert metric.compute().confusion.tolist() == before.confusion.tolist()
        assert len(metric.evidence()) == 2
        return caught.value

    @pytest.mark.parametrize("value", [4, 200, -1])
    def test_labels_outside_the_table(self, value: int) -> None:
        prediction, target = draw(0)
        target[1, :2, 0] = value
        error = self.refused(prediction, target)
        assert isinstance(error, LabelError)
        assert f"sample s051: label outside 0..3: {value} (2 px)" in str(error)

    @pytest.mark.parametrize("value", [4, -3])
    def test_predictions_that_are_no_class(self, value: int) -> None:
        prediction, target = draw(0)
        prediction[2, 0, 0], target[2, 0, 0] = value, 1
        assert f"sample s052: prediction outside 0..3: {value} (1 px)" in str(self.refused(prediction, target))

    def test_masks_of_another_size(self) -> None:
        prediction, target = draw(0)
        assert self.refused(prediction[:, 1:], target).kind == "prediction_wrong_size"
        assert self.refused(prediction[:2], target).kind == "prediction_wrong_size"

    def test_scores_where_indices_are_meant(self) -> None:
        prediction, target = draw(0)
        assert self.refused(prediction.float(), target).kind == "prediction_wrong_type"

    def test_a_sample_given_twice(self) -> None:
        metric = counted(*draw(0))
        metric.update(*draw(1), ids(3, 2))
        with pytest.raises(DataError, match=r"1 sample ids come more than once \(s002\)"):
            metric.compute()

    def test_nothing(self) -> None:
        metric = SegmentationMetric(NAMES)
        metric.update(*draw(0, 0), [])
        with pytest.raises(DataError) as caught:
            metric.compute()
        assert caught.value.kind == "nothing_scored"

    @pytest.mark.parametrize("absent", ["zero", "skip"])
    def test_only_ignored_pixels(self, absent: Any) -> None:
        prediction, target = draw(0)
        found = counted(prediction, torch.full_like(target, 255), absent=absent).compute()
        assert np.isnan(found.aacc)
        assert found.miou == 0 if absent == "zero" else np.isnan(found.miou)

    def test_reset_forgets(self) -> None:
        metric = counted(*draw(0))
        metric.reset()
        metric.update(*draw(1), ids(3))
        assert metric.compute().confusion.tolist() == counted(*draw(1)).compute().confusion.tolist()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_counts_as_the_processor() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 4, 90, 70, generator=generator)
    _, target = draw(4, 3, (90, 70))
    found = []
    for device in ("cpu", "cuda"):
        metric = SegmentationMetric(NAMES, device=device)
        metric.update_logits(logits.to(device), target.to(device), ids(3))
        metric.update(target.where(target < 255, 0).to(device), target, ids(3, 3))
        found.append(metric.compute().confusion.tolist())
    assert found[0] == found[1]
