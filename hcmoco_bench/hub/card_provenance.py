"""The parts of a card that say where the samples come from: splits, lists, options, calibration, shared performers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from hcmoco_bench.align.calibration import Calibration
from hcmoco_bench.align.residuals import Residual
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.sources.ntu.names import SampleId
from hcmoco_bench.store.kinds.ntu import CALIBRATION_FILE, NtuStore
from hcmoco_bench.store.manifest import MANIFEST_FILE


def fingerprint_rows(stores: Mapping[str, NtuStore]) -> Iterable[tuple[str, ...]]:
    """One table row for each split of each store: set, name, rule, expected, rows, fingerprint."""
    for name, store in stores.items():
        for split, count in sorted(store.manifest.splits.items(), key=lambda item: _split_order(item[0])):
            rule = store.splits[split].rule
            yield name, f"`{split}`", rule, f"{count.expected:,}", f"{count.rows:,}", f"`{count.sha256}`"


def _split_order(name: str) -> tuple[int, str]:
    order = ("train", "test", "train_20", "train_10", "train_5", "train_1", "v3_train", "v3_test", "subjects_train")
    return (order.index(name), "") if name in order else (len(order), name)


def provenance_text(stores: Mapping[str, NtuStore]) -> str:
    """Which lists the splits come from, and the hash of each store's manifest."""
    return "\n".join(
        f"- `{name}`: {_lists_text(store)}; SHA-256 of its manifest `{file_sha256(store.path / MANIFEST_FILE)}`."
        for name, store in stores.items()
    )


def making_text(stores: Mapping[str, NtuStore]) -> str:
    """Alignment, its residuals over the rigs, and what was left out, one paragraph a store."""
    return "\n\n".join(_making(name, store) for name, store in stores.items())


def shared_performers(store: NtuStore) -> dict[str, int]:
    """Counts for the card: performers on both sides of v2 and their frames, and the sizes of v2 and v3."""
    ids = {name: [SampleId.parse(text) for text in split.ids] for name, split in store.splits.items()}
    train, test = ids.get("train", []), ids.get("test", [])
    shared = {sample.clip.performer for sample in train} & {sample.clip.performer for sample in test}
    return {
        "shared_performers": len(shared),
        "shared_train": sum(sample.clip.performer in shared for sample in train),
        "shared_test": sum(sample.clip.performer in shared for sample in test),
        "n_train": len(train),
        "n_test": len(test),
        "v3_train": len(ids.get("v3_train", [])),
        "v3_test": len(ids.get("v3_test", [])),
    }


def _lists_text(store: NtuStore) -> str:
    declaration = store.manifest.lists.declaration
    official = declaration == "official"
    if store.manifest.options.set == "pretrain":
        listed = "NTU's authors list" if official else f'the lists declared as "{declaration}" name'
        return f"all clips found, except those that {listed} as lacking skeletons"
    if official:
        return "splits from the official lists of NTURGBD-Parsing-4K (repository hongfz16/HCMoCo), checked by SHA-256"
    return f'splits from lists declared as "{declaration}", which are **not** the official ones'


def _making(name: str, store: NtuStore) -> str:
    manifest = store.manifest
    options = manifest.options
    taken = f"one frame of {options.every} of every clip" if options.set == "pretrain" else "the frames of the lists"
    depth = "without depth images" if options.rgb_only else "with depth images"
    masks = "with part masks" if manifest.parts else "without part masks"
    mode = {
        "homography": "one robust homography per setup and camera, fitted on tracked joints",
        "registered": "a registered camera model per setup and camera: every depth pixel fetches its own color, with "
        "an occlusion test; pixels without depth fall back to the rig's homography",
    }[options.align]
    problems = ", ".join(f"{kind} {count:,}" for kind, count in sorted(manifest.problems.items())) or "none"
    return (
        f"**`{name}`**: {taken}, {depth}, {masks}, color as JPEG of quality {options.jpeg_quality}; "
        f"{manifest.inputs.n_clips:,} clips. Alignment: `{options.align}`, {mode} (seed {options.seed}).\n\n"
        f"{_residual_table(store)}\n\nProblem lines by kind: {problems}."
    )


def _residual_table(store: NtuStore) -> str:
    rigs = list(Calibration.load(store.path / CALIBRATION_FILE).rigs.values())
    if not rigs:
        return "No rig was calibrated."
    lines = [
        "| held-out joints, px of 512x424 | rigs | joints | mean over rigs | worst rig's mean | worst rig's 95 % |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    of_mode: dict[str, list[Residual]] = {
        "homography": [rig.residuals.homography for rig in rigs],
        "registered": [rig.residuals.registered for rig in rigs if rig.residuals.registered is not None],
    }
    for mode, residuals in of_mode.items():
        if residuals:
            means = [residual.mean for residual in residuals]
            joints, worst = sum(residual.n for residual in residuals), max(residual.p95 for residual in residuals)
            lines.append(
                f"| `{mode}` | {len(residuals)} | {joints:,} | {np.mean(means):.3f} | {max(means):.3f} | {worst:.3f} |"
            )
    return "\n".join(lines)
