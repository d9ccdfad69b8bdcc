"""Where the recordings of clips are, kept compactly enough for the 114,480 clips of NTU RGB+D 120."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from hcmoco_bench.sources.ntu.assets import Asset
from hcmoco_bench.sources.ntu.clip_folder import ClipFolder
from hcmoco_bench.sources.ntu.extents import Extent
from hcmoco_bench.sources.ntu.layout import DEPTH_PATTERN, RGB_SUFFIX, SKELETON_SUFFIX
from hcmoco_bench.sources.ntu.names import ClipName


@dataclass(frozen=True)
class DepthFrames:
    """A clip's masked depth frames, in a folder or in an archive.

    Attributes:
        path: The clip's folder, or the archive.
        prefix: The clip's folder inside the archive, without a final slash; None for a plain folder.
        listed: In an archive: the frames that its list of members names.
    """

    path: Path
    prefix: str | None = None
    listed: Extent | None = field(default=None, compare=False)

    def frame(self, frame: int) -> Asset:
        """The PNG of one frame, counted from 1; whether it exists is seen when it is read."""
        name = DEPTH_PATTERN.format(frame=frame)
        return Asset(self.path / name) if self.prefix is None else Asset(self.path, _join(self.prefix, name))

    def extent(self) -> Extent | None:
        """The frames that are there, by their names; None if the folder cannot be listed."""
        if self.prefix is not None:
            return self.listed
        content = ClipFolder()
        try:
            content.see([entry.name for entry in self.path.iterdir()])
        except OSError:
            return None
        return content.extent

    def __str__(self) -> str:
        return str(self.path) if self.prefix is None else f"{self.path}!{self.prefix}"


_Item = TypeVar("_Item")

RECORDINGS: Final = ("rgb", "depth", "skeleton")
"""The recordings of a clip, by the names of the fields that hold them."""


@dataclass(frozen=True)
class Copies:
    """Further copies of a clip's recordings, in the order in which they are to be tried."""

    rgb: tuple[Asset, ...] = ()
    depth: tuple[DepthFrames, ...] = ()
    skeleton: tuple[Asset, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.rgb or self.depth or self.skeleton)


NO_COPIES: Final = Copies()


@dataclass(frozen=True)
class Clip:
    """Where the three recordings of one clip are; None for what no root holds.

    Attributes:
        name: The clip.
        rgb: Its video.
        depth: Its depth frames.
        skeleton: Its skeletons.
        spare: Further copies of them.
    """

    name: ClipName
    rgb: Asset | None = None
    depth: DepthFrames | None = None
    skeleton: Asset | None = None
    spare: Copies = field(default=NO_COPIES, compare=False)

    @property
    def missing(self) -> tuple[str, ...]:
        """Which of `rgb`, `depth` and `skeleton` no root holds."""
        return tuple(kind for kind in RECORDINGS if getattr(self, kind) is None)


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

    def depth(self, clip: str, listed: Extent | None = None) -> DepthFrames:
        """The clip's folder of depth frames in this folder."""
        if self.inside is None:
            return DepthFrames(self.path / clip)
        return DepthFrames(self.path, _join(self.inside, clip), listed)


