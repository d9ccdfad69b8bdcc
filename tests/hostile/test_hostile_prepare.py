"""One file of a raw tree comes to harm, then the tree is prepared: nothing else is lost, nothing wrong is stored."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from hostile_damage import HARMS, LOST, fingerprint, harmed

from hcmoco_bench.errors import HcmocoBenchError
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.prepare.human36m import prepare_human36m
from hcmoco_bench.prepare.keypoints import prepare_keypoints
from hcmoco_bench.prepare.ntu import prepare_ntu
from hcmoco_bench.prepare.options import check_options
from hcmoco_bench.sources.ntu.layout import MASK_FOLDER
from hcmoco_bench.sources.ntu.names import ClipName, SampleId
from hcmoco_bench.store.verify import verify_store

Rows = dict[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Target:
    """A kind of file in a raw tree.

    Attributes:
        data: The data set.
        pattern: Where such files are in the tree; the first is taken.
        concerns: Whether a row, by its id, is made of the file.
        sums: The format holds checksums over all that counts.
        elsewhere: Columns that the file may change in other rows too.
        whole: Kinds of harm that leave the file whole.
    """

    data: str
    pattern: str
    concerns: Callable[[Path, str], bool]
    sums: bool = False
    elsewhere: tuple[str, ...] = ()
    whole: frozenset[str] = frozenset({"padded"})


def _of_clip(file: Path, row: str) -> bool:
    clip = ClipName.search(file.name) or ClipName.search(file.parent.name)
    return clip is not None and row.startswith(str(clip))


def _of_sample(file: Path, row: str) -> bool:
    return row == str(SampleId.parse(file.stem))


def _of_depth_frame(file: Path, row: str) -> bool:
    return row == str(SampleId(ClipName.parse(file.parent.name), int(file.stem.rpartition("-")[2])))


def _of_stem(file: Path, row: str) -> bool:
    return file.stem in row


def _of_all(file: Path, row: str) -> bool:
    return True


TARGETS = {
    "NTU video": Target("ntu", "nturgb+d_rgb/*.avi", _of_clip),
    "NTU depth": Target("ntu", "nturgb+d_depth_masked/*/MDepth-00000001.png", _of_depth_frame, sums=True),
    "NTU skeleton": Target(
        "ntu", "nturgb+d_skeletons/*.skeleton", _of_clip, elsewhere=("rgb", "alignment"), whole=frozenset({"padded"})
    ),
    "NTU mask": Target("ntu", f"{MASK_FOLDER}/*.png", _of_sample, sums=True),
    "Human3.6M video": Target("human36m", "S*/Videos/*.mp4", _of_stem),
    "Human3.6M labels": Target("human36m", "S*/MySegmentsMat/PartLabels/*.mat", _of_stem, whole=frozenset()),
    "Human3.6M positions": Target("human36m", "S*/MyPoseFeatures/D3_Positions_mono/*.cdf", _of_stem, whole=frozenset()),
    "Human3.6M projections": Target("human36m", "S*/MyPoseFeatures/D2_Positions/*.cdf", _of_stem, whole=frozenset()),
    "COCO image": Target("coco", "train2017/*.jpg", _of_stem, whole=frozenset({"padded", "doubled"})),
    "COCO annotations": Target("coco", "annotations/person_keypoints_train2017.json", _of_all, whole=frozenset()),
    "MPII image": Target("mpii", "images/*.jpg", _of_stem, whole=frozenset({"padded", "doubled"})),
    "MPII annotations": Target("mpii", "annot/train.json", _of_all, whole=frozenset()),
}


@dataclass(frozen=True)
class Prepared:
    """What came of a tree."""

    rows: Rows
    problems: tuple[Problem, ...]
    passed: bool


def prepare(data: str, root: Path, out: Path) -> Prepared:
    """Prepare a tree in this process."""
    if data == "ntu":
        options = check_options(parts=True)
        store = prepare_ntu([root], out, options, annotations=root / MASK_FOLDER, lists=root / "lists").store
    elif data == "human36m":
        store = prepare_human36m(root, out).store
    else:
        store = prepare_keypoints(data, root, out).store
    rows = {
        str(row[store.kind.key]): {name: fingerprint(value) for name, value in row.items()}
        for split in store.stored_splits
        for row in store.rows(split)
    }
    return Prepared(rows, tuple(store.problems()), verify_store(store.path).passed)


@pytest.fixture(scope="module")
def trees(
    generated_tree: Any, generated_human36m: Path, generated_coco: Path, generated_mpii: Path
) -> Mapping[str, Path]:
    return {
        "ntu": generated_tree.root,
        "human36m": generated_human36m,
        "coco": generated_coco,
        "mpii": generated_mpii,
    }


@pytest.fixture(scope="module")
def good(trees: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Prepared]:
    known: dict[str, Prepared] = {}

    def prepared(data: str) -> Prepared:
        if data not in known:
            known[data] = prepare(data, trees[data], tmp_path_factory.mktemp("good") / "store")
            assert known[data].passed
        return known[data]

    return prepared


def linked(tree: Path, root: Path) -> None:
    """A tree of links to another's files."""
    for folder, _, files in os.walk(tree):
        here = root / Path(folder).relative_to(tree)
        here.mkdir(parents=True)
        for file in files:
            (here / file).symlink_to(Path(folder) / file)


