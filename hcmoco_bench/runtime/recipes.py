"""Recipes: settings files that come with the package, by name."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from hcmoco_bench.errors import UsageError
from hcmoco_bench.runtime.near_names import did_you_mean
from hcmoco_bench.runtime.settings import Settings, merge_settings, published_values, read_settings_file

PUBLISHED: Final = "published"
"""The recipe that every command has: what the authors' released code does, as the settings themselves declare it."""

_PACKAGE = Path(str(files("hcmoco_bench")))


def recipe_names(folder: str) -> tuple[str, ...]:
    """Names of the recipes of a command, in alphabetical order.

    Args:
        folder: Folder of `annotations/` that holds them, e.g. `pretrain`.
    """
    return tuple(sorted({*packaged_names(folder), PUBLISHED}))


def packaged_names(folder: str) -> tuple[str, ...]:
    """Names of the `.toml` files in a folder of `annotations/`, in alphabetical order."""
    return tuple(sorted({path.stem for place in _places(folder) for path in place.glob("*.toml")}))


def packaged_values(name: str, folder: str) -> dict[str, Any] | None:
    """The values of a file of `packaged_names`; None if there is no such file."""
    return read_settings_file(_places(folder)[0] / f"{name}.toml") if name in packaged_names(folder) else None


def names_file(recipe: str) -> bool:
    """Whether a recipe is written as the path of a file, and not as the name of a packaged one."""
    path = Path(recipe)
    return bool(path.suffix) or path.name != recipe


def recipe_values(recipe: str, folder: str) -> dict[str, Any]:
    """The values of a settings file or packaged recipe; `published` has none before a method or task is chosen.

    See `with_published` for that one.

    Args:
        recipe: Path of a `.toml` or `.json` file, or the name of a packaged recipe.
        folder: Folder of `annotations/` in which packaged ones are looked for.

    Raises:
        UsageError: If there is no such file or recipe; lists near matches.
        DataError: If the file cannot be read.
    """
    if recipe == PUBLISHED:
        return {}
    path = Path(recipe)
    if path.is_file() or names_file(recipe):
        return read_settings_file(path)
    if (found := packaged_values(recipe, folder)) is not None:
        return found
    raise UsageError(
        f"--config {recipe}: no such file or packaged recipe; {did_you_mean(recipe, recipe_names(folder))}"
    )


def with_published(recipe: str | None, model: type[Settings], given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings over those of the recipe `published`, if that is the recipe.

    Args:
        recipe: What the user chose.
        model: The settings of the method or task.
        given: Settings that win.
    """
    return merge_settings(merge_settings({}, published_values(model)) if recipe == PUBLISHED else {}, given)


def _places(folder: str) -> list[Path]:
    """Where `annotations/` is: inside the package in a wheel, beside it in a checkout."""
    return [place for root in (_PACKAGE, _PACKAGE.parent) if (place := root / "annotations" / folder).is_dir()][:1]
