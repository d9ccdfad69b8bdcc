from __future__ import annotations

import multiprocessing
import os
import pickle
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.ntu import Asset, archives, assets

CONTENT = {f"folder/file {i}.bin": bytes([i]) * (1000 + i) for i in range(20)}


@pytest.fixture(params=[zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return make_archive(tmp_path / "ärchive 1.zip", request.param)


def make_archive(path: Path, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as handle:
        for name, data in CONTENT.items():
            handle.writestr(name, data)
    return path


def read_all(archive: Path) -> bool:
    return all(Asset(archive, name).read_bytes() == data for name, data in CONTENT.items())


def open_files(path: Path) -> int:
    links = (link for link in Path("/proc/self/fd").iterdir() if link.is_symlink())
    return sum(os.path.realpath(link) == str(path) for link in links)


def test_a_plain_file(tmp_path: Path) -> None:
    path = tmp_path / "x y.bin"
    path.write_bytes(b"12345")
    asset = Asset(path)
    assert (asset.size(), asset.read_bytes(), str(asset)) == (5, b"12345", str(path))
    with asset.open() as handle:
        handle.seek(3)
        assert handle.read() == b"45"


def test_a_member(archive: Path) -> None:
    asset = Asset(archive, "folder/file 7.bin")
    assert str(asset) == f"{archive}!folder/file 7.bin"
    assert asset.size() == 1007
    with asset.open() as handle:
        handle.seek(-1, os.SEEK_END)
        assert handle.read() == b"\7"
    assert read_all(archive)


def test_a_large_member_goes_to_a_file_that_vanishes(
    archive: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(assets, "IN_MEMORY", 500)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    with Asset(archive, "folder/file 7.bin").open() as handle:
        assert handle.fileno() > 0
        assert handle.read() == b"\7" * 1007
        handle.seek(5)
        assert len(handle.read()) == 1002
    assert list((tmp_path / "temporary").iterdir()) == []


def test_assets_are_small_ordered_and_picklable(tmp_path: Path) -> None:
    one, two = Asset(tmp_path / "a.zip"), Asset(tmp_path / "a.zip", "b")
    assert one < two < Asset(tmp_path / "b")
    assert sorted([two, one]) == [one, two]
    assert len({one, two, Asset(tmp_path / "a.zip")}) == 2
    assert pickle.loads(pickle.dumps(two)) == two
    assert len(pickle.dumps(two)) < 500


@pytest.mark.parametrize("action", ["size", "read_bytes", "open"])
def test_what_is_missing(archive: Path, tmp_path: Path, action: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    missing = [
        Asset(tmp_path / "x"),
        Asset(archive, "x"),
        Asset(tmp_path / "x.zip", "y"),
        Asset(tmp_path / "file" / "x"),
    ]
    for asset in missing:
        with pytest.raises(DataError) as caught:
            getattr(asset, action)()
        assert caught.value.kind == "file_missing"
        assert caught.value.file in (str(asset), str(asset.path))
        assert caught.value.file in str(caught.value)


@pytest.mark.parametrize("action", ["read_bytes", "open"])
def test_a_folder_is_not_readable(tmp_path: Path, action: str) -> None:
    with pytest.raises(DataError, match="cannot be read") as caught:
        getattr(Asset(tmp_path), action)()
    assert caught.value.kind == "file_unreadable"


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "flipped", "huge offset"])
def test_damaged_archives(tmp_path: Path, damage: str) -> None:
    path = make_archive(tmp_path / "x.zip", zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    if damage == "flipped":
        data[data.index(b"\7" * 1007) + 500] ^= 1
    elif damage == "huge offset":
        entry = data.index(b"PK\1\2", data.index(b"PK\1\2") + 1)
        data[entry + 42 : entry + 46] = b"\xff\xff\xff\x7f"
    path.write_bytes(
        {"empty": b"", "text": b"no archive " * 99, "cut": data[: len(data) // 2]}.get(damage, bytes(data))
    )
    name = "folder/file 1.bin" if damage == "huge offset" else "folder/file 7.bin"
    for read in (Asset(path, name).read_bytes, Asset(path, name).open):
        with pytest.raises(DataError, match="cannot be read from its archive") as caught:
            read()
        assert caught.value.kind == "zip_unreadable"
        assert caught.value.file.startswith(str(path))
    if damage == "flipped":
        assert Asset(path, "folder/file 8.bin").read_bytes() == CONTENT["folder/file 8.bin"]


def test_encrypted_members_are_unreadable(tmp_path: Path) -> None:
    path = make_archive(tmp_path / "x.zip")
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(mark) + offset] |= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match="encrypted") as caught:
        Asset(path, "folder/file 0.bin").read_bytes()
    assert caught.value.kind == "zip_unreadable"


def test_few_archives_stay_open_and_a_replaced_one_is_noticed(tmp_path: Path) -> None:
    paths = [make_archive(tmp_path / f"{i}.zip") for i in range(archives.KEPT_OPEN + 3)]
    for path in paths * 2:
        assert read_all(path)
    assert [open_files(path) for path in paths] == [0] * 3 + [1] * archives.KEPT_OPEN
    with zipfile.ZipFile(paths[-1], "w") as handle:
        handle.writestr("folder/file 0.bin", b"new")
    assert Asset(paths[-1], "folder/file 0.bin").read_bytes() == b"new"


def test_large_archives_are_not_kept_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [make_archive(tmp_path / f"{i}.zip") for i in range(4)]
    for most, expected in ((2 * len(CONTENT), [0, 0, 1, 1]), (len(CONTENT) - 1, [0, 0, 0, 1])):
        monkeypatch.setattr(archives, "KEPT_MEMBERS", most)
        assert all(read_all(path) for path in paths)
        assert [open_files(path) for path in paths] == expected


def test_a_member_stays_readable_while_other_archives_push_its_own_out(tmp_path: Path) -> None:
    paths = [make_archive(tmp_path / f"{i}.zip") for i in range(2 * archives.KEPT_OPEN)]
    failures: list[Path] = []

    def work(path: Path) -> None:
        for _ in range(20):
            if not read_all(path):
                failures.append(path)

    with ThreadPoolExecutor(len(paths)) as pool:
        list(pool.map(work, paths))
    assert failures == []


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_read_the_same_archive_at_once(tmp_path: Path, method: str) -> None:
    path = make_archive(tmp_path / "x.zip")
    assert read_all(path)  # open in this process, so that a fork inherits it
    with multiprocessing.get_context(method).Pool(2) as pool:
        results = [pool.apply_async(read_all, (path,)) for _ in range(8)]
        assert read_all(path)
        assert all(result.get(60) for result in results)


def test_a_fork_while_another_thread_reads_does_not_hang(tmp_path: Path) -> None:
    path = make_archive(tmp_path / "x.zip")
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            read_all(path)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(10):
            child = multiprocessing.get_context("fork").Process(target=read_all, args=(path,))
            child.start()
            child.join(20)
            assert child.exitcode == 0
    finally:
        stop.set()
        thread.join()
