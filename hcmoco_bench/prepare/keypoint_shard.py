"""One shard of annotated photographs: the images' own files, checked by decoding them, and their people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.atomic import atomic_file
from hcmoco_bench.files.images import ImageError, decode_rgb
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.prepare.schema import IMAGE
from hcmoco_bench.sources.people import Photograph

ROW_GROUP: Final = 32
"""Images a row group: what is held in memory at once."""

SCHEMA: Final = pa.schema(
    [
        pa.field("image_id", pa.string(), nullable=False),
        pa.field("image", IMAGE),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
        pa.field(
            "people",
            pa.list_(
                pa.struct(
                    [
                        ("person_id", pa.string()),
                        ("joints", pa.list_(pa.list_(pa.float32()))),
                        ("state", pa.list_(pa.uint8())),
                        ("center", pa.list_(pa.float32())),
                        ("scale", pa.float32()),
                    ]
                )
            ),
        ),
    ]
)
"""One row per image. `image`: the source's own JPEG, byte for byte. Of each person: `joints` (J, 2) px (x, y) from 0,
`state` (J,) 0 not annotated, 1 hidden, 2 seen; `center` (2,) px and `scale` (side over 200 px) of the square."""

_FOOTER_KEY: Final = b"hcmoco_bench"


@dataclass(frozen=True)
class KeypointShardTask:
    """All that a worker needs for one shard; picklable.

    Attributes:
        path: File to write.
        recipe: Fingerprint of the plan.
        photographs: Its images in row order.
        root: Folder that file names in problems are relative to.
    """

    path: Path
    recipe: str
    photographs: tuple[Photograph, ...]
    root: Path

    @property
    def file(self) -> str:
        """File name of the shard."""
        return self.path.name


@dataclass(frozen=True)
class KeypointNote:
    """What a shard's footer says about it: plan, people, problems, rows."""

    recipe: str
    people: int
    problems: tuple[Problem, ...]
    rows: int


def write_keypoint_shard(task: KeypointShardTask) -> int:
    """Write a shard in one step; returns the number of images dealt with. Bad images become problems in its footer.

    Raises:
        StoreError: If the file cannot be written.
    """
    problems: list[Problem] = []
    people = 0
    options = {"compression": "none", "use_dictionary": False, "write_statistics": ["image_id"]}
    with atomic_file(task.path) as handle, pq.ParquetWriter(handle, SCHEMA, **options) as writer:
        group: list[dict[str, Any]] = []
        for row in _rows(task, problems):
            people += len(row["people"])
            group.append(row)
            if len(group) == ROW_GROUP:
                writer.write_table(pa.Table.from_pylist(group, SCHEMA))
                group.clear()
        if group:
            writer.write_table(pa.Table.from_pylist(group, SCHEMA))
        note = {"recipe": task.recipe, "people": people, "problems": [asdict(problem) for problem in problems]}
        writer.add_key_value_metadata({_FOOTER_KEY: json.dumps(note, sort_keys=True, ensure_ascii=False).encode()})
    return len(task.photographs)


def read_keypoint_note(path: Path) -> KeypointNote | None:
    """Read the note in a shard's footer; None if the file is missing, damaged, or not such a shard."""
    try:
        footer = pq.read_metadata(path)
        note = json.loads((footer.metadata or {})[_FOOTER_KEY])
        problems = tuple(Problem(**line) for line in note["problems"])
        return KeypointNote(str(note["recipe"]), int(note["people"]), problems, footer.num_rows)
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError):
        return None


def image_size(data: bytes) -> tuple[int, int] | None:
    """Width and height, px, of an encoded image, which is decoded as a whole; None if it cannot be."""
    # A JPEG that breaks off is decoded in part, and says nothing; its end mark is missing.
    if not data or (data[:2] == b"\xff\xd8" and b"\xff\xd9" not in data[-1024:]):
        return None
    try:
        height, width, _ = decode_rgb(data).shape
    except ImageError:
        return None
    return width, height


def _rows(task: KeypointShardTask, problems: list[Problem]) -> Iterator[dict[str, Any]]:
    for photograph in task.photographs:
        try:
            data, width, height = _read(photograph, task.root)
        except DataError as error:
            problems.append(Problem.from_error(photograph.name, error))
            continue
        yield {
            "image_id": Path(photograph.name).stem,
            "image": {"bytes": data, "path": photograph.name},
            "width": width,
            "height": height,
            "people": [
                {
                    "person_id": person.id,
                    "joints": person.joints.tolist(),
                    "state": person.state.tolist(),
                    "center": person.center.tolist(),
                    "scale": person.scale,
                }
                for person in photograph.people
            ],
        }


def _read(photograph: Photograph, root: Path) -> tuple[bytes, int, int]:
    name = str(photograph.path.relative_to(root)) if photograph.path.is_relative_to(root) else photograph.name
    try:
        data = photograph.path.read_bytes()
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror})", kind="image_missing", file=name) from error
    size = image_size(data)
    if size is None:
        raise DataError(f"{name}: not a whole image; fetch it again", kind="image_unreadable", file=name)
    width, height = size
    if photograph.size not in (None, size):
        raise DataError(
            f"{name}: {width}x{height} px, annotated as {photograph.size}; is it another image?",
            kind="image_wrong_size",
            file=name,
        )
    return data, width, height
