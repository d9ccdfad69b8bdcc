"""DensePose-COCO to learn from: images with their people, part masks and those chart points that are right.

https://github.com/facebookresearch/DensePose (annotations `densepose_coco_2014_{train,minival,valminusminival}.json`)
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as run_lengths

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.sources.annotation_json import OTHER_FORMS
from hcmoco_bench.sources.densepose.layout import FILES, FOLDERS, IMAGE_FOLDERS, LATER_FILES, MASK_SIZE, POINT_RANGE
from hcmoco_bench.sources.densepose.records import (
    POINT_FIELDS,
    PersonEntry,
    PersonRecord,
    read_records,
    wrong_file,
)
from hcmoco_bench.sources.inside import path_inside
from hcmoco_bench.sources.other_forms import other_forms, seen_instead

_COARSE: Final = 14
_FINE: Final = 24


@dataclass(frozen=True, eq=False)
class SurfaceSamples:
    """What is annotated of one person's surface.

    Attributes:
        xy: (P, 2) float32 place (x, y) in the person's box, 0..1 from edge to edge.
        part: (P,) uint8 chart 1..24.
        uv: (P, 2) float32 U, V in 0..1.
        masks: Run lengths (pycocotools' compressed form, 256 x 256 over the box) of the 14 mask parts; None for those
            that are not seen.
    """

    xy: NDArray[np.float32]
    part: NDArray[np.uint8]
    uv: NDArray[np.float32]
    masks: tuple[dict[str, Any] | None, ...]

    def coarse(self) -> NDArray[np.uint8]:
        """(256, 256) uint8 mask part 1..14 over the box, 0 for background; where masks overlap the later part wins."""
        label = np.zeros((MASK_SIZE, MASK_SIZE), np.uint8)
        for part, mask in enumerate(self.masks, 1):
            if mask is not None:
                label[run_lengths.decode(mask) > 0] = part
        return label


@dataclass(frozen=True, eq=False)
class DensePosePerson:
    """One person.

    Attributes:
        id: Of the annotation.
        box: (4,) float32 left, top, right, bottom px; edges between pixels (px 0 reaches from 0 to 1); may leave the
            image.
        area: Px.
        crowd: Whether it stands for several people; nothing is to be learned or scored there.
        surface: Masks and points; None for people who were not annotated with them.
    """

    id: int
    box: NDArray[np.float32]
    area: float
    crowd: bool
    surface: SurfaceSamples | None


@dataclass(frozen=True)
class DensePoseImage:
    """An image with its people: id, file, width and height in px as annotated, people in the file's order."""

    id: int
    path: Path
    size: tuple[int, int]
    people: tuple[DensePosePerson, ...]


@dataclass(frozen=True)
class DensePoseAnnotations:
    """What an annotation file describes.

    Attributes:
        file: The file.
        images: Those that are there and hold somebody annotated with points, by id.
        others: Those that are there and hold nobody annotated with points, by id; they are scored too.
        listed: Every image's id, whether its file is there or not; whether somebody in it is annotated with points.
        problems: People and images that cannot be used, and points that were left out (`points_outside`, kept).
        counts: `people`, `with_points`, `without_points`, `crowds`, and `images_without_points` of the whole file.
    """

    file: Path
    images: tuple[DensePoseImage, ...]
    others: tuple[DensePoseImage, ...]
    listed: dict[int, bool]
    problems: tuple[Problem, ...]
    counts: dict[str, int]


def find_annotations(root: Path) -> dict[str, Path]:
    """The annotation files by split (`train`, `minival`, `valminusminival`), under their first or later names.

    Args:
        root: COCO's folder, with `train2014/`, `val2014/` and the files in it or in one of `layout.FOLDERS`.

    Raises:
        DataError: Kind `root_unreadable` or `no_annotations`.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; give the data set's folder", kind="root_unreadable", file=str(root))
    found = {}
    for split in FILES:
        places = (root / folder / name for name in (FILES[split], LATER_FILES[split]) for folder in FOLDERS)
        path = next((path for path in places if path.is_file()), None)
        if path is not None:
            found[split] = path
    if not found:
        raise DataError(
            f"{root}: none of {', '.join(FILES.values())} in it or in its `annotations`; put them there"
            f"{seen_instead(other_forms([root, *(root / folder for folder in FOLDERS if folder)], OTHER_FORMS))}",
            kind="no_annotations",
            file=str(root),
        )
    return found


def read_annotations(path: Path, root: Path) -> DensePoseAnnotations:
    """Read an annotation file.

    Args:
        path: The JSON file.
        root: Folder of the data set; an image is in `train2014/` or `val2014/` below it (as its name says), in
            `images/`, or in it.

    Returns:
        Its images and people. Missing images (`image_missing`), images outside of the data set's folder
        (`path_outside`) and wrong entries (`annotation_wrong`) are problems;
        people without points are counted. A person keeps the points that are right if others lie outside of 0..255, of
        the charts 1..24, or of U, V 0..1.

    Raises:
        DataError: Kind `annotations_unreadable`: not JSON (cut off, for one), or not of this form.
    """
    records = read_records(path)
    if nameless := records.sizes.keys() - records.file_names.keys():
        raise wrong_file(str(path), f"image {min(nameless)} has no file name")
    people: dict[int, list[DensePosePerson]] = {key: [] for key in records.sizes}
    problems: list[Problem] = []
    counts = Counter(people=0, with_points=0, without_points=0, crowds=0, images_without_points=0)
    for entry in records.people:
        counts["people"] += 1
        try:
            if entry.image not in people:
                raise ValueError(f"is in image {entry.image}, which is not listed")
            person, n_wrong = _person(entry.read())
        except ValueError as error:
            reason = f"{path}: annotation {entry.id} {error}"
            problems.append(Problem(str(entry.id), "annotation_wrong", str(path), reason))
            continue
        if n_wrong:
            problems.append(_points_outside(path, entry, n_wrong))
        people[entry.image].append(person)
        counts["crowds"] += person.crowd
        counts["with_points" if person.surface is not None else "without_points"] += 1
    images: list[DensePoseImage] = []
    others: list[DensePoseImage] = []
    listed = {key: any(person.surface is not None for person in people[key]) for key in sorted(records.sizes)}
    for key, annotated in listed.items():
        counts["images_without_points"] += not annotated
        try:
            file = _image(root, records.file_names[key])
        except DataError as error:
            problems.append(Problem.from_error(str(key), error))
            continue
        if file is None:
            problems.append(_missing(key, records.file_names[key], root))
            continue
        (images if annotated else others).append(DensePoseImage(key, file, records.sizes[key], tuple(people[key])))
    if listed and not images and not others:
        problems.append(_absent(path, len(listed), root))
    return DensePoseAnnotations(path, tuple(images), tuple(others), listed, tuple(problems), dict(counts))


def _image(root: Path, name: str) -> Path | None:
    folders = [folder for folder in dict.fromkeys(IMAGE_FOLDERS.values()) if f"_{folder}_" in name]
    places = (path_inside(root / folder, name) for folder in (*folders, *IMAGE_FOLDERS.values(), "images", ""))
    return next((path for path in places if path.is_file()), None)


def _missing(key: int, name: str, root: Path) -> Problem:
    reason = f"{name}: in none of {', '.join(dict.fromkeys(IMAGE_FOLDERS.values()))} and images; fetch COCO's images"
    return Problem(str(key), "image_missing", name, reason)


def _absent(path: Path, n_images: int, root: Path) -> Problem:
    reason = (
        f"{root}: none of the {n_images:,} images of {path.name} is there; extract COCO's images there"
        f"{seen_instead(other_forms([root, *(root / folder for folder in IMAGE_FOLDERS.values())], OTHER_FORMS))}"
    )
    return Problem("", "images_absent", str(root), reason)


def _person(record: PersonRecord) -> tuple[DensePosePerson, int]:
    """A person to learn from, and how many points were left out; raises ValueError if nothing can be learned."""
    x, y, width, height = record.box.tolist()
    if width <= 0 or height <= 0:
        raise ValueError("has a box without area")
    surface, n_wrong = None, 0
    if record.points is not None and len(record.points) and not record.crowd:
        surface, n_wrong = _surface(record.points, record.masks)
    area = width * height if record.area is None else record.area
    box = np.array([x, y, x + width, y + height], np.float32)
    return DensePosePerson(record.id, box, area, record.crowd, surface), n_wrong


def _surface(points: NDArray[np.float64], given_masks: Any) -> tuple[SurfaceSamples | None, int]:
    try:
        masks = tuple(_mask(mask) for mask in given_masks)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"has masks that cannot be read ({type(error).__name__}: {error})") from error
    if len(masks) != _COARSE:
        raise ValueError(f"has {len(masks)} masks, not {_COARSE}")
    x, y, part, u, v = points.T
    with np.errstate(invalid="ignore"):
        right = (x >= 0) & (x <= POINT_RANGE) & (y >= 0) & (y <= POINT_RANGE)
        right &= np.isin(part, np.arange(1, _FINE + 1)) & (u >= 0) & (u <= 1) & (v >= 0) & (v <= 1)
    xy = np.stack([x, y], axis=1)[right] / POINT_RANGE
    samples = SurfaceSamples(
        xy.astype(np.float32), part[right].astype(np.uint8), np.stack([u, v], axis=1)[right].astype(np.float32), masks
    )
    return (samples if right.any() else None), int((~right).sum())


def _mask(mask: Any) -> dict[str, Any] | None:
    """A mask's run lengths; raises ValueError for another size or damaged counts."""
    if not mask:
        return None
    found = {"size": [int(side) for side in mask["size"]], "counts": mask["counts"]}
    if found["size"] != [MASK_SIZE, MASK_SIZE]:
        raise ValueError(f"a mask of {found['size']}, not {MASK_SIZE} x {MASK_SIZE}")
    return found


def _points_outside(path: Path, entry: PersonEntry, n_wrong: int) -> Problem:
    reason = (
        f"{path}: {n_wrong} of the {len(entry.content[POINT_FIELDS[0]])} points of annotation {entry.id} are outside "
        f"of the box (0..255), of the charts 1..{_FINE} or of U, V 0..1; they are left out"
    )
    return Problem(str(entry.id), "points_outside", str(path), reason, kept=True)
