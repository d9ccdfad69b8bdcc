"""A generated table in a page that is otherwise written by hand."""

from __future__ import annotations

import re


def with_table(text: str, subject: str, table: str) -> str:
    """The page with another table between the marks `<!-- SUBJECT ... -->` and `<!-- end of SUBJECT -->`.

    Args:
        text: The page.
        subject: What the marks call the table.
        table: The table, without the empty lines around it.
    """
    marks = re.compile(rf"(<!-- {subject}\b[^>]*-->\n).*?(<!-- end of {subject} -->)", re.DOTALL)
    return marks.sub(lambda found: f"{found[1]}\n{table.strip()}\n\n{found[2]}", text)
