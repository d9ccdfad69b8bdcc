"""Dense poses in another order, place or direction are noticed and named; what a bad model finds is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from densepose_people import make_annotations, make_body
from numpy.typing import NDArray

from hcmoco_bench.body.densepose_parts import densepose_parts
from hcmoco_bench.metrics.densepose import AnnotatedImage, Detection, read_annotations
from hcmoco_bench.tasks.densepose.iuv_readings import apply_reading, likely_iuv_reading

IUV = NDArray[np.uint8]
BODY = make_body()
TRUTH = read_annotations(make_annotations(16))
FLIP = densepose_parts().flip


def found(truth: Mapping[int, AnnotatedImage]) -> list[Detection]:
    """The true boxes; each px takes the nearest annotated point's part, U and V."""
    detections = []
    for number, image in truth.items():
        for place in np.flatnonzero(image.dense & ~image.crowd):
            box = image.boxes[place]
            own = image.owner == place
            y, x = np.mgrid[: int(box[3]), : int(box[2])]
            offset = np.stack([x, y], -1)[:, :, None] + 0.5 - (image.xy[own] - box[:2])
            nearest = (offset**2).sum(-1).argmin(-1)
            uv = np.moveaxis((255 * image.uv[own][nearest]).round(), -1, 0)
            iuv = np.stack([image.part[own][nearest], *uv]).astype(np.uint8)
            detections.append(Detection(number, tuple(box.tolist()), 0.9, iuv))
    return detections


FOUND = found(TRUTH)


def changed(change: Any) -> list[Detection]:
    return [replace(one, iuv=np.ascontiguousarray(change(one.iuv), np.uint8)) for one in FOUND]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda iuv: iuv[[0, 2, 1]], "dense poses with U and V swapped"),
        (lambda iuv: np.stack([iuv[0], 255 - iuv[1], iuv[2]]), "dense poses with U counted backwards"),
        (lambda iuv: np.stack([iuv[0], iuv[1], 255 - iuv[2]]), "dense poses with V counted backwards"),
        (lambda iuv: np.stack([FLIP[iuv[0]], *iuv[1:]]), "dense poses with left and right charts swapped"),
        (lambda iuv: iuv[:, :, ::-1], "dense poses mirrored"),
        (lambda iuv: iuv[:, ::-1], "dense poses upside down"),
        (lambda iuv: iuv[[0, 2, 1], ::-1, ::-1], "dense poses turned by 180 degrees with U and V swapped"),
    ],
)
def test_readings_are_named_and_undone(change: Any, what: str) -> None:
    wrong = changed(change)
    assert likely_iuv_reading(wrong, TRUTH, BODY) == what
    rng = np.random.default_rng(0)
    noisy = changed(lambda iuv: change(np.where(rng.random(iuv.shape[1:]) < 0.8, iuv, 0)))
    assert likely_iuv_reading(noisy, TRUTH, BODY) == what
    for one, right in zip(wrong, FOUND, strict=True):
        np.testing.assert_array_equal(apply_reading(what, one).iuv, right.iuv)


def honest(rng: np.random.Generator) -> Iterator[tuple[str, list[Detection]]]:
    """What models find that are good, barely trained, or know nothing at all."""

    def noise(iuv: IUV) -> IUV:
        return np.stack([rng.integers(0, 25, iuv.shape[1:]), *rng.integers(0, 256, (2, *iuv.shape[1:]))])

    def sides(iuv: IUV) -> IUV:
        return np.stack([np.where(rng.random(iuv.shape[1:]) < 0.5, iuv[0], FLIP[iuv[0]]), *iuv[1:]])

    yield "good", FOUND
    yield "nothing", []
    yield "background", changed(np.zeros_like)
    yield "one point", changed(lambda iuv: np.stack([np.full_like(iuv[0], part) for part in (2, 128, 128)]))
    yield "noise", changed(noise)
    yield "sides by chance", changed(sides)
    yield "parts alone", changed(lambda iuv: np.stack([iuv[0], iuv[1] * 0 + 128, iuv[2] * 0 + 128]))
    yield (
        "one person everywhere",
        changed(lambda iuv: np.stack([np.resize(one, iuv.shape[1:]) for one in FOUND[0].iuv])),
    )
    yield "half right", changed(lambda iuv: np.where(rng.random(iuv.shape[1:]) < 0.5, iuv, noise(iuv)))


FEW = dict(list(TRUTH.items())[:4])
"""Annotations of fewer people than there must be for sides and mirror images."""


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("truth", [TRUTH, FEW])
def test_honest_models_are_read_as_they_are(truth: Mapping[int, AnnotatedImage], seed: int) -> None:
    for name, detections in honest(np.random.default_rng(seed)):
        some = [one for one in detections if one.image_id in truth]
        assert likely_iuv_reading(some, truth, BODY) is None, name


def test_few_people_fit_no_sides_and_no_mirror_image() -> None:
    assert 0 < sum(int(image.dense.sum()) for image in FEW.values()) < 10

    def likely(change: Any) -> str | None:
        return likely_iuv_reading([one for one in changed(change) if one.image_id in FEW], FEW, BODY)

    assert likely(lambda iuv: iuv[:, :, ::-1]) is None
    assert likely(lambda iuv: np.stack([FLIP[iuv[0]], *iuv[1:]])) is None
    assert likely(lambda iuv: iuv[:, ::-1]) == "dense poses upside down"
    assert likely(lambda iuv: iuv[[0, 2, 1]]) == "dense poses with U and V swapped"
    assert likely_iuv_reading(FOUND[:1], {}, BODY) is None
