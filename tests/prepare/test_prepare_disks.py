"""A full disk, a root that goes away, a folder that may not be read: clear errors, and a store to be continued."""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from prepare_raw_tree import RawTree, folder_hashes, prepare_arguments

from hcmoco_bench.errors import StoreError
from hcmoco_bench.prepare.ntu import prepare_ntu
from hcmoco_bench.prepare.options import check_options
from hcmoco_bench.store.executor import Work
from hcmoco_bench.store.kinds.ntu import NTU
from hcmoco_bench.store.prepare import Prepared
from hcmoco_bench.store.shard_writer import ShardTask


def prepare(tree: RawTree, out: Path, executor: object = None) -> Prepared:
    return prepare_ntu(
        [tree.root],
        out,
        check_options(parts=True, rows_per_shard=1),
        annotations=tree.masks,
        lists=tree.root / "lists",
        executor=executor,
    )


def can_mount() -> bool:
    """Whether a small disk can be had: root, or a user who may make name spaces."""
    if shutil.which("unshare") is None:
        return False
    command = ["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_full_disk(small_tree: RawTree, tmp_path: Path, workers: str) -> None:
    """A disk of 100 kB for a store of 250 kB: fails, is grown, and the run continues to the same bytes."""
    if not can_mount():
        pytest.skip("may not mount a small disk here; test_a_file_that_may_not_grow stands in")
    reference = folder_hashes(prepare(small_tree, tmp_path / "reference").store.path)
    disk = tmp_path / "disk"
    disk.mkdir()
    command = prepare_arguments(small_tree, disk / "store", "--rows-per-shard", "1", "--workers", workers)
    script = """
        mount -t tmpfs -o size=100k none "$1" || exit 90
        shift; disk=$1; shift; copy=$1; shift
        "$@" 2> "$copy.message"; echo $? > "$copy.code"
        ls -A "$disk/store" > "$copy.names"
        mount -o remount,size=100m "$disk" || exit 91
        "$@" || exit 92
        cp -r "$disk/store" "$copy"
    """
    arguments = [str(disk), str(disk), str(tmp_path / "copy"), *command]
    isolated = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", *arguments]
    assert subprocess.run(isolated, check=False).returncode == 0
    message = (tmp_path / "copy.message").read_text()
    assert (tmp_path / "copy.code").read_text().strip() == "1"
    assert message.startswith("StoreError: ")
    assert "the disk is full" in message
    assert len(message.strip().splitlines()) == 1
    names = (tmp_path / "copy.names").read_text().split()
    assert 0 < sum(name.endswith(".parquet") for name in names) < 8
    assert not [name for name in names if name.endswith(".tmp") or name == "manifest.json"]
    assert folder_hashes(tmp_path / "copy") == reference


@pytest.mark.slow
def test_a_file_that_may_not_grow(small_tree: RawTree, tmp_path: Path) -> None:
    """A limit on file sizes, which needs no rights to set: writing fails in the middle of a shard."""
    reference = folder_hashes(prepare(small_tree, tmp_path / "reference").store.path)
    command = prepare_arguments(small_tree, tmp_path / "store", "--rows-per-shard", "1", "--workers", "1")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))

    failed = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit, check=False)
    assert failed.returncode == 1
    assert failed.stderr.startswith("StoreError: ")
    assert "the file may not grow" in failed.stderr
    assert not list((tmp_path / "store").glob(".*.tmp"))
    assert not list((tmp_path / "store").glob("*.parquet"))
    assert subprocess.run(command, check=False).returncode == 0
    assert folder_hashes(tmp_path / "store") == reference


class RootVanishes:
    """Writes shards in this process; after the second one the raw tree's disk is gone."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, work: Work, tasks: Sequence[ShardTask]) -> Iterator[int]:
        for place, task in enumerate(tasks):
            if place == 2:
                self.root.rename(self.root.with_name("unplugged"))
                self.root.mkdir()
            yield work(task)


def test_a_root_that_goes_away_is_no_problem_of_the_data(small_tree: RawTree, tmp_path: Path) -> None:
    reference = folder_hashes(prepare(small_tree, tmp_path / "reference").store.path)
    with pytest.raises(StoreError, match="changed or vanished"):
        prepare(small_tree, tmp_path / "store", RootVanishes(small_tree.root))
    assert len(list((tmp_path / "store").glob("*.parquet"))) == 2
    small_tree.root.rmdir()
    small_tree.root.with_name("unplugged").rename(small_tree.root)
    assert prepare(small_tree, tmp_path / "store").kept == 2
    assert folder_hashes(tmp_path / "store") == reference


AS_NOBODY = """
import os, sys
from pathlib import Path
from hcmoco_bench.errors import HcmocoBenchError
from hcmoco_bench.prepare.ntu import prepare_ntu
from hcmoco_bench.prepare.options import check_options
folder = Path(sys.argv[1])
def prepare(out):
    prepare_ntu([folder / "raw"], folder / out, check_options(), lists=folder / "raw" / "lists")
prepare("first")  # imports what it needs while it may read it
for path, mode in zip(sys.argv[2::2], sys.argv[3::2]):
    (folder / path).chmod(int(mode, 8))
if os.geteuid() == 0:
    os.setegid(65534)
    os.seteuid(65534)
try:
    prepare("out/store")
except HcmocoBenchError as error:
    print(f"{type(error).__name__}: {error}")
"""


@pytest.mark.parametrize(
    ("modes", "words"),
    [
        (["raw", "311", "out", "777"], "DataError: {folder}/raw: .*cannot be read .*Permission denied"),
        (["out", "555"], "StoreError: {folder}/out/store: cannot be written .*Permission denied"),
        (["raw/nturgb+d_rgb", "311", "out", "777"], None),
    ],
)
def test_folders_that_may_not_be_read_or_written(small_tree: RawTree, modes: list[str], words: str | None) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copytree(small_tree.root, folder / "raw")
        (folder / "out").mkdir()
        command = [sys.executable, "-c", AS_NOBODY, name, *modes]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        if words is not None:
            assert re.fullmatch(words.format(folder=folder) + ".*", result.stdout.strip())
            return
        # A folder below the root that may not be read is a problem line, and its clips have no video.
        assert result.stdout == ""
        problems = NTU.open(folder / "out" / "store").manifest.problems
        assert problems["folder_unreadable"] == 1
        assert problems["video_missing"] == 8
