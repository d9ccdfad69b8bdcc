"""Perceptual hashes of images: of the person where depth says where the person is, and of the whole image.

Cameras of NTU RGB+D and Human3.6M stand still, so that whole images of one rig are alike whoever is in them; the square
around the pixels with measured depth shows the person instead. The hash is the 256-bit perceptual hash of the library
ImageHash: the signs of the lowest 16x16 coefficients of a cosine transform, against their median.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hcmoco_bench.audit.frames import FrameSource
from hcmoco_bench.runtime.progress import Progress, no_progress

View: TypeAlias = Literal["person", "whole"]
"""What of an image is compared."""

HASH_SIDE: Final = 16
"""Side of the square of coefficients; a hash has its square in bits."""

BITS: Final = HASH_SIDE * HASH_SIDE

GRAY_SIDE: Final = 4 * HASH_SIDE
"""Side in px of the gray image that the hash transforms, and that is kept to look again at what hashes find alike."""

_MARGIN: Final = 1.1
"""Side of the person's square over the longer side of the measured pixels."""

_LABEL: Final = "hashing frames"


class ImageHash(NamedTuple):
    """The hash of one image.

    Attributes:
        bits: (4,) uint64, its 256 bits.
        mirrored: (4,) uint64, those of the mirror image.
        gray: (64, 64) uint8, the image that was hashed.
    """

    bits: NDArray[np.uint64]
    mirrored: NDArray[np.uint64]
    gray: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class ImageHashes:
    """Hashes of one view of N images.

    Attributes:
        keys: Name of each image.
        bits: (N, 4) uint64, the 256 bits of each hash.
        mirrored: (N, 4) uint64, those of the mirror image.
        gray: (N, 64, 64) uint8.
    """

    keys: tuple[str, ...]
    bits: NDArray[np.uint64]
    mirrored: NDArray[np.uint64]
    gray: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.keys)

    @classmethod
    def of(cls, hashes: Mapping[str, ImageHash]) -> ImageHashes:
        """The hashes of images by name."""
        words = BITS // 64
        return cls(
            tuple(hashes),
            np.array([one.bits for one in hashes.values()], np.uint64).reshape(-1, words),
            np.array([one.mirrored for one in hashes.values()], np.uint64).reshape(-1, words),
            np.array([one.gray for one in hashes.values()], np.uint8).reshape(-1, GRAY_SIDE, GRAY_SIDE),
        )


def hash_images(
    source: FrameSource, keys: Sequence[str], views: Sequence[View], *, progress: Progress = no_progress
) -> dict[View, ImageHashes]:
    """Hash images one by one; about 4 KB a view of each are kept.

    Args:
        source: Where the images are.
        keys: Their names; repeated ones count once.
        views: What to hash.
        progress: Told the number of images done.

    Returns:
        The hashes by view, without images that are missing or damaged; `person` also without those that have no
        measured pixel.

    Raises:
        StoreError: If a file of a store cannot be read.
    """
    wanted = frozenset(keys)
    hashed: dict[View, dict[str, ImageHash]] = {view: {} for view in views}
    progress(_LABEL, 0, len(wanted))
    for number, frame in enumerate(source.frames(wanted), start=1):
        if frame.rgb is not None:
            image = Image.fromarray(frame.rgb)
            for view in views:
                shown = person_view(image, frame.depth) if view == "person" else image
                if shown is not None:
                    hashed[view][frame.key] = hash_image(shown)
        progress(_LABEL, number, len(wanted))
    progress(_LABEL, len(wanted), len(wanted))
    return {view: ImageHashes.of(found) for view, found in hashed.items()}


def hash_image(image: Image.Image) -> ImageHash:
    """Hash an image."""
    gray = image.convert("L").resize((GRAY_SIDE, GRAY_SIDE), Image.Resampling.LANCZOS)
    mirrored = gray.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return ImageHash(_packed(gray), _packed(mirrored), np.asarray(gray))


def person_view(image: Image.Image, depth: NDArray[np.uint16] | None) -> Image.Image | None:
    """The square around the pixels with measured depth, black outside of the image; None without any.

    Args:
        image: The color image.
        depth: Depth in the frame of the color image, 0 = none.
    """
    if depth is None or not depth.any():
        return None
    down, across = np.flatnonzero(depth.any(axis=1)), np.flatnonzero(depth.any(axis=0))
    (y0, y1), (x0, x1) = (down[0], down[-1] + 1), (across[0], across[-1] + 1)
    half = _MARGIN * max(y1 - y0, x1 - x0) / 2
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    return image.crop((round(x - half), round(y - half), round(x + half), round(y + half)))


def _packed(gray: Image.Image) -> NDArray[np.uint64]:
    bits = np.asarray(imagehash.phash(gray, hash_size=HASH_SIDE).hash, np.bool_)
    return np.packbits(bits.ravel()).view(np.uint64)
