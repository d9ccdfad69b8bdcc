"""What a format of another program's checkpoints is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Literal

from torch import Tensor

from hcmoco_bench.modality import Modality

Network = Literal["segmentation", "a2j", "densepose", "multimodal"]
"""The networks of this package that a file of another program can hold whole: a task's, or that of a pre-training."""


class ForeignFormat(ABC):
    """The names that a program gives to the weights of a network, and the way from them to this package's and back.

    A format holds no state. It is recognized by the names of the tensors alone, never by the name of the file. All
    methods take state dicts without the names of wrappers, see `unwrapped`.

    Attributes:
        name: Name of the format.
        program: The program, for readers.
        files: The files that it writes, for readers.
        network: The network that such a file holds whole; None for an encoder alone.
        encoders: Modality by the prefix under which the file keeps an encoder; None where the name says nothing.
        ignored: Beginnings of names that are always left out: heads that no task here has, losses, queues.
        heads: Beginnings of further names that are left out where the encoder alone is taken.
        takes: What is taken, for readers.
        leaves: What is left out, for readers.
        source: Page and files from which the names were read.
    """

    name: ClassVar[str]
    program: ClassVar[str]
    files: ClassVar[str]
    network: ClassVar[Network | None] = None
    encoders: ClassVar[Mapping[str, Modality | None]] = {}
    ignored: ClassVar[tuple[str, ...]] = ()
    heads: ClassVar[tuple[str, ...]] = ()
    takes: ClassVar[str]
    leaves: ClassVar[str]
    source: ClassVar[str]

    @abstractmethod
    def recognizes(self, names: Collection[str]) -> bool:
        """Whether a state dict with these names is of this format."""

    @abstractmethod
    def settings(self, state: Mapping[str, Tensor]) -> dict[str, Any]:
        """The settings of the network that the shapes of the tensors tell, by name.

        `backbone` is among them if it is one of those that `backbone_of` knows.

        Raises:
            DataError: If the file is of this format, but of a network that this package does not have.
        """

    @abstractmethod
    def from_published(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The weights under this package's names, without what is ignored; names that are unknown stay as they are.

        The network's own check of names and shapes (`load_weights`) then refuses what it does not have.
        """

    @abstractmethod
    def to_published(self, state: Mapping[str, Tensor]) -> dict[str, Any]:
        """What to hand to `torch.save`, so that the program finds the weights; the inverse of `from_published`.

        Args:
            state: The state dict of the network, under this package's names.

        Raises:
            UsageError: If the program has no such network.
        """

    def objective(self, checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
        """The state of the training objective (memory bank), under this package's names; empty if there is none.

        Args:
            checkpoint: The file's whole content.
        """
        return {}

    def objective_to_published(self, state: Mapping[str, Tensor]) -> dict[str, Any]:
        """What to add to `to_published` for the state of the objective; the inverse of `objective`."""
        return {}

    def kept(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors of a state dict that are not ignored."""
        return {name: value for name, value in state.items() if not name.startswith(self.ignored)}
