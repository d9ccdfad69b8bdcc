"""Records move as a whole: every tensor in them, at any depth, and nothing else."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, fields
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from hcmoco_bench.data.batch import Batch
from hcmoco_bench.data.densepose import DensePoseBatch, DensePosePeople
from hcmoco_bench.data.framing import Region
from hcmoco_bench.data.itop_crops import JointBatch
from hcmoco_bench.data.parsing import ParsingBatch
from hcmoco_bench.data.record import BatchRecord, TensorRecord


class Pair(NamedTuple):
    tensor: Tensor
    text: str


@dataclass(frozen=True, eq=False)
class Inner(TensorRecord):
    value: Tensor
    name: str


@dataclass(frozen=True, eq=False)
class Outer(BatchRecord):
    value: Tensor
    absent: Tensor | None
    several: list[Tensor]
    inner: tuple[Inner, ...]
    pair: Pair
    nested: tuple[tuple[Tensor, int], ...]


@pytest.fixture
def outer() -> Outer:
    one, two = Inner(torch.ones(2), "one"), Inner(torch.zeros(3), "two")
    pair = Pair(torch.ones(4), "text")
    return Outer(
        ("a", "b"), torch.ones(1), None, [torch.ones(5), torch.ones(6)], (one, two), pair, ((torch.ones(7), 8),)
    )


def tensors_of(outer: Outer) -> list[Tensor]:
    inner = [each.value for each in outer.inner]
    return [outer.value, *outer.several, *inner, outer.pair.tensor, outer.nested[0][0]]


def test_tensors_at_any_depth_move_and_the_rest_stays(outer: Outer) -> None:
    moved = outer.to("meta")
    assert [tensor.device.type for tensor in tensors_of(moved)] == ["meta"] * 7
    assert [tensor.shape for tensor in tensors_of(moved)] == [tensor.shape for tensor in tensors_of(outer)]
    assert [tensor.device.type for tensor in tensors_of(outer)] == ["cpu"] * 7
    assert (type(moved), type(moved.several), type(moved.pair)) == (Outer, list, Pair)
    assert moved.absent is None
    assert moved.sample_ids == ("a", "b")
    assert [each.name for each in moved.inner] == ["one", "two"]
    assert (moved.pair.text, moved.nested[0][1]) == ("text", 8)
    with pytest.raises(FrozenInstanceError):
        moved.absent = torch.ones(1)  # type: ignore[misc]


def test_every_tensor_is_pinned(outer: Outer, monkeypatch: pytest.MonkeyPatch) -> None:
    # Page-locked memory needs a GPU's driver; what counts here is which tensors ask for it.
    monkeypatch.setattr(Tensor, "pin_memory", lambda self: self + 100)
    assert all(bool((tensor >= 100).all()) for tensor in tensors_of(outer.pin_memory()))


@pytest.mark.parametrize(("device", "waits"), [("cpu", True), ("meta", False)])
def test_copies_to_the_cpu_wait(outer: Outer, monkeypatch: pytest.MonkeyPatch, device: str, waits: bool) -> None:
    asked = []
    monkeypatch.setattr(Tensor, "to", lambda self, device, *, non_blocking: asked.append(non_blocking) or self)
    outer.to(device)
    assert asked == [not waits] * 7
    asked.clear()
    outer.to(torch.device(device), non_blocking=waits)
    assert asked == [waits] * 7


def test_a_batch_is_as_long_as_its_ids(outer: Outer) -> None:
    assert len(outer) == 2
    assert next(field.name for field in fields(Outer)) == "sample_ids"


@pytest.mark.parametrize("kind", [Batch, ParsingBatch, JointBatch, DensePoseBatch])
def test_each_type_of_batch_is_a_record_that_only_declares_its_fields(kind: type[BatchRecord]) -> None:
    assert issubclass(kind, BatchRecord)
    assert not {"to", "pin_memory", "__len__", "_map", "sample_ids"} & set(vars(kind))


def test_batches_with_labels_and_people_move_as_a_whole() -> None:
    label = torch.zeros(4, 4, dtype=torch.uint8)
    parsing = ParsingBatch(("a",), None, torch.ones(1, 1, 4, 4), torch.ones(1, 4), (label,), (Region(0, 0, 4, 4),))
    moved = parsing.to("meta")
    assert moved.rgb is None
    assert moved.depth is not None
    assert {tensor.device.type for tensor in (moved.depth, moved.intrinsics, moved.labels[0])} == {"meta"}
    assert moved.regions == (Region(0, 0, 4, 4),)
    people = DensePosePeople(*(torch.zeros(0) for _ in fields(DensePosePeople)))
    densepose = DensePoseBatch(("1",), torch.zeros(1, 3, 4, 4, dtype=torch.uint8), ((4, 4),), ((1.0, 1.0),), (people,))
    assert len(densepose) == 1
    shifted = densepose.to("meta")
    found = [getattr(shifted.people[0], field.name) for field in fields(DensePosePeople)]
    assert {tensor.device.type for tensor in (shifted.rgb, *found)} == {"meta"}
    assert (shifted.sizes, shifted.scales) == (((4, 4),), ((1.0, 1.0),))
