"""The sample level: embeddings of whole samples compared across modalities, against a memory bank or in the batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from hcmoco_bench.data.batch import Batch
from hcmoco_bench.errors import DataError
from hcmoco_bench.losses.in_batch import in_batch_sample_level
from hcmoco_bench.losses.memory_bank import MemoryBank
from hcmoco_bench.losses.sample_level import SampleLevelLoss
from hcmoco_bench.losses.term import LossTerm
from hcmoco_bench.models.weights import check_finite
from hcmoco_bench.pretrain.multimodal.model import MODALITIES
from hcmoco_bench.pretrain.multimodal.settings import SampleLevelRunSettings
from hcmoco_bench.runtime.shared_draws import own_part

SAMPLE_PAIRS = tuple(f"{anchor}->{other}" for anchor in MODALITIES for other in MODALITIES if anchor != other)
SAMPLE_COLUMNS = tuple(f"sample/{pair}" for pair in SAMPLE_PAIRS)


class SampleLevel:
    """Six directed comparisons between RGB, depth and keypoints, and the memory bank behind them.

    Args:
        bank: One row per training sample, on the device of training. None: each batch is compared within itself.
        negatives: Negatives per anchor, drawn from the bank.
        temperature: Temperature of the comparison.
        complete: Whether only samples with RGB and depth count, whatever the pair.
        keep_absent: Whether the memory bank also takes in what the encoders make of depth that is not there.
    """

    def __init__(
        self,
        bank: MemoryBank | None,
        *,
        negatives: int = 16_384,
        temperature: float = 0.07,
        complete: bool = False,
        keep_absent: bool = False,
    ) -> None:
        self.bank, self.temperature = bank, temperature
        self.complete, self.keep_absent = complete, keep_absent
        self.loss = SampleLevelLoss(negatives=negatives, temperature=temperature)

    def terms(
        self,
        embeddings: dict[str, Tensor],
        batch: Batch,
        generator: torch.Generator,
        candidates: Tensor | None = None,
    ) -> dict[str, LossTerm]:
        """The six terms by pair (`rgb->depth`, ...).

        Args:
            embeddings: By modality, (B, dim) of length 1.
            batch: The batch that was embedded.
            generator: Draws the negatives.
            candidates: (B, 1 + K) int64 rows of the bank to use instead of drawn ones, each sample's own first.
        """
        present, index, bank = present_modalities(batch), batch.index, self.bank
        if self.complete:
            both = batch.has_rgb & batch.has_depth
            present = {name: one & both for name, one in present.items()}
        if bank is None:
            return in_batch_sample_level(embeddings, present, temperature=self.temperature)

        def draw(n_rows: int) -> Tensor:
            return self.loss.draw(index.new_zeros(n_rows), bank.n_samples, generator)

        if candidates is None:
            candidates = own_part(draw, len(index))
            candidates[:, 0] = index
        return self.loss(embeddings, present, index, bank, generator=None, candidates=candidates)

    def update(self, embeddings: dict[str, Tensor], batch: Batch) -> None:
        """Let the memory bank take a batch's embeddings in; without a bank, nothing."""
        if self.bank is not None:
            for name, present in present_modalities(batch).items():
                if self.keep_absent and name == "depth":
                    present = torch.ones_like(present)
                self.bank.update(name, batch.index, embeddings[name].detach(), present)

    def to(self, device: torch.device) -> None:
        """Move the memory bank to a device."""
        if self.bank is not None:
            self.bank.to(device)

    def state_dict(self) -> dict[str, Any]:
        """The memory bank on the CPU; without one, nothing."""
        if self.bank is None:
            return {}
        return {name: tensor.detach().cpu() for name, tensor in self.bank.state_dict().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put the memory bank back.

        Raises:
            DataError: If the state is of a bank of another size, or of a run without one (`bank_size`), or not finite
                (`weights_not_finite`).
        """
        if self.bank is None:
            return
        there = {name: tuple(value.shape) for name, value in state.items()}
        here = {name: tuple(value.shape) for name, value in self.bank.state_dict().items()}
        if there != here:
            raise DataError(
                f"the memory bank of the checkpoint has {_size(there)}, this run's has {_size(here)}: the data or the "
                "settings are not those of the checkpoint; start a new run with another --out",
                kind="bank_size",
            )
        check_finite(state, file="the checkpoint's memory bank")
        self.bank.load_state_dict(state)


class SampleLevelObjective:
    """What the objectives of methods with a sample level share: their state is its memory bank.

    Args:
        sample_level: Comparison of whole samples, with its memory bank.
    """

    def __init__(self, sample_level: SampleLevel) -> None:
        self.sample_level = sample_level

    def to(self, device: torch.device) -> None:
        """Move the memory bank to a device."""
        self.sample_level.to(device)

    def state_dict(self) -> dict[str, Any]:
        """The memory bank; without one, nothing."""
        return self.sample_level.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put the memory bank back."""
        self.sample_level.load_state_dict(state)


def make_sample_level(settings: SampleLevelRunSettings, n_samples: int, device: torch.device) -> SampleLevel:
    """The sample level that settings ask for.

    Args:
        settings: The settings of the run; its seed draws the bank's first rows.
        n_samples: Number of training samples, each with a row in the bank.
        device: Device of the bank.
    """
    complete = settings.complete_pairs()
    if isinstance(settings.negatives, str):
        return SampleLevel(None, temperature=settings.temperature, complete=complete)
    generator = torch.Generator().manual_seed(settings.seed)
    bank = MemoryBank(n_samples, settings.dim, momentum=settings.bank_momentum, generator=generator)
    return SampleLevel(
        bank.to(device),
        negatives=settings.negatives,
        temperature=settings.temperature,
        complete=complete,
        keep_absent=settings.absent_depth == "zeros",
    )


def present_modalities(batch: Batch) -> dict[str, Tensor]:
    """By modality, (B,) bool: the samples that have it."""
    return {"rgb": batch.has_rgb, "depth": batch.has_depth, "keypoints": batch.has_keypoints}


def _size(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """The size of a memory bank in words, from the shapes of its tensors by name."""
    rows = {shape[0]: shape[-1] for shape in shapes.values()}
    return " and ".join(f"{n:,} rows of {width}" for n, width in rows.items()) or "no rows"
