"""Writes the tables of `docs/pose-conventions.md`: `python docs/make_pose_conventions.py`."""

from __future__ import annotations

from pathlib import Path

from generated_table import with_table

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.metrics.pose_conventions import Publication, pose_conventions, publications

PAGE = Path(__file__).resolve().with_name("pose-conventions.md")


def joints_table() -> str:
    """Each choice of joints."""
    choices = {one.choice.name: one.choice for one in pose_conventions()}
    lines = ["| joints | number | what they are |", "|---|---|---|"]
    lines += [f"| `{name}` | {len(choice.places)} | {choice.title} |" for name, choice in choices.items()]
    return "\n".join(lines)


def ways_table() -> str:
    """Each alignment, as the end of a convention's name."""
    ways = {one.name.removeprefix(f"{one.choice.name}_"): one.aligned for one in pose_conventions()}
    lines = ["| ending | a prediction is first |", "|---|---|"]
    return "\n".join([*lines, *(f"| `_{way}` | {aligned} |" for way, aligned in ways.items())])


def publications_table() -> str:
    """Who measures so."""
    names = ("publication", "data", "its figure: convention", "mean over", "where the code says so")
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    return "\n".join([*lines, *map(_publication, publications())])


def _publication(one: Publication) -> str:
    figures = "; ".join(f"{figure}: `{name}`" for name, figure in one.tables.items())
    note = f" ({one.note})" if one.note else ""
    address, *rest = one.source.split(", ", 1)
    where = ", ".join([f"<{address}>", *rest])
    average = "samples; actions" if one.average == "both" else one.average
    return f"| {one.title} | {one.data} | {figures}{note} | {average} | {where} |"


def order_table() -> str:
    """The orders of the joint sets."""
    sets = dict.fromkeys(one.choice.joints for one in pose_conventions())
    lines = ["| set | order |", "|---|---|"]
    return "\n".join([*lines, *(f"| `{name}` | {', '.join(joint_set(name).joints)} |" for name in sets)])


def page(text: str) -> str:
    """The page with the tables of today."""
    tables = {"joints": joints_table, "ways": ways_table, "publications": publications_table, "orders": order_table}
    for subject, table in tables.items():
        text = with_table(text, subject, table())
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
