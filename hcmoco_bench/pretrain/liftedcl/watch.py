"""Signs of a run that goes wrong, read off its table of losses: a collapse, or a discriminator that runs away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.pretrain.liftedcl.terms import (
    ADVERSARIAL,
    EQUIVARIANT,
    INVARIANT,
    LIFTED,
    LIFTED_SCORE,
    REAL_SCORE,
    spread_column,
)
from hcmoco_bench.pretrain.notice import Notice

FEWEST_ROWS: Final = 20
"""Rows of the table below which nothing is said: a run begins with features that are all alike."""

COLLAPSED: Final = 0.02
"""Spread below which embeddings or poses count as all the same; that of a network with random weights is about 0.1."""

APART: Final = 0.9
"""Distance between the mean scores of real and lifted poses from which on the discriminator is not fooled at all; 1 is
that of a perfect one, 0 that of one that cannot tell."""

DIVERGED: Final = 1.5
"""Adversarial loss that only scores below those of plainly false poses give; if it still grows, the game is lost."""

_COLLAPSES: Final = {
    INVARIANT: "the embeddings of different images are nearly the same",
    EQUIVARIANT: "the maps of different images are nearly the same",
    LIFTED: "nearly the same pose is lifted from every image",
}


def notices_of(table: Mapping[str, Sequence[str]], *, steps_to_fill: int) -> tuple[Notice, ...]:
    """What is wrong in the last epoch of a table of losses, or in the last rows if that epoch has few.

    Args:
        table: Columns by name, as text; empty where a step had no such value.
        steps_to_fill: Steps until the queues have no random keys any more. Against those, all images may have nearly
            the same embedding; a collapse of embeddings is told only after twice as many steps.
    """
    epochs = table.get("epoch", ())
    if len(epochs) < FEWEST_ROWS:
        return ()
    rows = max(FEWEST_ROWS, sum(epoch == epochs[-1] for epoch in epochs))
    last = {name: _numbers(column[-rows:]) for name, column in table.items() if name not in ("stage", "epoch")}
    settled = float(table["step"][-1]) > 2 * steps_to_fill
    return (*_collapses(last, (INVARIANT, EQUIVARIANT, LIFTED) if settled else (LIFTED,)), *_runaway(last))


def _collapses(last: Mapping[str, NDArray[np.float64]], kinds: Sequence[str]) -> Iterator[Notice]:
    for what in kinds:
        told = _COLLAPSES[what]
        spread = _mean(last.get(spread_column(what)))
        if spread is not None and spread < COLLAPSED:
            yield Notice(
                f"collapse/{what}",
                f"collapse: {told} ({spread_column(what)} is {spread:.3f} on average, less than {COLLAPSED:g}), so "
                "that nothing is learned: lower --lr, or add --warmup-epochs",
            )


def _runaway(last: Mapping[str, NDArray[np.float64]]) -> Iterator[Notice]:
    lifted, real, loss = (last.get(name) for name in (LIFTED_SCORE, REAL_SCORE, ADVERSARIAL))
    if lifted is None or real is None or loss is None:
        return
    halves = [_mean(part) for values in (real - lifted, loss) for part in np.array_split(values, 2)]
    if any(half is None for half in halves):
        return
    gap_before, gap, loss_before, loss_now = (half or 0.0 for half in halves)
    advice = "lower --discriminator-lr, or give the adversarial term less weight (--weights.adversarial)"
    if min(gap_before, gap) > APART:
        yield Notice(
            "discriminator/apart",
            f"the discriminator runs away: it scores real poses {_mean(real):.2f} and lifted ones {_mean(lifted):.2f} "
            f"on average and cannot be fooled, so that the lifting learns nothing; {advice}",
        )
    elif loss_now > max(DIVERGED, loss_before):
        yield Notice(
            "discriminator/diverges",
            f"the discriminator runs away: it scores lifted poses {_mean(lifted):.2f} on average, far from 1, and the "
            f"adversarial loss grows ({loss_before:.2f}, then {loss_now:.2f}); {advice}",
        )


def _numbers(texts: Sequence[str]) -> NDArray[np.float64]:
    return np.array([float(text) if text else np.nan for text in texts], dtype=np.float64)


def _mean(values: NDArray[np.float64] | None) -> float | None:
    """The mean of what is there; None if nothing is."""
    if values is None or not np.isfinite(values).any():
        return None
    return float(np.nanmean(values))
