"""Writes the tables of `docs/published-results.md`: `python docs/make_published.py`.

They are made of the files of `leaderboards/published/`, and of what the checks find in them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from generated_table import with_table

from hcmoco_bench.leaderboard.published.claims import MEANINGS as VERDICTS
from hcmoco_bench.leaderboard.published.claims import WORST_LAST, CheckedClaim, check_claims, published_claims
from hcmoco_bench.leaderboard.published.figures import IOU, MEAN
from hcmoco_bench.leaderboard.published.findings import MEANINGS as KINDS
from hcmoco_bench.leaderboard.published.findings import declared_findings
from hcmoco_bench.leaderboard.published.read import published_tables
from hcmoco_bench.leaderboard.published.rows import published_rows
from hcmoco_bench.leaderboard.published.schema import PublishedTable
from hcmoco_bench.leaderboard.published.strips import strips

PAGE = Path(__file__).resolve().parent / "published-results.md"
_MOST_DETAILS = 4


def contents(tables: Sequence[PublishedTable]) -> str:
    """What was copied from each table, and how much in all."""
    lines = ["| file | shows | rows | figures |", "|---|---|---|---|"]
    lines += [
        f"| `{table.stem}.toml` | {_cell(table.caption)} | {len(table.row)} | {_figures(table)} |" for table in tables
    ]
    n_figures = sum(table.n_figures for table in tables)
    n_rows = sum(len(table.row) for table in tables)
    lines.append(f"| all | | {n_rows} | {n_figures:,} |")
    runs = published_rows(tables)
    boards = len({row.key for row in runs})
    return "\n".join(lines) + f"\n\nThey make {len(runs)} rows of the leaderboard, in {boards} of its tables.\n"


def findings(tables: Sequence[PublishedTable]) -> str:
    """What is odd about the printed figures."""
    lines = ["| file | row | kind | figures | note |", "|---|---|---|---|---|"]
    by_stem = {table.stem: table for table in tables}
    for finding in declared_findings(tables):
        stem, number, *_ = finding.position
        table = by_stem[stem]
        printed = table.row[number - 1].printed
        figures = _named(table, finding.figures)
        lines.append(
            f"| `{stem}` | {number}, {_cell(printed)} | {finding.kind} | {figures} | {_cell(finding.message)} |"
        )
    quiet = [kind for kind in KINDS if kind not in {finding.kind for finding in declared_findings(tables)}]
    n_means = sum(
        MEAN in strip.figures and any(name.startswith(IOU) for name in strip.figures) for strip in strips(tables)
    )
    nothing = (
        f"Nothing was found of the kinds {', '.join(quiet)}. {n_means} printed means were held against their classes."
    )
    return "\n".join([*lines, "", *_meanings(KINDS.items()), "", nothing]) + "\n"


def claims(checked: Sequence[CheckedClaim]) -> str:
    """What becomes of the claims of the text, those that do not hold first."""
    lines = ["| where | claim | verdict | the tables |", "|---|---|---|---|"]
    for one in sorted(checked, key=lambda one: -WORST_LAST.index(one.claim.verdict)):
        details = [*one.details[:_MOST_DETAILS], *_more(one.details)]
        text = " ".join(filter(None, ["; ".join(details) + "." if details else "", one.claim.note]))
        lines.append(f"| {_cell(one.claim.place)} | {_cell(one.claim.says)} | {one.claim.verdict} | {_cell(text)} |")
    return "\n".join([*lines, "", *_meanings(VERDICTS.items())]) + "\n"


def page(text: str) -> str:
    """The page with the tables of today between their marks."""
    tables = published_tables()
    checked = [one for file in published_claims() for one in check_claims(file.claim, tables)]
    text = with_table(text, "contents", contents(tables))
    text = with_table(text, "findings", findings(tables))
    return with_table(text, "claims", claims(checked))


def _figures(table: PublishedTable) -> str:
    return f"{len(table.gain)} differences, no score" if table.gain else str(table.n_figures)


def _named(table: PublishedTable, figures: Iterable[str]) -> str:
    """Names of figures; of a table with several blocks also theirs."""
    named = []
    for figure in figures:
        block, _, column = figure.partition(":")
        name = "all" if column == "*" else f"`{column}`"
        printed = next(one.printed for one in table.block if one.name == block)
        named.append(name if len(table.block) == 1 else f"{name} ({_cell(printed)})")
    return ", ".join(named)


def _meanings(meanings: Iterable[tuple[str, str]]) -> list[str]:
    return [f"- {name}: {meaning}" for name, meaning in meanings]


def _more(details: Sequence[str]) -> list[str]:
    return [f"and {len(details) - _MOST_DETAILS} more"] if len(details) > _MOST_DETAILS else []


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
    sys.stdout.write(f"{PAGE}\n")