@dataclass(frozen=True, slots=True)
class Holders:
    """For one clip: the indices of the containers that hold each recording, the first one to be used.

    Attributes:
        rgb: Who holds the video.
        depth: Who holds depth frames.
        skeleton: Who holds the skeletons.
        listed: For each of `depth`, the frames that are there if an archive holds them.
    """

    rgb: tuple[int, ...] = ()
    depth: tuple[int, ...] = ()
    skeleton: tuple[int, ...] = ()
    listed: tuple[Extent | None, ...] = ()


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
        held = self.holders[name]
        text = str(name)
        video = [self.containers[index].asset(text + RGB_SUFFIX) for index in held.rgb]
        depth = [
            self.containers[index].depth(text, listed) for index, listed in zip(held.depth, held.listed, strict=True)
        ]
        skeleton = [self.containers[index].asset(text + SKELETON_SUFFIX) for index in held.skeleton]
        spare = NO_COPIES
        if len(video) > 1 or len(depth) > 1 or len(skeleton) > 1:
            spare = Copies(tuple(video[1:]), tuple(depth[1:]), tuple(skeleton[1:]))
        return Clip(
            name, video[0] if video else None, depth[0] if depth else None, skeleton[0] if skeleton else None, spare
        )

    def __iter__(self) -> Iterator[ClipName]:
        return iter(self.holders)

    def __len__(self) -> int:
        return len(self.holders)

    def __contains__(self, name: object) -> bool:
        return name in self.holders

    def has_copies(self, name: ClipName) -> bool:
        """Whether some recording of a clip is there more than once; makes nothing."""
        held = self.holders[name]
        return max(len(held.rgb), len(held.depth), len(held.skeleton)) > 1

    def using(self, chosen: Mapping[ClipName, Mapping[str, int]]) -> ClipIndex:
        """The same index with other copies in the first place.

        Args:
            chosen: For some clips, the place (from 0) of the copy to use by recording.
        """
        changed = {name: _first(self.holders[name], places) for name, places in chosen.items()}
        return ClipIndex(self.containers, self.holders | changed)


class ClipIndexBuilder:
    """Collects who holds what; clips that lie in the same containers share one record."""

    def __init__(self) -> None:
        self._containers: dict[Container, int] = {}
        self._order: list[Container] = []
        self._holders: dict[ClipName, Holders] = {}
        self._shared: dict[tuple[int, str, int, Extent | None], Holders] = {}
        self._nothing = Holders()

    def add(self, clip: ClipName, recording: str, container: Container, listed: Extent | None) -> Container | None:
        """Note one recording of a clip, unless it is known already.

        Args:
            clip: The clip.
            recording: One of `RECORDINGS`.
            container: Who holds it.
            listed: Of depth in an archive: the frames that are there.

        Returns:
            Who held that recording before, in which case nothing is noted; None for the first.
        """
        before = self._holders.get(clip, self._nothing)
        held: tuple[int, ...] = getattr(before, recording)
        if held:
            return self._order[held[0]]
        self._note(clip, before, recording, container, listed)
        return None

    def add_copy(self, clip: ClipName, recording: str, container: Container, listed: Extent | None) -> None:
        """Note a further copy of a recording, behind those noted before."""
        self._note(clip, self._holders[clip], recording, container, listed)

    def _note(
        self, clip: ClipName, before: Holders, recording: str, container: Container, listed: Extent | None
    ) -> None:
        index = self._containers.setdefault(container, len(self._order))
        if index == len(self._order):
            self._order.append(container)
        key = (id(before), recording, index, listed)  # every record lives as long as the builder
        found = self._shared.get(key)
        if found is None:
            held: tuple[int, ...] = getattr(before, recording)
            if index in held:
                return
            changes: dict[str, Any] = {recording: (*held, index)}
            if recording == "depth":
                changes["listed"] = (*before.listed, listed)
            found = self._shared[key] = replace(before, **changes)
        self._holders[clip] = found

    def index(self) -> ClipIndex:
        """What was collected."""
        return ClipIndex(tuple(self._order), dict(sorted(self._holders.items())))


def _first(held: Holders, places: Mapping[str, int]) -> Holders:
    depth = places.get("depth", 0)
    return Holders(
        _moved(held.rgb, places.get("rgb", 0)),
        _moved(held.depth, depth),
        _moved(held.skeleton, places.get("skeleton", 0)),
        _moved(held.listed, depth),
    )


def _moved(items: tuple[_Item, ...], place: int) -> tuple[_Item, ...]:
    return (items[place], *items[:place], *items[place + 1 :]) if place else items


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder not in ("", "/") else f"{folder}{name}"
