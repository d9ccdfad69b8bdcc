"""Published folders: what `datasets` reads out of them, and that nothing else gets in."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hub_store_builder import StoreRecipe, build_store
from PIL import Image

from hcmoco_bench.errors import StoreError, StoreLockedError, UsageError
from hcmoco_bench.hub.publish import Published, publish
from hcmoco_bench.store.kinds.ntu import NTU

# Runs in a process in which hcmoco_bench cannot be imported: `python -I`, and a finder that refuses it.
LOAD = """
import hashlib, json, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "hcmoco_bench":
            raise ImportError(name)

sys.meta_path.insert(0, Refuse())
import numpy as np
from datasets import load_dataset
{code}
assert "hcmoco_bench" not in sys.modules
"""


def run_without_package(code: str, cache: Path, *arguments: str) -> Any:
    """Run code that prints one JSON document in a fresh, offline process without hcmoco_bench; returns the document."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(cache), "HF_HOME": str(cache)}
    script = LOAD.replace("{code}", code)
    done = subprocess.run(
        [sys.executable, "-I", "-c", script, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def _sha(array: np.ndarray[Any, Any]) -> str:
    return hashlib.sha256(array.tobytes()).hexdigest()


def _expected(store: Path, split: str) -> list[dict[str, Any]]:
    rows = []
    for row in NTU.open(store).rows(split):
        images = {name: np.asarray(Image.open(io.BytesIO(row[name]["bytes"]))) for name in ("rgb", "depth", "parts")}
        assert images["depth"].dtype == np.uint16
        rows.append(
            {
                "sample_id": row["sample_id"],
                "mode": "I;16",
                **{name: _sha(image) for name, image in images.items()},
                "jpeg": hashlib.sha256(row["rgb"]["bytes"]).hexdigest(),
                "bodies": json.loads(json.dumps(row["bodies"]).replace("NaN", "null")),
            }
        )
    return rows


def test_a_fresh_process_without_the_package_reads_every_row(
    published: Published, parsing_store: Path, tmp_path: Path
) -> None:
    code = """
from datasets import Image
loaded = load_dataset(sys.argv[1])
raw = load_dataset(sys.argv[1]).cast_column("rgb", Image(decode=False))
sha = lambda array: hashlib.sha256(array.tobytes()).hexdigest()
out = {}
for split, rows in loaded.items():
    out[split] = []
    for row, bare in zip(rows, raw[split]):
        depth = np.array(row["depth"])
        assert depth.dtype == np.uint16 and depth.shape == (424, 512)
        out[split].append({
            "sample_id": row["sample_id"], "mode": row["depth"].mode, "rgb": sha(np.array(row["rgb"])),
            "depth": sha(depth), "parts": sha(np.array(row["parts"])),
            "jpeg": hashlib.sha256(bare["rgb"]["bytes"]).hexdigest(),
            "bodies": json.loads(json.dumps(row["bodies"]).replace("NaN", "null")),
        })
print(json.dumps(out))
"""
    loaded = run_without_package(code, tmp_path, str(published.folder))
    assert list(loaded) == ["train", "test", "train_20", "train_10"]
    for split, rows in loaded.items():
        assert rows == _expected(parsing_store, split)


def test_other_configurations_load_and_count(published: Published, tmp_path: Path) -> None:
    code = """
counts = {}
for name in ("parsing_v3", "pretrain", "annotations"):
    loaded = load_dataset(sys.argv[1], name)
    counts[name] = {split: len(rows) for split, rows in loaded.items()}
streamed = next(iter(load_dataset(sys.argv[1], "pretrain", split="train", streaming=True)))
assert np.array(streamed["depth"]).dtype == np.uint16
assert "parts" not in streamed
print(json.dumps(counts))
"""
    counts = run_without_package(code, tmp_path, str(published.folder))
    assert (
        counts
        == {name: rows for name, rows in published.record.configurations.items() if name != "parsing"}
        == {
            "parsing_v3": {"train": 3, "test": 1},
            "pretrain": {"train": 9},
            "annotations": {"parsing": 30, "pretrain": 9},
        }
    )


def test_counts_follow_the_manifest(published: Published, parsing_store: Path) -> None:
    counts = NTU.open(parsing_store).manifest.splits
    for split, rows in published.record.configurations["parsing"].items():
        assert rows == counts[split].rows
        files = sorted((published.folder / "data/parsing").glob(f"{split}-*.parquet"))
        assert sum(pq.read_metadata(file).num_rows for file in files) == rows


def test_empty_splits_are_left_out_and_named(published: Published) -> None:
    assert published.record.left_out == ("parsing/train_5", "parsing/train_1")
    card = (published.folder / "README.md").read_text()
    assert "`parsing/train_5`, `parsing/train_1`" in card
    assert not list(published.folder.rglob("train_5-*"))


def test_same_stores_same_bytes(
    published: Published, parsing_store: Path, pretrain_store: Path, tmp_path: Path
) -> None:
    again = publish([pretrain_store, parsing_store], tmp_path / "elsewhere" / published.folder.name)
    names = sorted(path.relative_to(again.folder) for path in again.folder.rglob("*") if path.is_file())
    assert len(names) > 10
    for name in names:
        assert (again.folder / name).read_bytes() == (published.folder / name).read_bytes(), name


def test_the_record_lists_every_file_with_its_hash(published: Published) -> None:
    found = {
        path.relative_to(published.folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in published.folder.rglob("*")
        if path.is_file() and path.name != "publication.json"
    }
    assert found == {name: file.sha256 for name, file in published.record.files.items()}


def test_a_store_without_depth(tmp_path: Path) -> None:
    store = build_store(tmp_path / "rgb", StoreRecipe(n_train=5, n_test=2, rgb_only=True, parts=False))
    made = publish([store], tmp_path / "out")
    table = pq.read_table(made.folder / "data/parsing/train-00000-of-00001.parquet")
    assert table["depth"].null_count == 5
    assert "parts" not in table.column_names
    rows = pq.read_table(made.folder / "data/annotations").to_pylist()
    assert {row["depth_sha256"] for row in rows} == {None}
    code = 'print(json.dumps([row["depth"] for row in load_dataset(sys.argv[1], split="train")]))'
    assert run_without_package(code, tmp_path / "cache", str(made.folder)) == [None] * 5


def test_only_a_pretrain_store(pretrain_store: Path, tmp_path: Path) -> None:
    made = publish([pretrain_store], tmp_path / "out")
    assert made.record.configurations == {"pretrain": {"train": 9}, "annotations": {"pretrain": 9}}
    code = "print(json.dumps(len(load_dataset(sys.argv[1])['train'])))"
    assert run_without_package(code, tmp_path / "cache", str(made.folder)) == 9


def test_an_empty_store_is_refused(tmp_path: Path) -> None:
    recipe = StoreRecipe(n_train=3, n_test=0, absent=frozenset({0, 1, 2}))
    with pytest.raises(StoreError, match="not a single sample"):
        publish([build_store(tmp_path / "empty", recipe)], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_damaged_and_foreign_stores_are_refused(parsing_store: Path, tmp_path: Path) -> None:
    store = build_store(tmp_path / "store", StoreRecipe(n_train=4, n_test=2))
    shard = next(store.glob("train-*.parquet"))
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    with pytest.raises(StoreError, match=shard.name):
        publish([store], tmp_path / "out")
    shard.unlink()
    with pytest.raises(StoreError, match=shard.name):
        publish([store], tmp_path / "out")
    with pytest.raises(StoreError, match="no such folder"):
        publish([tmp_path / "nowhere"], tmp_path / "out")
    with pytest.raises(UsageError, match="both of the set parsing4k"):
        publish([parsing_store, parsing_store], tmp_path / "out")
    with pytest.raises(UsageError, match="no store"):
        publish([], tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store"]


def test_nothing_foreign_is_overwritten(pretrain_store: Path, tmp_path: Path) -> None:
    to = tmp_path / "mine"
    to.mkdir()
    made = publish([pretrain_store], to)  # an empty folder is fine
    with pytest.raises(UsageError, match="--overwrite"):
        publish([pretrain_store], to, annotations_only=True)
    assert not publish([pretrain_store], to, overwrite=True).nothing_to_do
    (to / "thesis.tex").write_text("x")
    with pytest.raises(UsageError, match=r"thesis\.tex"):
        publish([pretrain_store], to, overwrite=True)
    assert (to / "thesis.tex").exists()
    assert made.record.files.keys() <= {p.relative_to(to).as_posix() for p in to.rglob("*")}
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "data.csv").write_text("x")
    with pytest.raises(UsageError, match=r"data\.csv"):
        publish([pretrain_store], foreign, overwrite=True)
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="is not a folder"):
        publish([pretrain_store], tmp_path / "file", overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "foreign", "mine"]


def test_an_interrupted_publication_leaves_what_was_there(
    parsing_store: Path, pretrain_store: Path, tmp_path: Path
) -> None:
    to = tmp_path / "out"
    before = publish([pretrain_store], to).record

    def stop(label: str, done: int, total: int | None) -> None:
        if label == "parsing/test":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish([parsing_store], to, overwrite=True, progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    from hcmoco_bench.hub.publication import Publication

    assert Publication.load(to) == before


@pytest.mark.parametrize("label", ["parsing/train", "annotations/parsing"])
def test_killed_and_started_again(parsing_store: Path, tmp_path: Path, label: str) -> None:
    to = tmp_path / "out"
    script = f"""
import os, signal, sys
from pathlib import Path
from hcmoco_bench.hub.publish import publish

def die(label, done, total):
    if label == {label!r} and done:
        os.kill(os.getpid(), signal.SIGKILL)

publish([Path(sys.argv[1])], Path(sys.argv[2]), progress=die)
"""
    done = subprocess.run([sys.executable, "-c", script, str(parsing_store), str(to)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not to.exists()
    publish([parsing_store], to)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_one_publisher_at_a_time(pretrain_store: Path, tmp_path: Path) -> None:
    def second(label: str, done: int, total: int | None) -> None:
        if label == "pretrain/train":
            with pytest.raises(StoreLockedError, match="another process"):
                publish([pretrain_store], tmp_path / "out")
            seen.append(done)

    seen: list[int] = []
    publish([pretrain_store], tmp_path / "out", progress=second)
    assert seen


def test_a_folder_left_between_two_renames_comes_back(pretrain_store: Path, tmp_path: Path) -> None:
    to = tmp_path / "out"
    publish([pretrain_store], to)
    to.rename(tmp_path / ".out.previous")  # as a process killed between the two renames leaves it
    with pytest.raises(UsageError, match="--overwrite"):
        publish([pretrain_store], to, annotations_only=True)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_same_publication_is_not_made_again(parsing_store: Path, tmp_path: Path) -> None:
    to = tmp_path / "out"
    first = publish([parsing_store], to)
    assert not first.nothing_to_do
    (to / "README.md").write_text((to / "README.md").read_text() + "My own words.\n")
    labels: list[str] = []
    again = publish([parsing_store], to, progress=lambda label, done, total: labels.append(label))
    assert again.nothing_to_do
    assert again.record == first.record
    assert json.dumps(again.record.configurations) == json.dumps(first.record.configurations)  # in the same order
    assert labels == []
    assert "My own words." in (to / "README.md").read_text()
    data = next((to / "data/parsing").iterdir())
    data.write_bytes(data.read_bytes()[:-1])
    with pytest.raises(UsageError, match="--overwrite"):  # damaged, so it is not the same
        publish([parsing_store], to)
    assert not publish([parsing_store], to, overwrite=True).nothing_to_do
    assert data.stat().st_size == first.record.files[f"data/parsing/{data.name}"].size


def test_a_full_disk_is_a_clear_error_and_leaves_nothing(parsing_store: Path, tmp_path: Path) -> None:
    script = """
import resource, signal, sys
from pathlib import Path
from hcmoco_bench.errors import StoreError
from hcmoco_bench.hub.publish import publish

import datasets
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    publish([Path(sys.argv[1])], Path(sys.argv[2]))
except StoreError as error:
    print(error)
"""
    command = [sys.executable, "-c", script, str(parsing_store), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "cannot be written" in done.stdout
    assert "File too large" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_progress_ends_at_the_total(parsing_store: Path, tmp_path: Path) -> None:
    last: dict[str, tuple[int, int | None]] = {}
    publish([parsing_store], tmp_path / "out", progress=lambda label, done, total: last.update({label: (done, total)}))
    assert {"checking parsing4k", "parsing/train", "annotations/parsing"} <= last.keys()
    assert all(done == total for done, total in last.values())
