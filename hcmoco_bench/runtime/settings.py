"""Settings given by a user: checked once, with one message that names every wrong one."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from hcmoco_bench.errors import UsageError

Settings = TypeVar("Settings", bound=BaseModel)


def validated(model: type[Settings], values: Mapping[str, Any], source: str) -> Settings:
    """The settings as a model; raises UsageError that names `source` and each setting that is unknown or wrong."""
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, line['loc'])) or 'settings'}: {line['msg']}" for line in error.errors()
        )
        raise UsageError(f"{source}: {problems}") from error


def parse_setting(setting: str) -> tuple[str, Any]:
    """`NAME=VALUE` of `--set`, the value as in TOML; a bare word is a text. Raises UsageError without `=`."""
    name, equals, text = setting.partition("=")
    if not equals or not name:
        raise UsageError(f"--set {setting}: write NAME=VALUE")
    try:
        return name, tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return name, text
