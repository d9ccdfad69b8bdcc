"""How the pixels of a folder of label images are read: by number, by gray level or by color, decided over all files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body import part_table
from hcmoco_bench.errors import DataError
from hcmoco_bench.files.json import read_json
from hcmoco_bench.files.png import LabelPixels

Encoding = Literal["auto", "classes", "raw", "colors"]
Color = tuple[int, int, int]
_REMEDY: Final = (
    "write the masks with one palette or as 8 bit gray, or state the colors of the classes with --set palette=FILE"
)


@dataclass(frozen=True, eq=False)
class LabelReading:
    """What the pixels of all files of a folder mean.

    Attributes:
        by: number: gray values and palette indices are labels; level: the gray levels of palette entries are;
            color: colors are.
        encoding: Whether the numbers or levels are class indices 0..24 or the published raw ids; classes for colors.
        colors: Class index of each color, where `by` is color.
        doubt: What speaks against this reading, as a sentence; empty if nothing does.
    """

    by: Literal["number", "level", "color"]
    encoding: Literal["classes", "raw"]
    colors: Mapping[Color, int]
    doubt: str = ""

    def numbers(self, pixels: LabelPixels) -> NDArray[np.uint8]:
        """(H, W) labels in the reading's encoding.

        Raises:
            ValueError: If a color that is in the image has no class, or an RGB image is to be read by number.
        """
        if self.by == "color":
            table = _gray_levels() if pixels.colors is None else _tuples(pixels.colors)
            used = np.unique(pixels.values)
            unknown = [table[value] for value in used if table[value] not in self.colors]
            if unknown:
                raise ValueError(f"colors without a class: {_listed(unknown)}")
            lookup = np.array([self.colors.get(color, 0) for color in table], np.uint8)
            return np.asarray(lookup[pixels.values])
        if pixels.colors is None:
            return pixels.values
        if self.by == "level":
            return np.asarray(pixels.colors[:, 0][pixels.values])
        if not pixels.numbered:
            raise ValueError("rgb, but pixels must be labels: 8 bit palette or gray, or colors of a stated palette")
        return pixels.values


class FolderPixels:
    """Collects which numbers and colors the files of a folder use."""

    def __init__(self) -> None:
        self.gray = np.zeros(256, bool)
        self.indices = np.zeros(256, bool)
        self.colors: set[Color] = set()
        self.rgb: Path | None = None
        self.colored: Path | None = None
        self.differ = ""
        self._color_of: dict[int, tuple[Color, Path]] = {}
        self._places: dict[Color, tuple[frozenset[int], Path]] = {}

    def add(self, path: Path, pixels: LabelPixels) -> None:
        """Take the pixels of a file."""
        used = np.flatnonzero(np.bincount(pixels.values.reshape(-1), minlength=256))
        if pixels.colors is None:
            self.gray[used] = True
            return
        table = _tuples(pixels.colors)
        self.colors |= {table[value] for value in used}
        self.colored = self.colored or path
        if not pixels.numbered:
            self.rgb = self.rgb or path
            return
        self.indices[used] = True
        places: dict[Color, set[int]] = {}
        for place, color in enumerate(table):
            places.setdefault(color, set()).add(place)
        for index in map(int, used):
            color = table[index]
            other, first = self._color_of.setdefault(index, (color, path))
            if other != color:
                self._note(f"index {index} is {_hex(other)} in {first.name} and {_hex(color)} in {path.name}")
            there = frozenset(places[color])
            known, first = self._places.setdefault(color, (there, path))
            if not known & there:
                self._note(f"{_hex(color)} is index {min(known)} in {first.name} and {index} in {path.name}")

    def _note(self, what: str) -> None:
        self.differ = self.differ or what

    def decide(self, encoding: Encoding, stated: Mapping[Color, int] | None = None) -> LabelReading:
        """How the files are to be read.

        Palettes whose colors are all those of the stated palette are read by color. Palettes of gray levels that are
        labels are read by level, as programs that make files smaller may number them anew. Otherwise one palette
        for all files is read by index.

        Args:
            encoding: What numbers mean; `colors` reads every file by color.
            stated: Class index of each color; None for the colors of the part table.
        """
        colors = own_colors() if stated is None else stated
        numbers = self.gray | self.indices
        plain = LabelReading("number", _encoding(encoding, np.flatnonzero(numbers)), {})
        by_color = LabelReading("color", "classes", colors)
        if encoding == "colors" or stated is not None:
            return by_color
        if self.colored is None:
            return replace(plain, doubt=_counted_from_1(np.flatnonzero(numbers)) if encoding == "auto" else "")
        levels = {color[0] for color in self.colors} | set(map(int, np.flatnonzero(self.gray)))
        told = encoding != "auto"
        sound = not self.differ and self.rgb is None
        if told and sound:
            return plain
        grays = {(level, level, level) for level in map(int, np.flatnonzero(self.gray))}
        if (self.colors | grays) <= set(colors) and len(self.colors) > 1:
            return by_color
        if all(len(set(color)) == 1 for color in self.colors) and _labels(levels):
            by_level = LabelReading("level", _encoding(encoding, sorted(levels)), {})
            if not sound or not _labels(np.flatnonzero(self.indices)) or self._same_numbers():
                return by_level
            doubt = (
                "the gray levels of the masks' palette are labels, and its indices are others, so that either may be "
                "meant; write the masks as 8 bit gray, or say --set encoding=classes or encoding=raw for the indices"
            )
            return LabelReading(plain.by, plain.encoding, {}, doubt)
        return LabelReading(plain.by, plain.encoding, {}, self._doubt())

    def _same_numbers(self) -> bool:
        """Whether the gray levels of palette entries are their indices."""
        return all(color == (index, index, index) for index, (color, _) in self._color_of.items())

    def _doubt(self) -> str:
        if self.rgb is not None:
            unknown = sorted(self.colors - set(own_colors()))
            reverse = all(color[::-1] in own_colors() for color in self.colors)
            return (
                f"{self.rgb.name} and others hold colors that stand for no known class ({_listed(unknown)})"
                f"{', but are those of the classes if blue comes first: swap red and blue' * reverse}; {_REMEDY}"
            )
        if self.differ:
            return f"the palettes of the masks differ from file to file: {self.differ}; {_REMEDY}"
        if self.gray[1:].any() and self.colored is not None:
            return f"some masks are gray, and others have a palette ({self.colored.name}); {_REMEDY}"
        return ""


def own_colors() -> dict[Color, int]:
    """Class index of each color of the part table."""
    return {color: number for number, color in enumerate(_tuples(part_table().palette))}


def read_palette(path: Path) -> dict[Color, int]:
    """The class of each color, from a `.json` file with one [red, green, blue], 0..255, for each class, in their order.

    Raises:
        DataError: Kind `palette_wrong` if it holds something else.
    """
    content = read_json(path, kind="palette_wrong")
    n = len(part_table())
    try:
        colors = np.array(content, np.float64)
        right = colors.shape == (n, 3) and bool(((colors >= 0) & (colors <= 255) & (colors % 1 == 0)).all())
    except (TypeError, ValueError):
        right = False
    found = {color: number for number, color in enumerate(_tuples(colors.astype(np.uint8)))} if right else {}
    if len(found) != n:
        raise DataError(
            f"{path}: not the colors of {n} classes; give a list of {n} different [red, green, blue], 0 to 255, in the "
            "order of the classes",
            kind="palette_wrong",
            file=str(path),
        )
    return found


def _encoding(asked: Encoding, numbers: Iterable[int]) -> Literal["classes", "raw"]:
    if asked == "classes" or asked == "raw":
        return asked
    return "raw" if max(numbers, default=0) >= len(part_table()) else "classes"


def _counted_from_1(numbers: NDArray[np.integer[Any]]) -> str:
    n = len(part_table())
    if not len(numbers) or (numbers[0], numbers[-1]) != (1, n):
        return ""
    return f"the labels are 1 to {n}, so that classes seem to be counted from 1; subtract 1, so that background is 0"


def _labels(numbers: Collection[int]) -> bool:
    """Whether all are class indices, or all raw ids."""
    found = set(map(int, numbers))
    return found <= set(range(len(part_table()))) or found <= set(part_table().raw_ids.tolist())


def _tuples(colors: NDArray[np.uint8]) -> list[Color]:
    return [(red, green, blue) for red, green, blue in colors.tolist()]


def _gray_levels() -> list[Color]:
    return [(level, level, level) for level in range(256)]


def _hex(color: Color) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)


def _listed(colors: Collection[Color]) -> str:
    return ", ".join(map(_hex, list(colors)[:5])) + (", ..." if len(colors) > 5 else "")
