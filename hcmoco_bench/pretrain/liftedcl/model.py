"""The networks of LiftedCL: a query encoder with its heads, a slowly following key encoder, and the discriminator."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.func import functional_call

from hcmoco_bench.data.normalize import normalize_rgb
from hcmoco_bench.data.view_pairs import ViewPairBatch
from hcmoco_bench.losses.unit_rows import unit_rows
from hcmoco_bench.models.encoder import Encoder
from hcmoco_bench.models.lifting import LIFTING_WIDTH, Lifting
from hcmoco_bench.models.lifting_discriminator import KinematicDiscriminator
from hcmoco_bench.pretrain.liftedcl.terms import ADVERSARIAL, EQUIVARIANT, INVARIANT, TERMS, Term
from hcmoco_bench.runtime.ranks import gather_rows, rank, world_size


@dataclass(frozen=True)
class Embeddings:
    """Embeddings of B views; None where the term is switched off. float32.

    Attributes:
        invariant: (B, dim) unit embedding of each view.
        map: (B, dim, h, w) embeddings of the cells, not normalized.
    """

    invariant: Tensor | None
    map: Tensor | None


@dataclass(frozen=True)
class EmbeddedPairs:
    """A batch of B pairs through all networks; the fields of a term that is switched off are None. float32.

    Attributes:
        query: Embeddings of the queries.
        pooled: (B, C) mean of the encoder's coarsest map of the queries.
        key: Embeddings of the keys, without gradient.
        new_invariant: (N, dim) unit embeddings of the keys of all processes, in their order.
        new_equivariant: (N, dim) unit means of the keys' maps of all processes.
        lifted: (B, 51) poses of the queries.
        scores: (B,) the discriminator's scores of these, without gradient to the discriminator.
    """

    query: Embeddings
    pooled: Tensor
    key: Embeddings
    new_invariant: Tensor | None
    new_equivariant: Tensor | None
    lifted: Tensor | None
    scores: Tensor | None


class KeyBranch(nn.Module):
    """Encoder and heads of the keys, which no optimizer trains.

    Args:
        encoder: The encoder.
        invariant_head: Head of whole views; None if that term is off.
        equivariant_head: Head of cells; None if that term is off.
    """

    def __init__(self, encoder: Encoder, invariant_head: nn.Module | None, equivariant_head: nn.Module | None) -> None:
        super().__init__()
        self.encoder = encoder
        self.invariant_head, self.equivariant_head = invariant_head, equivariant_head
        self.requires_grad_(False)

    def forward(self, images: Tensor) -> Embeddings:
        """Embed (B, 3, S, S) uint8 views."""
        return _embed(_coarsest(self.encoder, images), self.invariant_head, self.equivariant_head)


class LiftedCLModel(nn.Module):
    """Query branch, key branch, lifting network and discriminator.

    Dense embeddings live on the encoder's coarsest map, and the pooled feature is its mean. Batch norm of the key
    branch stays in training mode. Under `torch.distributed` each process's keys come from a shuffled batch, so that
    batch statistics do not tell which key belongs to which query.

    Args:
        encoder: Encoder of images.
        terms: The terms that are on; networks of others are not made.
        dim: Length of the embeddings.
        lifting_width: Width of the lifting network.
        discriminator: The discriminator; needed for the adversarial term alone.
        key_momentum: Share of the key branch's old weights that a step keeps.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        terms: Collection[Term] = TERMS,
        dim: int = 128,
        lifting_width: int = LIFTING_WIDTH,
        discriminator: KinematicDiscriminator | None = None,
        key_momentum: float = 0.999,
    ) -> None:
        super().__init__()
        channels = encoder.channels[-1]
        self.terms, self.key_momentum = frozenset(terms), key_momentum
        self.rgb_encoder = encoder
        self.invariant_head = _invariant_head(channels, dim) if INVARIANT in terms else None
        self.equivariant_head = _equivariant_head(channels, dim) if EQUIVARIANT in terms else None
        self.lifting = Lifting(channels, lifting_width) if ADVERSARIAL in terms else None
        if (ADVERSARIAL in terms) != (discriminator is not None):
            raise ValueError("the adversarial term and a discriminator come together")
        self.discriminator = discriminator
        self.key = self._first_key() if self.contrasts else None

    @property
    def contrasts(self) -> bool:
        """Whether views are contrasted, for which keys are needed."""
        return bool(self.terms & {INVARIANT, EQUIVARIANT})

    def start_key(self) -> None:
        """Let the key branch begin with the query's weights; to be called when these have been loaded."""
        if self.key is not None:
            for name in ("encoder", *self._key_heads()):
                getattr(self.key, name).load_state_dict(self._query_part(name).state_dict())

    def query_parameters(self) -> Iterator[nn.Parameter]:
        """What the first optimizer trains: encoder, heads and lifting network."""
        for name, parameter in self.named_parameters():
            if not name.startswith(("key.", "discriminator.")):
                yield parameter

    def discriminator_parameters(self) -> Iterator[nn.Parameter]:
        """What the discriminator's optimizer trains."""
        if self.discriminator is not None:
            yield from self.discriminator.parameters()

    def forward(
        self,
        batch: ViewPairBatch | None = None,
        *,
        permutation: Tensor | None = None,
        follow: bool = True,
        poses: Tensor | None = None,
    ) -> EmbeddedPairs | Tensor:
        """Embed the pairs of a batch, or score poses.

        Args:
            batch: B pairs of views.
            permutation: (N,) int64, a random order of the keys of all processes, the same in each; None for their
                order as it is. A single process does not need one.
            follow: Whether the key branch first follows the query branch, once in each step.
            poses: (B, 51) poses to score, instead of a batch.

        Returns:
            The embedded pairs, or (B,) scores.
        """
        if batch is None:
            return self.score(poses)
        coarsest = _coarsest(self.rgb_encoder, batch.query.images)
        query = _embed(coarsest, self.invariant_head, self.equivariant_head)
        pooled = coarsest.mean((2, 3))
        lifted = None if self.lifting is None else self.lifting(pooled).float()
        scores = None if lifted is None else self.score(lifted, frozen=True)
        if follow:
            self.follow()
        everyone = self._keys(batch.key.images, permutation)
        own = slice(rank() * len(batch), (rank() + 1) * len(batch))
        invariant, cells = everyone.invariant, everyone.map
        return EmbeddedPairs(
            query=query,
            pooled=pooled.float(),
            key=Embeddings(None if invariant is None else invariant[own], None if cells is None else cells[own]),
            new_invariant=invariant,
            new_equivariant=None if cells is None else unit_rows(cells.mean((2, 3))),
            lifted=lifted,
            scores=scores,
        )

    def lift(self, images: Tensor) -> Tensor:
        """(B, 51) poses of (B, 3, S, S) uint8 views, joint by joint (x, y, z).

        Raises:
            ValueError: If there is no lifting network.
        """
        if self.lifting is None:
            raise ValueError("a model without the adversarial term lifts no poses")
        return cast("Tensor", self.lifting(_coarsest(self.rgb_encoder, images).mean((2, 3)))).float()

    def score(self, poses: Tensor | None, *, frozen: bool = False) -> Tensor:
        """(B,) scores of (B, 51) poses.

        Args:
            poses: The poses.
            frozen: Whether the discriminator gets no gradient.

        Raises:
            ValueError: If there are no poses, or there is no discriminator.
        """
        if poses is None or self.discriminator is None:
            raise ValueError("give a batch; or poses, and a model with a discriminator")
        if not frozen:
            return cast("Tensor", self.discriminator(poses)).float()
        weights = {name: value.detach() for name, value in self.discriminator.named_parameters()}
        return cast("Tensor", functional_call(self.discriminator, weights, (poses,))).float()

    @torch.no_grad()
    def follow(self) -> None:
        """Move the key branch's parameters towards the query's; running statistics stay its own."""
        if self.key is None:
            return
        for name in ("encoder", *self._key_heads()):
            pairs = zip(getattr(self.key, name).parameters(), self._query_part(name).parameters(), strict=True)
            for old, new in pairs:
                old.lerp_(new, 1 - self.key_momentum)

    @torch.no_grad()
    def _keys(self, images: Tensor, permutation: Tensor | None) -> Embeddings:
        """Embeddings of the keys of all processes, in their order."""
        if self.key is None:
            return Embeddings(None, None)
        if permutation is None or world_size() == 1:
            return _gathered(self.key(images), None)
        order = permutation.to(images.device)
        own = order[rank() * len(images) :][: len(images)]
        return _gathered(self.key(gather_rows(images)[own]), order.argsort())

    def _first_key(self) -> KeyBranch:
        return KeyBranch(deepcopy(self.rgb_encoder), deepcopy(self.invariant_head), deepcopy(self.equivariant_head))

    def _key_heads(self) -> list[str]:
        return [name for name in ("invariant_head", "equivariant_head") if getattr(self, name) is not None]

    def _query_part(self, name: str) -> nn.Module:
        part: nn.Module = self.rgb_encoder if name == "encoder" else getattr(self, name)
        return part


def _coarsest(encoder: Encoder, images: Tensor) -> Tensor:
    """(B, C, h, w) coarsest map of (B, 3, S, S) uint8 views."""
    maps: tuple[Tensor, ...] = encoder(normalize_rgb(images))
    return maps[-1]


def _embed(coarsest: Tensor, invariant_head: nn.Module | None, equivariant_head: nn.Module | None) -> Embeddings:
    return Embeddings(
        None if invariant_head is None else unit_rows(invariant_head(coarsest.mean((2, 3)))),
        None if equivariant_head is None else equivariant_head(coarsest).float(),
    )


def _gathered(own: Embeddings, order: Tensor | None) -> Embeddings:
    """Embeddings of all processes' views, brought into an order."""

    def whole(rows: Tensor | None) -> Tensor | None:
        if rows is None or order is None:
            return None if rows is None else gather_rows(rows)
        return gather_rows(rows)[order]

    return Embeddings(whole(own.invariant), whole(own.map))


def _invariant_head(channels: int, dim: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, dim))


def _equivariant_head(channels: int, dim: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, channels, 1), nn.ReLU(), nn.Conv2d(channels, dim, 1))
