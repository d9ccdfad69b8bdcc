"""Names and texts of a result that somebody else wrote: which are fit for files, tables and readers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final

from hcmoco_bench.files.outside_text import printable
from hcmoco_bench.results.schema import Result

LONGEST_NAME: Final = 200
"""Characters of a name, e.g. of a model."""

_LONGEST_NOTE: Final = 2000
_FILE: Final = re.compile(r"[^./\\<>:\"|?*][^/\\<>:\"|?*]*\.npz")
_IN_TABLES: Final = re.compile(r"[!-~]+( [!-~]+)*")


def is_legible(text: str) -> bool:
    """Whether a text is what it looks like: without control characters and marks that turn the direction of writing."""
    return printable(text) == text


def wrong_file_names(names: Sequence[str]) -> list[str]:
    """What is wrong with the names of a result's evidence files, which become names in a row's folder."""
    told = [
        f"{printable(name)!r} is no name for an evidence file; it must end in .npz and be a plain file name"
        for name in names
        if len(name.encode(errors="replace")) > LONGEST_NAME
        or not _FILE.fullmatch(name)
        or not is_legible(name)
        or re.search(r"\s", name.replace(" ", ""))
    ]
    alike = [unicodedata.normalize("NFKC", name).casefold() for name in names]
    return told + ["two evidence files have the same name"] * (len(set(alike)) < len(alike))


def wrong_texts(result: Result) -> Iterator[str]:
    """What is wrong with the texts of a result that tables and pages show."""
    for what, text in (("data.name", result.data.name), ("task.split", result.task.split)):
        if len(text) > LONGEST_NAME or not _IN_TABLES.fullmatch(text):
            yield f"{what} names a table, so it must be printable ASCII of at most {LONGEST_NAME} characters"
    model = result.model
    pretrain = (model.pretrain.method, model.pretrain.data, model.pretrain.init) if model.pretrain is not None else ()
    if any(len(text) > LONGEST_NAME for text in (model.name, model.backbone, *pretrain) if text is not None):
        yield f"a name of the model is longer than {LONGEST_NAME} characters"
    if any(len(note) > _LONGEST_NOTE for note in result.status.notes):
        yield f"a note is longer than {_LONGEST_NOTE} characters"
    shown = (model.name, model.backbone, *pretrain, result.scores.unit, *result.status.notes)
    if not all(is_legible(text) for text in shown if text is not None) or not model.name.strip():
        yield "its texts hold control characters or marks that turn the direction of writing, or no name at all"


def wrong_ids(ids: Sequence[str]) -> str:
    """What is wrong with sample ids, of which fingerprints are made with a line for each; empty if nothing is."""
    if not all(is_legible(name) and name == name.strip() and name and "\n" not in name for name in ids):
        return "sample ids hold control characters, or blanks at their ends"
    alike = {unicodedata.normalize("NFKC", name) for name in ids}
    return "samples come more than once" if len(alike) < len(ids) else ""
