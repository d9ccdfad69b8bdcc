"""Registries: what other packages offer is found, and is not looked for again at every question."""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Iterator
from pathlib import Path

import pytest

from hcmoco_bench.runtime import registry
from hcmoco_bench.runtime.registry import Registry


@pytest.fixture
def numbers() -> Iterator[Registry[int]]:
    registry._installed.cache_clear()
    yield Registry("number", int, "hcmoco_bench.test_numbers", {})
    registry._installed.cache_clear()


def install(folder: Path, name: str, value: str) -> None:
    """What pip leaves of a package that names one number."""
    (folder / f"{name}-1.dist-info").mkdir(parents=True)
    (folder / f"{name}-1.dist-info" / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (folder / f"{name}-1.dist-info" / "entry_points.txt").write_text(f"[hcmoco_bench.test_numbers]\n{name} = {value}\n")


def test_a_package_that_is_installed_meanwhile_is_found(
    numbers: Registry[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert numbers.names() == ()
    install(tmp_path / "site", "first", "sys:maxsize")
    assert numbers.names() == ()
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert numbers.names() == ("first",)
    install(tmp_path / "site", "second", "sys:maxunicode")
    importlib.invalidate_caches()  # what a process has to do that installs a package for itself
    assert numbers.names() == ("first", "second")
    assert numbers.get("second") == 0x10FFFF


def test_packages_are_read_once(numbers: Registry[int], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def entry_points(*, group: str) -> tuple[importlib.metadata.EntryPoint, ...]:
        asked.append(group)
        return ()

    monkeypatch.setattr(registry, "entry_points", entry_points)
    for _ in range(3):
        assert "third" not in numbers
    assert asked == ["hcmoco_bench.test_numbers"]
