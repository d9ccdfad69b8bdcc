"""From what a user gives to the settings of a pre-training: a recipe or file, then single settings over it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hcmoco_bench.errors import UsageError
from hcmoco_bench.pretrain.method import Method
from hcmoco_bench.pretrain.registry import DEFAULT_METHOD, get_method, method_names
from hcmoco_bench.pretrain.settings import PretrainSettings
from hcmoco_bench.runtime.recipes import recipe_values, with_published
from hcmoco_bench.runtime.settings import merge_settings, validated

RECIPES = "pretrain"
"""Folder of the packaged recipes of pre-training."""


def make_pretrain_settings(
    recipe: str | None = None, given: Mapping[str, Any] | None = None, *, method: str | Method | None = None
) -> PretrainSettings:
    """The settings of a run: the method's defaults, then a recipe, then single settings.

    Args:
        recipe: Path of a `.toml` or `.json` file, or the name of a packaged recipe; `published` does as the
            authors' released code.
        given: Settings by name; a name with a dot reaches into a table, e.g. `weights.dense`.
        method: The method; None for the one that `given` or the recipe names, or the default one.

    Raises:
        DataError: If the file cannot be read.
        UsageError: If the method or a setting is unknown, out of range, or not used by the method; names it.
    """
    values = merge_settings(recipe_values(recipe, RECIPES) if recipe else {}, given or {})
    chosen = get_method(method or values.get("method") or DEFAULT_METHOD)
    values = with_published(recipe, chosen.settings, {**values, "method": chosen.name})
    _refuse_foreign(chosen, values)
    settings = validated(chosen.settings, values, recipe or f"settings of {chosen.name}")
    chosen.check(settings)
    return settings


def _refuse_foreign(method: Method, values: Mapping[str, Any]) -> None:
    """Raise UsageError for settings that other methods have and this one does not."""
    unused = {}
    for name in values:
        if name in method.settings.model_fields:
            continue
        users = [other for other in method_names() if name in get_method(other).settings.model_fields]
        if users:
            unused[name] = users
    if unused:
        told = "; ".join(f"{name} (a setting of {' and '.join(users)})" for name, users in unused.items())
        raise UsageError(f"the method {method.name} does not use the setting {told}; leave it out")
