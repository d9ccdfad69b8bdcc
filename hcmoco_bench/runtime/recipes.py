"""Recipes: settings files that come with the package, by name."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from hcmoco_bench.errors import UsageError
from hcmoco_bench.runtime.near_names import did_you_mean
from hcmoco_bench.runtime.settings import read_settings_file

_PACKAGE = Path(str(files("hcmoco_bench")))


def recipe_names(folder: str) -> tuple[str, ...]:
    """Names of the packaged recipes of a command, in alphabetical order.

    Args:
        folder: Folder of `annotations/` that holds them, e.g. `pretrain`.
    """
    return tuple(sorted(path.stem for place in _places(folder) for path in place.glob("*.toml")))


def recipe_values(recipe: str, folder: str) -> dict[str, Any]:
    """The values of a settings file or packaged recipe.

    Args:
        recipe: Path of a `.toml` or `.json` file, or the name of a packaged recipe.
        folder: Folder of `annotations/` in which packaged ones are looked for.

    Raises:
        UsageError: If there is no such file or recipe; lists near matches.
        DataError: If the file cannot be read.
    """
    path = Path(recipe)
    if path.is_file() or path.suffix or path.name != recipe:
        return read_settings_file(path)
    for place in _places(folder):
        if (place / f"{recipe}.toml").is_file():
            return read_settings_file(place / f"{recipe}.toml")
    raise UsageError(
        f"--config {recipe}: no such file or packaged recipe; {did_you_mean(recipe, recipe_names(folder))}"
    )


def _places(folder: str) -> list[Path]:
    """Where `annotations/` is: inside the package in a wheel, beside it in a checkout."""
    return [place for root in (_PACKAGE, _PACKAGE.parent) if (place := root / "annotations" / folder).is_dir()][:1]
