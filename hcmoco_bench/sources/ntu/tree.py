"""What some roots hold: extracted folders at any depth, and the downloaded archives as they are."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources.ntu.archives import members
from hcmoco_bench.sources.ntu.assets import Asset
from hcmoco_bench.sources.ntu.clips import Clip, ClipIndex, Container, DepthFrames, Holders
from hcmoco_bench.sources.ntu.layout import DEPTH_PATTERN, GENERATED_MARK, RGB_SUFFIX, SKELETON_SUFFIX
from hcmoco_bench.sources.ntu.names import ClipName
from hcmoco_bench.sources.ntu.other_forms import OTHER_FORMS, locked
from hcmoco_bench.sources.other_forms import OtherForms

__all__ = ["Clip", "DepthFrames", "NtuTree", "scan"]

_PEEKED_FOLDERS = 8
"""How many of a folder's clip folders are looked into, at most, to learn what all of them hold."""


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
    They may lie at any depth, in folders or in `.zip` archives, under several roots; links are followed and every
    folder is read once. Where a recording is found twice the first one wins: roots in the order given, names in
    sorted order. So the result does not depend on the file system's order. Clips' depth folders are not listed.

    Args:
        roots: Folders or zip archives.
        progress: Told the number of folders and archives read.

    Returns:
        The clips and the problems: `name_unparsable`, `duplicate_clip` (kept: the first is used), `zip_unreadable`,
        `folder_unreadable`, `depth_not_masked` (kept: folders of unmasked depth, which is not used), and those of
        `OTHER_FORMS`, and `zip_locked`.

    Raises:
        DataError: Kind `root_unreadable`, if a root is not there or cannot be listed.
    """
    found = _Found(progress)
    for root in roots:
        found.root(root)
    progress("scanning", found.visited, found.visited)
    index = ClipIndex(tuple(found.order), dict(sorted(found.holders.items())))
    problems = sorted({*found.problems, *found.archive_duplicates(), *found.others.problems()})
    generated = bool(found.holders) and found.all_generated
    return NtuTree(tuple(roots), index, tuple(problems), generated, tuple(found.marked))


@dataclass
class _Found:
    progress: Progress
    visited: int = 0
    all_generated: bool = True
    marked: list[Path] = field(default_factory=list)
    containers: dict[Container, int] = field(default_factory=dict)
    order: list[Container] = field(default_factory=list)
    holders: dict[ClipName, Holders] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    seen: set[tuple[int, int]] = field(default_factory=set)
    again: dict[tuple[Path, str], list[ClipName]] = field(default_factory=dict)
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
            clip = _exact_clip(entry.name)
            if _is_folder(entry):
                if clip is None:
                    inner.append((folder / entry.name, generated))
                else:
                    clip_folders.append(clip)
            elif entry.name.lower().endswith(".zip"):
                inner.append((folder / entry.name, generated))
            else:
                self._file(here, entry.name, generated=generated)
        if clip_folders:
            content = _peek(folder / str(clip) for clip in clip_folders[:_PEEKED_FOLDERS])
            if content == "other":
                inner += [(folder / str(clip), generated) for clip in clip_folders]
            elif content == "unmasked":
                self._not_masked(str(folder))
            else:
                for clip in clip_folders:
                    self._take(clip, "depth", here, generated=generated)
        # A folder named after its clip that was gone into because its neighbors hold other things.
        own = _exact_clip(folder.name)
        if own is not None and any(entry.name.startswith("MDepth-") for entry in entries):
            self._take(own, "depth", Container(folder.parent), generated=generated)
        return sorted(inner)

    def _archive(self, path: Path, *, generated: bool) -> None:
        """Take what an archive holds; its list of members becomes sets of clips and is dropped."""
        if not self._first_visit(path):
            return
        depth: set[tuple[str, ClipName]] = set()
        files: set[tuple[str, str]] = set()
        unmasked = False
        previous = ""
        try:
            for member, why in members(path):
                folder, _, name = member.rpartition("/")
                if why is not None:
                    if name.startswith("MDepth-") or _suffix(name) is not None:
                        self.others.count(locked(why), f"{path}!{member}")
                    continue
                if name.startswith(("MDepth-", "Depth-")):
                    if folder == previous:
                        continue
                    above, _, own = folder.rpartition("/")
                    clip = _exact_clip(own)
                    if clip is None or "__MACOSX" in above.split("/"):
                        continue
                    previous = folder
                    if name.startswith("MDepth-"):
                        depth.add((above, clip))
                    else:
                        unmasked = True
                elif not any(map(_is_junk, member.split("/"))):
                    if _suffix(name) is None:
                        self.others.see(name, f"{path}!{member}")
                    else:
                        files.add((folder, name))
        except DataError as error:
            self.problems.append(Problem.from_error("", error))
            return
        for folder, name in sorted(files):
            self._file(Container(path, folder), name, generated=generated)
        for above, clip in sorted(depth):
            self._take(clip, "depth", Container(path, above), generated=generated)
        if unmasked:
            self._not_masked(str(path))

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

    def _take(self, clip: ClipName, recording: str, container: Container, *, generated: bool) -> None:
        holders = self.holders.get(clip, Holders())
        first: int = getattr(holders, recording)
        index = self.containers.setdefault(container, len(self.order))
        if index == len(self.order):
            self.order.append(container)
        if first < 0:
            self.holders[clip] = replace(holders, **{recording: index})
            self.all_generated = self.all_generated and generated
        elif first != index:
            self._duplicate(clip, recording, self.order[first], container)

    def _duplicate(self, clip: ClipName, recording: str, first: Container, second: Container) -> None:
        one, two = (_recording(clip, recording, container) for container in (first, second))
        if first.inside is None and second.inside is None and _same_file(one.path, two.path):
            return
        used, other = str(one), str(two)
        if second.inside is not None and first.inside is None:
            # Archives are often kept beside what they were extracted to: one line an archive, not one a clip.
            self.again.setdefault((second.path, recording), []).append(clip)
            return
        reason = f"{other}: {recording} of this clip was found before; {used} is used"
        self.problems.append(Problem(str(clip), "duplicate_clip", other, reason, kept=True))

    def archive_duplicates(self) -> Iterable[Problem]:
        for (path, recording), clips in self.again.items():
            reason = (
                f"{path}: {recording} of {len(clips)} of its clips ({min(clips)} ...) was found extracted before; "
                "the extracted files are used"
            )
            identifier = str(clips[0]) if len(clips) == 1 else ""
            yield Problem(identifier, "duplicate_clip", str(path), reason, kept=True)

    def _not_masked(self, file: str) -> None:
        reason = f"{file}: holds unmasked depth (Depth-*.png), which is not used; the masked depth is MDepth-*.png"
        self.problems.append(Problem("", "depth_not_masked", file, reason, kept=True))

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
        return container.depth(clip)
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


def _peek(folders: Iterable[Path]) -> str:
    """What folders named after clips hold, by one entry each: `masked`, `unmasked` or `other`."""
    for folder in folders:
        try:
            with os.scandir(folder) as listing:
                first = next((entry.name for entry in listing if not entry.name.startswith(".")), None)
        except OSError:
            continue
        if first is None:
            continue
        if first.startswith("Depth-") and not (folder / DEPTH_PATTERN.format(frame=1)).exists():
            return "unmasked"
        return "masked" if first.startswith(("MDepth-", "Depth-")) else "other"
    return "masked"
