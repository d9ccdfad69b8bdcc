"""Reading a plan by its name or path, at one of its sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.runtime.near_names import did_you_mean
from hcmoco_bench.runtime.recipes import packaged_names, packaged_values
from hcmoco_bench.runtime.settings import read_settings_file
from hcmoco_bench.study.plan import Plan, merged
from hcmoco_bench.study.shared_options import OPTIONS, expanded

FOLDER: Final = "study"
"""Folder of `annotations/` with the packaged plans."""

_TABLES: Final = frozenset(Plan.model_fields)


@dataclass(frozen=True)
class PlanFile:
    """A plan as it stands in its file, before a size is chosen.

    Attributes:
        name: Name of the packaged plan, or the stem of the file.
        source: What the user gave, for messages.
        values: The tables that all sizes share, with `options` as it is.
        sizes: What each size puts over them.
        include: By the name of another packaged plan, claims that are taken from it with all that they need: the name
            there to the name here. They are taken at the size of the same name.
    """

    name: str
    source: str
    values: Mapping[str, Any]
    sizes: Mapping[str, Mapping[str, Any]]
    include: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def at(self, size: str | None) -> Plan:
        """The plan at a size; None for a plan without sizes.

        Raises:
            UsageError: If there is no such size, or none is given and there are some.
            DataError: If the plan contradicts itself (`study_plan`); says where.
        """
        if size is None and self.sizes:
            raise UsageError(f"{self.source}: the plan has the sizes {', '.join(self.sizes)}; give one with --size")
        if size is not None and size not in self.sizes:
            raise UsageError(f"--size {size}: {self.source} has no such size; {did_you_mean(size, self.sizes)}")
        values = self.values if size is None else merged(self.values, self.sizes[size])
        at = "" if size is None else f", size {size}"
        try:
            values = expanded(values)
        except ValueError as error:
            raise _wrong(self.source + at, str(error)) from error
        for name, claims in self.include.items():
            values = self._with(values, name, claims, size)
        try:
            return Plan.model_validate(values)
        except ValidationError as error:
            told = "; ".join(_line(one) for one in error.errors()[:4])
            raise _wrong(self.source + at, told) from error

    def _with(
        self, values: Mapping[str, Any], name: str, claims: Mapping[str, str], size: str | None
    ) -> Mapping[str, Any]:
        """The tables with those of some claims of another plan."""
        file = read_plan(name)
        if file.include:
            raise _wrong(self.source, f"include.{name}: this plan includes others itself; name the plan of the claim")
        other = file.at(size)
        for claim in claims:
            if claim not in other.claim:
                raise _wrong(self.source, f"include.{name} names {claim!r}; {did_you_mean(claim, other.claim)}")
        if len(set(claims.values())) < len(claims):
            raise _wrong(self.source, f"include.{name} gives two claims one name; give each its own")
        found = {table: dict(entries) for table, entries in values.items()}
        for table, entries in other.part(claims).items():
            own = found.setdefault(table, {})
            for entry, one in entries.items():
                if entry in own:
                    raise _wrong(
                        self.source, f"{table}.{entry} is also in the plan {name}, which it includes; rename it here"
                    )
                own[entry] = one
        return found


def plan_names() -> tuple[str, ...]:
    """Names of the packaged plans, in alphabetical order."""
    return packaged_names(FOLDER)


def read_plan(plan: str) -> PlanFile:
    """Read a plan.

    Args:
        plan: Name of a packaged plan, or path of a `.toml` or `.json` file.

    Raises:
        UsageError: If there is no such plan; lists near names.
        DataError: If it cannot be read (`config_unreadable`), or has tables that no plan has (`study_plan`).
    """
    path = Path(plan)
    if path.is_file() or path.suffix in {".toml", ".json"}:
        values = read_settings_file(path)
    else:
        found = packaged_values(plan, FOLDER)
        if found is None:
            raise UsageError(f"{plan}: no such file or packaged plan; {did_you_mean(plan, plan_names())}")
        values = found
    sizes = values.pop("size", {})
    if not isinstance(sizes, dict) or not all(isinstance(one, dict) for one in sizes.values()):
        raise _wrong(plan, "size holds a table for each size, as [size.small.task.NAME]")
    include = values.pop("include", {})
    if not isinstance(include, dict) or not all(
        isinstance(one, dict) and all(isinstance(to, str) for to in one.values()) for one in include.values()
    ):
        raise _wrong(
            plan, 'include holds, for each plan, names of its claims, as include.liftedcl = {ablation = "mine"}'
        )
    for where, table in (("", values), *((f"size.{name}.", one) for name, one in sizes.items())):
        for name, entries in table.items():
            if name == OPTIONS:
                if not isinstance(entries, dict) or not all(isinstance(one, str) for one in entries.values()):
                    raise _wrong(plan, f'{where}{name} holds a text for each name, as {where}{name}.NAME = "--size 64"')
                continue
            if name not in _TABLES:
                raise _wrong(plan, f"{where}{name} is no table of a plan; {did_you_mean(name, {*_TABLES, OPTIONS})}")
            if not isinstance(entries, dict) or not all(isinstance(one, dict) for one in entries.values()):
                raise _wrong(plan, f"{where}{name} holds a table for each name, as [{where}{name}.NAME]")
    return PlanFile(path.stem, plan, values, sizes, include)


def _line(error: Any) -> str:
    where = ".".join(map(str, error["loc"]))
    said = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        said = "there is no such entry"
    elif error["type"] == "string_pattern_mismatch":
        said = f"{error['input']!r} is no name: use lower-case letters, digits, and - or _ between them"
        where = where.removesuffix(".[key]")
    return f"{where}: {said}" if where else said


def _wrong(source: str, told: str) -> DataError:
    return DataError(f"{source}: {told}; correct the plan (docs/studies.md)", kind="study_plan", file=source)
