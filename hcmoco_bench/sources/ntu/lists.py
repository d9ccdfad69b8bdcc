"""Sample lists: fetched once at a pinned commit or read from a folder, checked by SHA-256, turned into splits.

`annotations/splits.toml` declares the official lists. A folder given with `--lists` holds copies of those files, or its
own `splits.toml` of the same form (generated trees have one, made by `declare_splits`); its declaration's name is then
carried into manifests and cards, so that no other lists can pass for the official ones.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hcmoco_bench.body.annotation_files import annotation_file
from hcmoco_bench.errors import DataError
from hcmoco_bench.files.hashing import bytes_sha256
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources.ntu.missing import parse_missing_list
from hcmoco_bench.sources.ntu.names import ClipName, SampleId
from hcmoco_bench.sources.ntu.splits import Split, subject_disjoint
from hcmoco_bench.uniform import uniform_share

DECLARATION = "splits.toml"
"""File name of a declaration, packaged or beside somebody's own lists."""

OFFICIAL = "official"
"""Name of the packaged declaration, and of no other."""


class ListFile(BaseModel):
    """One list file: its name, where it is published, and what it must contain.

    Attributes:
        name: File name.
        url: Where to fetch it, at a pinned commit; empty if it is only to be had locally.
        sha256: SHA-256 (hex) of its bytes.
        entries: Number of ids or clip names in it.
        holds: `samples` (lines `images/<sample id>.jpg`) or `missing_skeletons` (prose, then clip names).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    url: str = ""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    entries: int = Field(ge=0)
    holds: Literal["samples", "missing_skeletons"] = "samples"


class SplitRule(BaseModel):
    """One split: the rule that makes it, its size and its fingerprint (see `hcmoco_bench.sources.ntu.splits`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    rule: Literal["list", "uniform", "subjects"]
    file: str = ""
    of: tuple[str, ...] = ()
    percent: int = 100
    side: Literal["train", "test", ""] = ""
    size: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    def phrase(self) -> str:
        """The rule in one phrase, for manifests and cards."""
        match self.rule:
            case "list":
                return f"list {self.file}"
            case "uniform":
                return f"uniform-{self.percent} of {self.of[0]}"
            case _:
                return f"subjects: {' + '.join(self.of)} re-split with no performer on both sides, {self.side} side"


class Declaration(BaseModel):
    """A `splits.toml`: which list files there are and which splits are made of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    declaration: str
    file: tuple[ListFile, ...]
    split: tuple[SplitRule, ...]


@dataclass(frozen=True)
class SampleLists:
    """The checked lists.

    Attributes:
        declaration: Name of the declaration: `official`, or what a folder's own `splits.toml` says.
        files: SHA-256 of each list file used, by name.
        splits: Splits by name; `train` and `test` always among them.
        missing_skeletons: Clips that the data set's authors list as having missing or incomplete skeletons.
    """

    declaration: str
    files: Mapping[str, str]
    splits: Mapping[str, Split]
    missing_skeletons: frozenset[ClipName]


def official_splits() -> dict[str, SplitRule]:
    """The official splits by name, as they are declared; reads no list."""
    return {rule.name: rule for rule in _read_declaration(annotation_file(DECLARATION)).split}


def parse_sample_list(text: str, *, source: str) -> tuple[SampleId, ...]:
    """Read a published list: lines `images/<sample id>.jpg` or bare sample ids, in order.

    Raises:
        DataError: For a line that is no sample id or comes twice; names the file and the line.
    """
    ids: dict[SampleId, None] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        name = line.strip().removeprefix("images/").removesuffix(".jpg")
        try:
            sample = SampleId.parse(name)
        except DataError as error:
            raise DataError(f"{source}:{number}: {error}", kind="list_garbled", file=source) from None
        if sample in ids:
            raise DataError(f"{source}:{number}: {sample} comes twice", kind="list_garbled", file=source)
        ids[sample] = None
    return tuple(ids)


def load_lists(folder: Path | None = None, *, progress: Progress = no_progress) -> SampleLists:
    """Read all lists, check them against their declaration and make the splits.

    Args:
        folder: Folder with the list files (and perhaps its own `splits.toml`); None fetches the official files once
            from the authors' repositories at a pinned commit and keeps them in the user's cache folder.
        progress: Told about each file.

    Raises:
        DataError: If a file is missing, cannot be fetched, or is not the file that was declared.
    """
    declaration_path = annotation_file(DECLARATION)
    if folder is not None:
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder; --lists takes a folder with the list files", file=str(folder))
        if (folder / DECLARATION).is_file():
            declaration_path = folder / DECLARATION
    declaration = _read_declaration(declaration_path)
    if declaration.declaration == OFFICIAL and declaration != _read_declaration(annotation_file(DECLARATION)):
        raise DataError(
            f"{declaration_path}: calls itself {OFFICIAL} but is not the packaged declaration; give it its own name",
            kind="list_mismatch",
            file=str(declaration_path),
        )
    texts: dict[str, str] = {}
    for done, entry in enumerate(declaration.file):
        progress("sample lists", done, len(declaration.file))
        texts[entry.name] = _fetch(entry) if folder is None else _read_local(entry, folder)
    progress("sample lists", len(declaration.file), len(declaration.file))
    missing: set[ClipName] = set()
    for entry in declaration.file:
        if entry.holds == "missing_skeletons":
            missing |= parse_missing_list(texts[entry.name])
    splits = _make_splits(declaration.split, texts)
    for rule in declaration.split:
        split = splits[rule.name]
        if (len(split.ids), split.sha256) != (rule.size, rule.sha256):
            raise DataError(
                f"{declaration_path}: split {rule.name} has {len(split.ids)} ids and fingerprint {split.sha256[:12]}, "
                f"declared are {rule.size} and {rule.sha256[:12]}; restore the declaration or the lists",
                kind="split_mismatch",
                file=str(declaration_path),
            )
    return SampleLists(
        declaration=declaration.declaration,
        files={entry.name: entry.sha256 for entry in declaration.file},
        splits=splits,
        missing_skeletons=frozenset(missing),
    )


def declare_splits(folder: Path, name: str) -> str:
    """Write the text of a `splits.toml` for a folder with list files of the official names.

    The splits and rules are those of the official declaration; sizes and fingerprints are the folder's.

    Args:
        folder: Folder with the list files.
        name: Name of the declaration; must not be `official`.

    Returns:
        The TOML text, to be written to `folder / "splits.toml"`.
    """
    if name == OFFICIAL:
        raise ValueError(f"only the packaged declaration is called {OFFICIAL}")
    official = _read_declaration(annotation_file(DECLARATION))
    present = [entry for entry in official.file if (folder / entry.name).is_file()]
    texts = {entry.name: (folder / entry.name).read_text(encoding="utf-8") for entry in present}
    files = [
        ListFile(
            name=entry.name,
            sha256=bytes_sha256(texts[entry.name].encode()),
            entries=_count_entries(entry, texts[entry.name]),
            holds=entry.holds,
        )
        for entry in present
    ]
    splits = _make_splits(official.split, texts)
    rules = [
        rule.model_copy(update={"size": len(splits[rule.name].ids), "sha256": splits[rule.name].sha256})
        for rule in official.split
    ]
    return format_declaration(Declaration(declaration=name, file=tuple(files), split=tuple(rules)))


def format_declaration(declaration: Declaration) -> str:
    """Format a declaration as TOML, leaving out fields at their defaults."""
    lines = [f'declaration = "{declaration.declaration}"']
    for table, rows in (("file", declaration.file), ("split", declaration.split)):
        for row in rows:
            lines += ["", f"[[{table}]]"]
            for key, value in row.model_dump(mode="json", exclude_defaults=True).items():
                text = f'"{value}"' if isinstance(value, str) else str(value).replace("'", '"')
                lines.append(f"{key} = {text}")
    return "\n".join(lines) + "\n"


def _read_declaration(path: Path) -> Declaration:
    try:
        return Declaration.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise DataError(f"{path}: not a split declaration: {error}", kind="list_garbled", file=str(path)) from None


def _make_splits(rules: tuple[SplitRule, ...], texts: Mapping[str, str]) -> dict[str, Split]:
    makers: dict[str, Callable[[SplitRule, dict[str, Split]], tuple[SampleId, ...]]] = {
        "list": lambda rule, _: parse_sample_list(texts[rule.file], source=rule.file),
        "uniform": lambda rule, made: uniform_share(made[rule.of[0]].ids, rule.percent),
        "subjects": lambda rule, made: subject_disjoint(made[rule.of[0]].ids, made[rule.of[1]].ids)[
            rule.side == "test"
        ],
    }
    made: dict[str, Split] = {}
    for rule in rules:
        made[rule.name] = Split(rule.name, rule.phrase(), makers[rule.rule](rule, made))
    return made


def _read_local(entry: ListFile, folder: Path) -> str:
    path = folder / entry.name
    if not path.is_file():
        raise DataError(
            f"{path} is missing; copy it there"
            + (f" from {entry.url}" if entry.url else "")
            + ", or leave out --lists to have the official lists fetched",
            kind="list_missing",
            file=str(path),
        )
    return _checked(entry, path)


def _fetch(entry: ListFile) -> str:
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")  # its note on every file would break into the progress bar
    try:
        path = pooch.retrieve(
            entry.url,
            known_hash=f"sha256:{entry.sha256}",
            fname=entry.name,
            path=pooch.os_cache("hcmoco-bench") / entry.sha256[:12],
            progressbar=False,
        )
    except (OSError, ValueError, requests.RequestException) as error:
        raise DataError(
            f"{entry.url}: could not be fetched ({_why(error)}); check the network, or give a folder with it (--lists)",
            kind="list_missing",
            file=entry.url,
        ) from None
    return _checked(entry, Path(path))


def _why(error: Exception) -> str:
    """The cause in a few words; a failed connection's own message is a page of nested exceptions."""
    import requests

    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _checked(entry: ListFile, path: Path) -> str:
    data = path.read_bytes()
    if (found := bytes_sha256(data)) != entry.sha256:
        raise DataError(
            f"{path}: SHA-256 {found[:12]}... is not the declared {entry.sha256[:12]}...; not the published file. "
            f"Fetch it again, or declare your own lists in a {DECLARATION} beside it",
            kind="list_mismatch",
            file=str(path),
        )
    text = data.decode()
    if (entries := _count_entries(entry, text)) != entry.entries:
        raise DataError(
            f"{path}: {entries} entries, declared are {entry.entries}", kind="list_mismatch", file=str(path)
        )
    return text


def _count_entries(entry: ListFile, text: str) -> int:
    if entry.holds == "missing_skeletons":
        return len(parse_missing_list(text))
    return len(parse_sample_list(text, source=entry.name))
