"""How far apart hashes of copies are, and those of other clips: the figures behind the limits of `audit`.

    hcmoco-bench synth ntu --out tree --clips 72 --frames 8 --seed 8
    hcmoco-bench prepare ntu --root tree --lists tree/lists --set pretrain --every 1 --out store
    python benchmarks/near_duplicates.py store

For each view (the person, the whole image) it prints the distance in bits and the second measure (correlation of the
person, largest local difference of the whole image) of copies of every fourth frame, of neighboring frames, and of
frames of other clips, by what these have in common.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hcmoco_bench.audit.frames import Frame, StoreFrames
from hcmoco_bench.audit.image_hashes import View, hash_image, person_view
from hcmoco_bench.audit.near_duplicates import (
    LEAST_CORRELATION,
    MOST_BITS,
    MOST_LOCAL,
    correlations,
    local_differences,
)
from hcmoco_bench.sources.ntu.names import SampleId
from hcmoco_bench.store.registry import open_store
from hcmoco_bench.store.shards import row_ids

EVERY = 4
"""Copies are made of every fourth frame."""


def copies(frame: Frame) -> Iterator[tuple[str, Image.Image, NDArray[np.uint16] | None]]:
    """Copies of a frame that count as near-duplicates, with their depth."""
    if frame.rgb is None:
        return
    image, depth = Image.fromarray(frame.rgb), frame.depth
    width, height = image.size
    x, y = round(0.02 * width), round(0.02 * height)
    cut = image.crop((x, y, width - x, height - y))
    cut_depth = None if depth is None else depth[y : height - y, x : width - x]
    yield "JPEG, quality 50", _jpeg(image, 50), depth
    yield "half the size", *_half(image, depth)
    yield "brighter by 15 %", image.point([min(255, round(1.15 * value + 8)) for value in range(256)] * 3), depth
    yield "cropped by 2 %", cut, cut_depth
    half, half_depth = _half(cut, cut_depth)
    yield "cropped, half the size, JPEG 60", _jpeg(half, 60), half_depth
    flipped = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    yield "mirrored, JPEG 60", _jpeg(flipped, 60), None if depth is None else depth[:, ::-1]


def _jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def _half(image: Image.Image, depth: NDArray[np.uint16] | None) -> tuple[Image.Image, NDArray[np.uint16] | None]:
    width, height = image.width // 2, image.height // 2
    small = image.resize((width, height), Image.Resampling.BILINEAR)
    return small, None if depth is None else depth[: 2 * height : 2, : 2 * width : 2]


def measure(path: Path, view: View) -> dict[str, tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Distances in bits and second measures of the frames of a store, by what pairs have in common."""
    store = open_store(path)
    ids = sorted({row for shard in store.shards() for row in row_ids(shard, "sample_id")})
    frames = {frame.key: frame for frame in StoreFrames(store).frames(frozenset(ids))}
    shown: list[SampleId] = []
    rows = []
    found: dict[str, list[tuple[int, float]]] = {}
    for number, name in enumerate(ids):
        frame = frames[name]
        if frame.rgb is None:
            continue
        image = Image.fromarray(frame.rgb)
        seen = person_view(image, frame.depth) if view == "person" else image
        if seen is None:
            continue
        own = hash_image(seen)
        shown.append(SampleId.parse(name))
        rows.append(own)
        for what, copy, depth in copies(frame) if number % EVERY == 0 else ():
            again = person_view(copy, depth) if view == "person" else copy
            if again is not None:
                other = hash_image(again)
                flipped = what.startswith("mirrored")
                distance = int(np.bitwise_count(own.bits ^ (other.mirrored if flipped else other.bits)).sum())
                gray = other.gray[:, ::-1] if flipped else other.gray
                found.setdefault(what, []).append((distance, _second(own.gray[None], gray, view)[0]))
    all_bits, all_mirrored = np.array([row.bits for row in rows]), np.array([row.mirrored for row in rows])
    smalls = np.array([row.gray for row in rows])
    for number, sample in enumerate(shown):
        distances = np.bitwise_count(all_bits[:number] ^ all_bits[number]).sum(axis=1)
        mirrored = np.bitwise_count(all_bits[:number] ^ all_mirrored[number]).sum(axis=1)
        near = np.flatnonzero(distances <= MOST_BITS + 20)
        second = np.full(number, np.nan, np.float32)
        if near.size:
            second[near] = _second(smalls[near], smalls[number], view)
        for place, earlier in enumerate(shown[:number]):
            relation = _relation(sample, earlier)
            if relation is not None:
                found.setdefault(relation, []).append((int(distances[place]), float(second[place])))
                if sample.clip != earlier.clip:
                    found.setdefault("mirrored, other clip", []).append((int(mirrored[place]), float("nan")))
    return {
        what: (np.array([one[0] for one in pairs]), np.array([one[1] for one in pairs], np.float32))
        for what, pairs in found.items()
    }


def _second(ours: NDArray[np.uint8], other: NDArray[np.uint8], view: View) -> NDArray[np.float32]:
    if view == "person":
        return correlations(ours.astype(np.float32), other.astype(np.float32))
    return local_differences(ours.astype(np.float32), other)


def _relation(one: SampleId, other: SampleId) -> str | None:
    if one.clip == other.clip:
        return "neighboring frame" if abs(one.frame - other.frame) == 1 else None
    if one.clip.rig == other.clip.rig:
        return "other clip, same rig"
    if one.clip.performer == other.clip.performer:
        return "other clip, same performer or number"
    return "other clip, other rig and performer"


def main() -> None:
    """Print a table a view."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("store", type=Path, help="an NTU store of all frames of its clips")
    chosen = parser.parse_args()
    views: tuple[View, ...] = ("person", "whole")
    for view in views:
        print(
            f"{view}: pairs, share taken for near-duplicates; distance in bits (least, median, 99 %, most); second "
            "measure of pairs with near hashes (least, most)"
        )
        for what, (bits, second) in measure(chosen.store, view).items():
            least, median, high, most = np.quantile(bits, [0, 0.5, 0.99, 1])
            known = second[np.isfinite(second)]
            ends = f"{known.min():.3f} {known.max():.3f}" if known.size else "none"
            passed = second >= LEAST_CORRELATION if view == "person" else second <= MOST_LOCAL
            share = 100 * np.mean((bits <= MOST_BITS) & passed)
            print(
                f"  {what:<40}{len(bits):>8} {share:5.1f} % {least:4.0f} {median:4.0f} {high:4.0f} {most:4.0f}   {ends}"
            )


if __name__ == "__main__":
    main()
