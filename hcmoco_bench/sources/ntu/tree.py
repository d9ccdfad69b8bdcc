"""What some roots hold: extracted folders at any depth, and the downloaded archives as they are."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources.ntu.archives import members
from hcmoco_bench.sources.ntu.assets import Asset
from hcmoco_bench.sources.ntu.clip_folder import ClipFolder, holds_depth_alone
from hcmoco_bench.sources.ntu.clips import Clip, ClipIndex, ClipIndexBuilder, Container, DepthFrames
from hcmoco_bench.sources.ntu.extents import Extent
from hcmoco_bench.sources.ntu.layout import GENERATED_MARK, RGB_SUFFIX, SKELETON_SUFFIX
from hcmoco_bench.sources.ntu.members import folder_of, leads_outside, runs
from hcmoco_bench.sources.ntu.names import ClipName
from hcmoco_bench.sources.ntu.other_forms import OTHER_FORMS, locked
from hcmoco_bench.sources.other_forms import OtherForms

__all__ = ["Clip", "DepthFrames", "NtuTree", "scan"]


@dataclass(frozen=True)
class NtuTree:
    """What some roots hold.

    Attributes:
        roots: The roots, in the order given; the first that holds a recording wins.
        clips: Clips in sorted order; picklable, and small.
        problems: What was found and not used, sorted.
        generated: True if every recording lies in a generated tree (below a folder with a `GENERATED.json`); otherwise
            it is to be treated as licensed NTU data.
        marked: The folders that hold a `GENERATED.json`, in the order in which they were found.
    """

    roots: tuple[Path, ...]
    clips: ClipIndex
    problems: tuple[Problem, ...]
    generated: bool
    marked: tuple[Path, ...] = ()


def scan(roots: Sequence[Path], *, progress: Progress = no_progress) -> NtuTree:
    """Find every clip's video, masked depth and skeleton.

    Recordings are known by their names: `<clip>_rgb.avi`, `<clip>.skeleton`, and a folder `<clip>` of `MDepth-*.png`.
    They may lie at any depth, in folders or in `.zip` archives, under several roots; links are followed. What a folder
    named after its clip holds is judged by its own names; it is listed if it is not plainly as published. Where a
    recording is found several times the copies are kept in order: roots as given, names sorted, and last the members of
    archives whose names lead out of them (`..`, a leading slash). So the result does not depend on the file system's
    order.

    Args:
        roots: Folders or zip archives.
        progress: Told the number of folders and archives read.

    Returns:
        The clips and the problems: `name_unparsable`, `duplicate_clip` (kept: which copy comes first),
        `zip_unreadable`, `folder_unreadable`, `depth_not_masked` (kept: clips with unmasked depth, which is not used),
        `member_outside` (kept: members of archives with such names), those of `OTHER_FORMS`, and `zip_locked`.

    Raises:
        DataError: Kind `root_unreadable`, if a root is not there or cannot be listed.
    """
    found = _Found(progress)
    for root in roots:
        found.root(root)
    found.take_outside()
    progress("scanning", found.visited, found.visited)
    index = found.clips.index()
    problems = sorted({*found.problems, *found.archive_duplicates(), *found.not_masked(), *found.others.problems()})
    return NtuTree(tuple(roots), index, tuple(problems), bool(index) and found.all_generated, tuple(found.marked))


@dataclass(frozen=True)
class _Outside:
    """A recording whose name leads out of its archive: a file, or (with `depth`) a clip's folder."""

    container: Container
    name: str
    depth: ClipFolder | None
    generated: bool


