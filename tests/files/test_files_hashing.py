"""Fingerprints, held against digests that other programs print (`sha256sum`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from hcmoco_bench.files.hashing import bytes_sha256, file_sha256, fingerprint, folder_sha256, json_sha256

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
MILLION = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
"""Of a million letters a: the standard's own example (FIPS 180-2)."""


def test_published_examples(tmp_path: Path) -> None:
    assert (bytes_sha256(b""), bytes_sha256(b"abc"), bytes_sha256(b"a" * 1_000_000)) == (EMPTY, ABC, MILLION)
    path = tmp_path / "a"
    for content, expected in ((b"", EMPTY), (b"abc", ABC), (b"a" * 1_000_000, MILLION)):
        path.write_bytes(content)
        assert file_sha256(path) == expected
        assert file_sha256(path, progress=lambda done, size: None) == expected


def test_progress_is_told_in_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hcmoco_bench.files.hashing._BLOCK", 4)
    (tmp_path / "a").write_bytes(b"123456789")
    told: list[tuple[int, int]] = []
    file_sha256(tmp_path / "a", progress=lambda done, size: told.append((done, size)))
    assert told == [(4, 9), (8, 9), (9, 9)]


def test_a_list_is_hashed_as_a_file_with_an_id_a_line() -> None:
    assert fingerprint([]) == EMPTY
    assert fingerprint(["S001", 2]) == bytes_sha256(b"S001\n2\n")
    assert fingerprint(["a", "b"]) != fingerprint(["b", "a"])


def test_json_does_not_depend_on_the_order_of_keys() -> None:
    assert json_sha256({"b": [1, None, 0.5], "a": "ä"}) == bytes_sha256(b'{"a": "\\u00e4", "b": [1, null, 0.5]}')
    assert json_sha256({"x": 1, "y": 2}) == json_sha256({"y": 2, "x": 1}) != json_sha256({"x": 2, "y": 1})


def test_a_folder_is_known_by_names_and_contents_wherever_it_is(tmp_path: Path) -> None:
    for place in ("one", "two"):
        (tmp_path / place / "below").mkdir(parents=True)
        (tmp_path / place / "a").write_text("1")
        (tmp_path / place / "below" / "b").write_text("2")
    known = folder_sha256(tmp_path / "one")
    assert known == json_sha256({name: file_sha256(tmp_path / "one" / name) for name in ("a", "below/b")})
    assert folder_sha256(tmp_path / "two") == known
    (tmp_path / "two" / "below" / ".lock").touch()
    assert folder_sha256(tmp_path / "two") != known
    assert folder_sha256(tmp_path / "two", without=(".lock",)) == known
    (tmp_path / "two" / "a").rename(tmp_path / "two" / "c")
    assert folder_sha256(tmp_path / "two", without=(".lock",)) != known
