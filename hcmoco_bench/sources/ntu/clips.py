"""Where the recordings of clips are, kept compactly enough for the 114,480 clips of NTU RGB+D 120."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hcmoco_bench.sources.ntu.assets import Asset
from hcmoco_bench.sources.ntu.layout import DEPTH_PATTERN, RGB_SUFFIX, SKELETON_SUFFIX
from hcmoco_bench.sources.ntu.names import ClipName


@dataclass(frozen=True)
class DepthFrames:
    """A clip's masked depth frames, in a folder or in an archive; nothing is listed.

    Attributes:
        path: The clip's folder, or the archive.
        prefix: The clip's folder inside the archive, without a final slash; None for a plain folder.
    """

    path: Path
    prefix: str | None = None

    def frame(self, frame: int) -> Asset:
        """The PNG of one frame, counted from 1; whether it exists is seen when it is read."""
        name = DEPTH_PATTERN.format(frame=frame)
        return Asset(self.path / name) if self.prefix is None else Asset(self.path, _join(self.prefix, name))

    def __str__(self) -> str:
        return str(self.path) if self.prefix is None else f"{self.path}!{self.prefix}"


@dataclass(frozen=True)
class Clip:
    """Where the three recordings of one clip are; None for what no root holds."""

    name: ClipName
    rgb: Asset | None = None
    depth: DepthFrames | None = None
    skeleton: Asset | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """Which of `rgb`, `depth` and `skeleton` no root holds."""
        return tuple(kind for kind in ("rgb", "depth", "skeleton") if getattr(self, kind) is None)


@dataclass(frozen=True)
class Container:
    """A folder, plain or inside an archive, that holds recordings named after their clips.

    Attributes:
        path: The folder, or the archive.
        inside: The folder inside the archive, without a final slash ("" at its top); None for a plain folder.
    """

    path: Path
    inside: str | None = None

    def asset(self, name: str) -> Asset:
        """The file of that name in this folder."""
        return Asset(self.path / name) if self.inside is None else Asset(self.path, _join(self.inside, name))

    def depth(self, clip: ClipName) -> DepthFrames:
        """The clip's folder of depth frames in this folder."""
        if self.inside is None:
            return DepthFrames(self.path / str(clip))
        return DepthFrames(self.path, _join(self.inside, str(clip)))


@dataclass(frozen=True, slots=True)
class Holders:
    """For one clip: the index of the container that holds each recording, or -1."""

    rgb: int = -1
    depth: int = -1
    skeleton: int = -1


@dataclass(frozen=True)
class ClipIndex(Mapping[ClipName, Clip]):
    """Clips by name, in sorted order; a `Clip` is made when it is looked up.

    Attributes:
        containers: The folders that hold recordings.
        holders: Per clip, in sorted order, who holds what.
    """

    containers: tuple[Container, ...] = ()
    holders: dict[ClipName, Holders] = field(default_factory=dict)

    def __getitem__(self, name: ClipName) -> Clip:
        holders = self.holders[name]
        return Clip(
            name,
            None if holders.rgb < 0 else self.containers[holders.rgb].asset(f"{name}{RGB_SUFFIX}"),
            None if holders.depth < 0 else self.containers[holders.depth].depth(name),
            None if holders.skeleton < 0 else self.containers[holders.skeleton].asset(f"{name}{SKELETON_SUFFIX}"),
        )

    def __iter__(self) -> Iterator[ClipName]:
        return iter(self.holders)

    def __len__(self) -> int:
        return len(self.holders)

    def __contains__(self, name: object) -> bool:
        return name in self.holders


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