@dataclass
class _Found:
    progress: Progress
    visited: int = 0
    all_generated: bool = True
    marked: list[Path] = field(default_factory=list)
    clips: ClipIndexBuilder = field(default_factory=ClipIndexBuilder)
    problems: list[Problem] = field(default_factory=list)
    seen: set[tuple[int, int]] = field(default_factory=set)
    again: dict[tuple[Path, str], list[ClipName]] = field(default_factory=dict)
    unmasked: dict[str, list[ClipName]] = field(default_factory=dict)
    outside: list[_Outside] = field(default_factory=list)
    others: OtherForms = field(default_factory=lambda: OtherForms(OTHER_FORMS))

    def root(self, root: Path) -> None:
        above = next((folder for folder in root.absolute().parents if (folder / GENERATED_MARK).is_file()), None)
        if above is not None and above not in self.marked:
            self.marked.append(above)
        generated = above is not None
        try:
            if root.is_file() and root.suffix.lower() == ".zip":
                self._archive(root, generated=generated)
                return
            with os.scandir(root):
                pass
        except OSError as error:
            raise DataError(
                f"{root}: this root cannot be read ({error.strerror or error}); check --root",
                kind="root_unreadable",
                file=str(root),
            ) from error
        own = _exact_clip(root.absolute().name)
        if own is not None:
            self._clip_folder(Container(root.parent), own, generated=generated)
        self._folders(root, generated=generated)

    def _folders(self, root: Path, *, generated: bool) -> None:
        # An explicit stack: a tree may be deeper than Python's recursion. Reversed, so that names come sorted.
        stack = [(root, generated)]
        while stack:
            path, generated = stack.pop()
            if path.suffix.lower() == ".zip" and path.is_file():
                self._archive(path, generated=generated)
            else:
                stack += [
                    (inner, generated or below) for inner, below in reversed(self._folder(path, generated=generated))
                ]

    def _folder(self, folder: Path, *, generated: bool) -> list[tuple[Path, bool]]:
        """Take what the folder holds; return the folders and archives to go on with, sorted."""
        if not self._first_visit(folder):
            return []
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            reason = f"{folder}: this folder cannot be listed ({error.strerror or error}); check its permissions"
            self.problems.append(Problem("", "folder_unreadable", str(folder), reason))
            return []
        if any(entry.name == GENERATED_MARK for entry in entries):
            self.marked.append(folder)
            generated = True
        here = Container(folder)
        inner: list[tuple[Path, bool]] = []
        clip_folders: list[ClipName] = []
        for entry in entries:
            if _is_junk(entry.name):
                continue
            if _is_folder(entry):
                clip = _exact_clip(entry.name)
                if clip is None:
                    inner.append((folder / entry.name, generated))
                else:
                    clip_folders.append(clip)
            elif entry.name.lower().endswith(".zip"):
                inner.append((folder / entry.name, generated))
            else:
                self._file(here, entry.name, generated=generated)
        for clip in clip_folders:
            if self._clip_folder(here, clip, generated=generated):
                inner.append((folder / str(clip), generated))
        return sorted(inner)

    def _clip_folder(self, above: Container, clip: ClipName, *, generated: bool) -> bool:
        """Take the depth of a folder named after its clip; True if the folder holds other things as well."""
        name = str(clip)
        path = f"{above.path}{os.sep}{name}"
        if holds_depth_alone(path, name):
            self._take(clip, "depth", above, generated=generated)
            return False
        try:
            names = os.listdir(path)  # noqa: PTH208 - 100,000 times
        except OSError:
            self._take(clip, "depth", above, generated=generated)  # reading its frames says what is wrong
            return False
        content = ClipFolder()
        content.see(names)
        self._depth(clip, content, above, generated=generated)
        return content.others > 0

    def _archive(self, path: Path, *, generated: bool) -> None:
        """Take what an archive holds; its list of members becomes sets of clips and is dropped."""
        if not self._first_visit(path):
            return
        depth: dict[str, ClipFolder] = {}
        files: set[tuple[str, str]] = set()
        try:
            for folder, names in runs(self._unlocked(path)):
                parts = folder.split("/")
                if any(map(_is_junk, parts)):
                    continue
                if _exact_clip(parts[-1]) is not None:
                    depth.setdefault(folder, ClipFolder()).see(names)
                for name in names:
                    if _is_junk(name) or (name.endswith(".png") and name.startswith(("MDepth-", "Depth-"))):
                        continue
                    if _suffix(name) is not None:
                        files.add((folder, name))
                    else:
                        self.others.see(name, str(Container(path, folder).asset(name)))
        except DataError as error:
            self.problems.append(Problem.from_error("", error))
            return
        for folder, name in sorted(files):
            container = Container(path, folder)
            if leads_outside(folder):
                self.outside.append(_Outside(container, name, None, generated))
            else:
                self._file(container, name, generated=generated)
        for folder, content in sorted(depth.items()):
            container, own = Container(path, folder_of(folder)), folder.rpartition("/")[2]
            if content.masked and leads_outside(folder):
                self.outside.append(_Outside(container, own, content, generated))
            else:
                self._depth(ClipName.parse(own), content, container, generated=generated)

    def _unlocked(self, path: Path) -> Iterator[str]:
        """Yield an archive's members; recordings that cannot be unpacked are counted instead."""
        for member, why in members(path):
            if why is None:
                yield member
            elif (name := member.rpartition("/")[2]).startswith("MDepth-") or _suffix(name) is not None:
                self.others.count(locked(why), f"{path}!{member}")

    def take_outside(self) -> None:
        """Take the members whose names lead out of their archives, behind all others."""
        counts: dict[Path, tuple[str, int]] = {}
        for found in self.outside:
            if found.depth is None:
                self._file(found.container, found.name, generated=found.generated)
            else:
                self._depth(ClipName.parse(found.name), found.depth, found.container, generated=found.generated)
            first, count = counts.get(found.container.path, (str(found.container.asset(found.name)), 0))
            counts[found.container.path] = first, count + 1
        for first, count in counts.values():
            reason = (
                f"{first}: the first of {count:,} recordings of this archive whose names lead out of it; nothing is "
                "written there, and a copy with a proper name comes before them"
            )
            self.problems.append(Problem("", "member_outside", first, reason, kept=True))

    def _depth(self, clip: ClipName, content: ClipFolder, container: Container, *, generated: bool) -> None:
        if content.only_unmasked:
            self.unmasked.setdefault(str(container.path), []).append(clip)
        if content.masked:
            listed = None if container.inside is None else content.extent
            self._take(clip, "depth", container, listed, generated=generated)

    def _file(self, container: Container, name: str, *, generated: bool) -> None:
        suffix = None if "\\" in name else _suffix(name)
        if suffix is None:
            self.others.see(name, str(container.asset(name)))
            return
        clip = _exact_clip(name.removesuffix(suffix))
        if clip is None:
            file = str(container.asset(name))
            reason = f"{file}: ends like an NTU recording, but is not named <SsssCcccPpppRrrrAaaa>{suffix}; rename it"
            self.problems.append(Problem("", "name_unparsable", file, reason))
        else:
            self._take(clip, "rgb" if suffix == RGB_SUFFIX else "skeleton", container, generated=generated)

    def _take(
        self, clip: ClipName, recording: str, container: Container, listed: Extent | None = None, *, generated: bool
    ) -> None:
        first = self.clips.add(clip, recording, container, listed)
        if first is None:
            self.all_generated = self.all_generated and generated
        elif first != container and not self._is_same(clip, recording, first, container):
            self.clips.add_copy(clip, recording, container, listed)

    def _is_same(self, clip: ClipName, recording: str, first: Container, second: Container) -> bool:
        """Whether two copies are one file; if not, note that there are two."""
        one, two = (_recording(clip, recording, container) for container in (first, second))
        if first.inside is None and second.inside is None and _same_file(one.path, two.path):
            return True
        if second.inside is not None and first.inside is None:
            # Archives are often kept beside what they were extracted to: one line an archive, not one a clip.
            self.again.setdefault((second.path, recording), []).append(clip)
            return False
        reason = f"{two}: {recording} of this clip was found before; {one} comes first"
        self.problems.append(Problem(str(clip), "duplicate_clip", str(two), reason, kept=True))
        return False

    def archive_duplicates(self) -> Iterable[Problem]:
        for (path, recording), clips in self.again.items():
            reason = (
                f"{path}: {recording} of {len(clips)} of its clips ({min(clips)} ...) was found extracted before; "
                "the extracted files come first"
            )
            identifier = str(clips[0]) if len(clips) == 1 else ""
            yield Problem(identifier, "duplicate_clip", str(path), reason, kept=True)

    def not_masked(self) -> Iterable[Problem]:
        """One line for each folder or archive with clips whose depth is unmasked."""
        for file, clips in self.unmasked.items():
            which = f"clip {clips[0]}" if len(clips) == 1 else f"{len(clips):,} clips ({min(clips)} ...)"
            reason = (
                f"{file}: holds unmasked depth (Depth-*.png) of {which}, which is not used; the masked depth is "
                "MDepth-*.png"
            )
            identifier = str(clips[0]) if len(clips) == 1 else ""
            yield Problem(identifier, "depth_not_masked", file, reason, kept=True)

    def _first_visit(self, path: Path) -> bool:
        """True once per folder or archive, however many links lead to it: loops end here."""
        self.visited += 1
        self.progress("scanning", self.visited, None)
        try:
            stat = path.stat()
        except OSError:
            return True  # listing it says what is wrong
        key = (stat.st_dev, stat.st_ino)
        if key in self.seen:
            return False
        self.seen.add(key)
        return True


def _recording(clip: ClipName, recording: str, container: Container) -> Asset | DepthFrames:
    if recording == "depth":
        return container.depth(str(clip))
    return container.asset(f"{clip}{RGB_SUFFIX if recording == 'rgb' else SKELETON_SUFFIX}")


def _same_file(one: Path, two: Path) -> bool:
    try:
        return one.samefile(two)
    except OSError:
        return False


def _is_junk(name: str) -> bool:
    return name == "__MACOSX" or name.startswith("._")


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _exact_clip(text: str) -> ClipName | None:
    try:
        return ClipName.parse(text)
    except DataError:
        return None


def _suffix(name: str) -> str | None:
    lowered = name.lower()
    return next((suffix for suffix in (RGB_SUFFIX, SKELETON_SUFFIX) if lowered.endswith(suffix)), None)
