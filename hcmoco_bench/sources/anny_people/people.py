"""Reads the annotations of generated people with Anny bodies; nothing of a file is executed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.files.zip_errors import NPZ_ERRORS
from hcmoco_bench.sources.anny_people.layout import ANNOTATIONS, ARRAYS, IMAGE, PHENOTYPE, SAMPLE_PATTERN
from hcmoco_bench.sources.ntu.layout import GENERATED_MARK

_TEXTS: Final = frozenset({"ids", "bones"})
_LONGEST_SIDE: Final = 16_384
_MOST_ROTATION: Final = 4 * np.pi
"""Radians; beyond this a number is damaged, not a turn."""


@dataclass(frozen=True, eq=False)
class AnnyPeople:
    """A split; the arrays are those of `layout.ARRAYS`.

    Attributes:
        split: Name of the split.
        path: The annotation file.
        ids: N sample ids.
        images: N image files.
        sizes: (N, 2) int64 px, width and height.
        boxes: (N, 4) float64 px: left, top, width, height of what is seen of the person.
        intrinsics: (N, 4) float64 px: fx, fy, cx, cy.
        phenotype: (N, 9) float64, columns of `layout.PHENOTYPE`.
        rotations: (N, P, 3) float64 rotation vectors, radians.
        root: (N, 3) float64 meters.
        visible: (N,) float64 in 0..1.
        bones: Names of the P bones.
        problems: Samples whose numbers cannot be used (`person_unusable`) or whose image is missing (`image_missing`);
            they are left out.
        sha256: SHA-256 of the annotation file.
        generated: Whether the folder says that its people are generated.
    """

    split: str
    path: Path
    ids: tuple[str, ...]
    images: tuple[Path, ...]
    sizes: NDArray[np.int64]
    boxes: NDArray[np.float64]
    intrinsics: NDArray[np.float64]
    phenotype: NDArray[np.float64]
    rotations: NDArray[np.float64]
    root: NDArray[np.float64]
    visible: NDArray[np.float64]
    bones: tuple[str, ...]
    problems: tuple[Problem, ...]
    sha256: str
    generated: bool

    def __len__(self) -> int:
        return len(self.ids)


def open_people(root: Path, split: str) -> AnnyPeople:
    """Open a split of a folder that `hcmoco-bench synth shape` wrote.

    Raises:
        DataError: If the annotation file is missing (`people_missing`), cut short or foreign (`people_unreadable`),
            has arrays of other shapes or types (`people_shape`), names a sample twice or in another form
            (`people_ids`), or has no usable sample (`people_empty`).
    """
    path = root / ANNOTATIONS.format(split=split)
    if not path.is_file():
        raise DataError(
            f"{path}: missing; give the folder that `hcmoco-bench synth shape --out FOLDER` wrote",
            kind="people_missing",
            file=str(path),
        )
    arrays = _read(path)
    _require_shapes(path, arrays)
    ids = tuple(map(str, arrays["ids"].tolist()))
    _require_ids(path, ids)
    images = tuple(root / IMAGE.format(split=split, id=name) for name in ids)
    numbers = {name: arrays[name].astype(np.float64) for name in ARRAYS if name not in _TEXTS}
    wrong = _unusable(numbers)
    problems = []
    for row, (name, image) in enumerate(zip(ids, images, strict=True)):
        if row in wrong:
            problems.append(Problem(name, "person_unusable", str(path), f"{wrong[row]}; generate the folder again"))
        elif not image.is_file():
            problems.append(Problem(name, "image_missing", str(image), "there is no such image; copy the whole folder"))
    lost = {problem.id for problem in problems}
    rows = [row for row, name in enumerate(ids) if name not in lost]
    if not rows:
        raise DataError(
            f"{path}: none of its {len(ids)} samples can be used"
            + (f" (the first: {problems[0].reason})" if problems else ""),
            kind="people_empty",
            file=str(path),
        )
    kept = {name: numbers[name][rows] for name in numbers}
    return AnnyPeople(
        split=split,
        path=path,
        ids=tuple(ids[row] for row in rows),
        images=tuple(images[row] for row in rows),
        sizes=kept.pop("sizes").astype(np.int64),
        **kept,
        bones=tuple(map(str, arrays["bones"].tolist())),
        problems=tuple(problems),
        sha256=file_sha256(path),
        generated=(root / GENERATED_MARK).is_file(),
    )


def _read(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            missing = sorted(set(ARRAYS) - set(archive.files))
            if missing:
                raise ValueError(f"no {', '.join(missing)}; it holds {', '.join(archive.files) or 'nothing'}")
            return {name: archive[name] for name in ARRAYS}
    except (*NPZ_ERRORS, AttributeError, MemoryError) as error:
        raise DataError(
            f"{path}: cannot be read as annotations of generated people ({type(error).__name__}: {error}); generate "
            "the folder again or copy it whole",
            kind="people_unreadable",
            file=str(path),
        ) from error


def _require_shapes(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    sizes: dict[int | str, int] = {}
    for name, shape in ARRAYS.items():
        array = arrays[name]
        numeric = array.dtype.kind == "U" if name in _TEXTS else array.dtype.kind in "fiu"
        fits = array.ndim == len(shape) and all(
            found == (wanted if isinstance(wanted, int) else sizes.setdefault(wanted, found))
            for found, wanted in zip(array.shape, shape, strict=True)
        )
        if not (numeric and fits):
            wanted = ", ".join(map(str, shape))
            raise DataError(
                f"{path}: {name} has the shape {array.shape} and type {array.dtype}, not ({wanted}) "
                f"{'texts' if name in _TEXTS else 'numbers'}; generate the folder again",
                kind="people_shape",
                file=str(path),
            )


def _require_ids(path: Path, ids: tuple[str, ...]) -> None:
    strange = [name for name in ids if re.fullmatch(SAMPLE_PATTERN, name) is None]
    twice = sorted({name for name in ids if ids.count(name) > 1}) if len(set(ids)) < len(ids) else []
    if strange or twice:
        what = "are not of the form 00000_00" if strange else "come more than once"
        named = (strange or twice)[:3]
        raise DataError(
            f"{path}: {len(strange or twice)} ids {what} ({', '.join(map(ascii, named))}); generate the folder again",
            kind="people_ids",
            file=str(path),
        )


def _unusable(numbers: dict[str, NDArray[np.float64]]) -> dict[int, str]:
    """Why rows cannot be used, by row."""
    width, height = numbers["sizes"].T
    focal, shape = numbers["intrinsics"][:, :2], numbers["phenotype"]
    origin = shape[:, -3:].sum(1)
    with np.errstate(invalid="ignore"):
        rules = {
            "a number is nan or infinite": ~np.stack(
                [np.isfinite(array).all(axis=tuple(range(1, array.ndim))) for array in numbers.values()]
            ).all(0),
            "the size of the image makes no sense": (np.minimum(width, height) < 1)
            | (np.maximum(width, height) > _LONGEST_SIDE),
            "the box of the person is empty": (numbers["boxes"][:, 2:] <= 0).any(1),
            "a focal length is not above 0": (focal <= 0).any(1),
            "a phenotype value lies outside of 0 to 1": ((shape < -1e-6) | (shape > 1 + 1e-6)).any(1),
            f"the weights of {', '.join(PHENOTYPE[-3:])} do not add up to 1": np.abs(origin - 1) > 1e-3,
            "a bone is turned by more than two turns": (
                np.linalg.norm(numbers["rotations"], axis=2) > _MOST_ROTATION
            ).any(1),
            "the person is not in front of the camera": numbers["root"][:, 2] <= 0,
        }
    found: dict[int, str] = {}
    for why, wrong in rules.items():
        for row in np.flatnonzero(wrong).tolist():
            found.setdefault(int(row), why)
    return found
