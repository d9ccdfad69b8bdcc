"""Sample lists: published counts and hashes, own declarations, fetching, and every way a list can be wrong."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.ntu.lists import (
    Declaration,
    ListFile,
    SplitRule,
    declare_splits,
    format_declaration,
    load_lists,
    parse_sample_list,
)

LINES = [f"images/S001C00{c}P00{p}R001A00{a}F0{a}0.jpg" for p in (1, 2) for c in (1, 2, 3) for a in (3, 4)]


@pytest.fixture
def own_lists(tmp_path: Path) -> Path:
    folder = tmp_path / "my lists ä"
    folder.mkdir()
    for name, lines in {
        "train_list_v2.txt": LINES[:6],
        "val_list_v2.txt": LINES[6:],
        "train_list_v3.txt": LINES[:2],
        "val_list_v3.txt": LINES[6:8],
    }.items():
        (folder / name).write_text("\n".join(lines) + "\n")
    (folder / "splits.toml").write_text(declare_splits(folder, "own"))
    return folder


@pytest.mark.lists
def test_official_lists_have_the_published_counts(official_lists: Path) -> None:
    lists = load_lists(official_lists)
    sizes = {name: len(split.ids) for name, split in lists.splits.items()}
    assert sizes == {
        "train": 1963,
        "test": 1963,
        "v3_train": 392,
        "v3_test": 392,
        "train_20": 392,
        "train_10": 196,
        "train_5": 98,
        "train_1": 19,
        "subjects_train": 1963,
        "subjects_test": 1963,
    }
    assert lists.declaration == "official"
    assert len(lists.missing_skeletons) == 535, "the list of NTU-120 contains that of NTU-60"
    train, test = lists.splits["train"].ids, lists.splits["test"].ids
    assert lists.splits["v3_train"].ids == train[:392]
    assert lists.splits["v3_test"].ids == test[:392]
    assert set(lists.splits["train_1"].ids) <= set(lists.splits["train_5"].ids) <= set(lists.splits["train_20"].ids)


@pytest.mark.lists
def test_v2_shares_performers_and_the_subjects_split_does_not(official_lists: Path) -> None:
    splits = load_lists(official_lists).splits
    train, test = splits["train"].ids, splits["test"].ids
    both = {s.clip.performer for s in train} & {s.clip.performer for s in test}
    assert len(both) == 26
    assert sum(s.clip.performer in both for s in train) == 390
    assert sum(s.clip.performer in both for s in test) == 563
    new = [{s.clip.performer for s in splits[f"subjects_{side}"].ids} for side in ("train", "test")]
    assert not new[0] & new[1]
    assert {*splits["subjects_train"].ids, *splits["subjects_test"].ids} == {*train, *test}


@pytest.mark.lists
def test_a_changed_official_list_is_refused(official_lists: Path, tmp_path: Path) -> None:
    for path in official_lists.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    victim = tmp_path / "val_list_v2.txt"
    victim.write_text(victim.read_text().replace("F040", "F041", 1))
    with pytest.raises(DataError, match=r"val_list_v2\.txt.*not the published file"):
        load_lists(tmp_path)
    victim.unlink()
    with pytest.raises(DataError, match=r"val_list_v2\.txt is missing"):
        load_lists(tmp_path)


def test_own_lists_carry_their_own_name(own_lists: Path) -> None:
    lists = load_lists(own_lists)
    assert lists.declaration == "own"
    assert [str(s) for s in lists.splits["train"].ids] == [line[7:-4] for line in LINES[:6]]
    assert lists.splits["train_20"].ids == lists.splits["train"].ids[:1]
    assert lists.splits["train_1"].ids == ()
    assert lists.missing_skeletons == frozenset()


def test_own_lists_that_changed_are_refused(own_lists: Path) -> None:
    (own_lists / "train_list_v2.txt").write_text("\n".join(LINES[:5]) + "\n")
    with pytest.raises(DataError, match="not the declared"):
        load_lists(own_lists)


def test_a_declaration_with_a_wrong_split_fingerprint_is_refused(own_lists: Path) -> None:
    path = own_lists / "splits.toml"
    path.write_text(path.read_text().replace("size = 6", "size = 7", 1))
    with pytest.raises(DataError, match="split train has 6 ids"):
        load_lists(own_lists)
    path.write_text("declaration = [")
    with pytest.raises(DataError, match="not a split declaration"):
        load_lists(own_lists)


def test_only_the_packaged_declaration_is_official(own_lists: Path) -> None:
    with pytest.raises(ValueError, match="official"):
        declare_splits(own_lists, "official")
    path = own_lists / "splits.toml"
    path.write_text(path.read_text().replace('"own"', '"official"'))
    with pytest.raises(DataError, match="is not the packaged"):
        load_lists(own_lists)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        load_lists(tmp_path / "nowhere")


@pytest.mark.parametrize("line", ["images/S001C001P001R001A001F000.jpg", "images/cat.jpg", LINES[0]])
def test_a_bad_or_repeated_line_is_named_with_its_number(line: str) -> None:
    with pytest.raises(DataError, match=r"train\.txt:3"):
        parse_sample_list(f"{LINES[0]}\n{LINES[1]}\n{line}\n", source="train.txt")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    folder = tmp_path / "served"
    folder.mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


def test_lists_are_fetched_once_checked_and_cached(
    server: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, address = server
    data = ("\n".join(LINES) + "\n").encode()
    (folder / "train.txt").write_bytes(data)
    sha = hashlib.sha256(data).hexdigest()
    entry = ListFile(name="train.txt", url=f"{address}/train.txt", sha256=sha, entries=len(LINES))
    rules = []
    for name in ("train", "test"):
        rule = SplitRule(name=name, rule="list", file="train.txt", size=len(LINES), sha256="0" * 64)
        rules.append(
            rule.model_copy(
                update={"sha256": hashlib.sha256(data.replace(b"images/", b"").replace(b".jpg", b"")).hexdigest()}
            )
        )
    declared = tmp_path / "declared.toml"
    declared.write_text(format_declaration(Declaration(declaration="served", file=(entry,), split=tuple(rules))))
    monkeypatch.setattr("hcmoco_bench.sources.ntu.lists.annotation_file", lambda _: declared)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert len(load_lists().splits["train"].ids) == len(LINES)
    (folder / "train.txt").unlink()
    assert len(load_lists().splits["train"].ids) == len(LINES), "the second time comes from the cache"

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another cache"))
    with pytest.raises(DataError, match=r"could not be fetched.*--lists"):
        load_lists()
    (folder / "train.txt").write_bytes(data + b"\n")
    with pytest.raises(DataError, match="could not be fetched"):
        load_lists()