def harms(content: bytes, name: str, trials: int) -> Iterator[tuple[str, int, bytes]]:
    """Kind, seed and content of each harmed file; without a flag, half of the kinds, others for each target."""
    kinds = list(HARMS) if trials > 2 else [kind for i, kind in enumerate(HARMS) if (i + crc32(name.encode())) % 2]
    for kind in kinds:
        for seed in range(max(trials // 2, 1)):
            data = harmed(content, kind, [crc32(name.encode()), crc32(kind.encode()), seed])
            if data is not None:
                yield kind, seed, data


@pytest.mark.parametrize("name", TARGETS)
def test_one_harmed_file(
    name: str,
    trees: Mapping[str, Path],
    good: Callable[[str], Prepared],
    tmp_path: Path,
    trials: int,
    tally: Counter[str],
    capfd: pytest.CaptureFixture[str],
) -> None:
    target = TARGETS[name]
    before = good(target.data)
    root, out = tmp_path / "tree", tmp_path / "store"
    linked(trees[target.data], root)
    file = sorted(root.glob(target.pattern))[0]
    content = file.read_bytes()
    file.unlink()
    wrong = []
    capfd.readouterr()
    for kind, seed, data in harms(content, name, trials):
        file.write_bytes(data)
        shutil.rmtree(out, ignore_errors=True)
        tally["trees prepared"] += 1
        said = _judged(target, kind, file, before, lambda: prepare(target.data, root, out), tally)
        wrong += [f"{kind} {seed}: {line}" for line in said]
    assert not wrong, "\n".join(wrong)
    said_aloud = capfd.readouterr()
    assert not said_aloud.out + said_aloud.err, "decoders must not write to the terminal"


def _mentions(problem: Problem, row: str, file: Path) -> bool:
    return (problem.id != "" and row.startswith(problem.id)) or file.name in problem.file + problem.reason


def _judged(
    target: Target, kind: str, file: Path, before: Prepared, run: Callable[[], Prepared], tally: Counter[str]
) -> list[str]:
    concerned = {row for row in before.rows if target.concerns(file, row)}
    try:
        after = run()
    except HcmocoBenchError as error:
        tally["refused"] += 1
        return [] if concerned == set(before.rows) else [f"good samples lost: {error}"]
    except Exception as error:  # noqa: BLE001 - this is what must not happen
        return [f"crash: {type(error).__name__}: {error}"]
    wrong = [] if after.passed else ["the fresh store fails its verification"]
    for row, columns in before.rows.items():
        found = after.rows.get(row)
        mentioned = [
            one for one in after.problems if row.startswith(one.id or "?") or file.name in one.file + one.reason
        ]
        if row not in concerned:
            tally["good samples kept"] += found is not None
            if found is None:
                wrong.append(f"{row}: a good sample was lost")
            elif any(found[name] != value for name, value in columns.items() if name not in target.elsewhere):
                wrong.append(f"{row}: a good sample was changed")
        elif found == columns:
            tally["harmless"] += 1
        elif mentioned:
            tally["refused"] += 1
            if kind in target.whole:
                wrong.append(f"{row}: the file is whole, but: {mentioned[0].reason}")
        elif found is None:
            wrong.append(f"{row}: left out without a line")
        else:
            tally["read as another"] += 1
            if target.sums or kind in LOST:
                wrong.append(f"{row}: stored with other content, without a line")
    return wrong
