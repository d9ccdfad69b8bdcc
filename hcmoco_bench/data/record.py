"""Records of tensors that move to a device as a whole: what every type of batch has in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class TensorRecord:
    """A frozen dataclass some of whose fields hold tensors.

    A field can be a tensor, another record, or a tuple or list of these, to any depth; every other value stays as it
    is. A subclass declares its fields and gets the methods.
    """

    def to(self, device: torch.device | str, *, non_blocking: bool | None = None) -> Self:
        """A copy of this record with all tensors on a device.

        Args:
            device: The device.
            non_blocking: Return before the copy from page-locked memory is complete. None: do so unless the device is
                the CPU, where a tensor could be read before it has arrived.
        """
        if non_blocking is None:
            non_blocking = torch.device(device).type != "cpu"
        return self._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Self:
        """A copy of this record with all tensors in page-locked memory; `DataLoader` calls this method."""
        return self._map(lambda tensor: tensor.pin_memory())

    def _map(self, change: Callable[[Tensor], Tensor]) -> Self:
        """A copy of this record in which `change` was applied to every tensor."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: _mapped(value, change) for name, value in values.items()})


@dataclass(frozen=True, eq=False)
class BatchRecord(TensorRecord):
    """A batch: a record of B samples whose first field is their ids.

    Attributes:
        sample_ids: Ids of the B samples.
    """

    sample_ids: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.sample_ids)


def _mapped(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, TensorRecord):
        return value._map(change)
    if isinstance(value, list):
        return [_mapped(entry, change) for entry in value]
    if isinstance(value, tuple):
        entries = [_mapped(entry, change) for entry in value]
        # A named tuple takes its entries one by one.
        return type(value)(*entries) if hasattr(value, "_fields") else tuple(entries)
    return value
