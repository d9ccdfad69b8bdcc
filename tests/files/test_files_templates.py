"""Templates: strict, escaped where they are HTML, with filters for numbers and tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import TemplateSyntaxError, UndefinedError

from hcmoco_bench.files.templates import render_template


def render(folder: Path, template: str, name: str = "card.md", **facts: object) -> str:
    (folder / name).write_text(template, encoding="utf-8")
    return render_template(folder / name, facts)


def test_tags_on_their_own_lines_leave_no_empty_lines(tmp_path: Path) -> None:
    template = "# {{ title }}\n{% for row in rows %}\n  {% if row %}\n- {{ row }}\n  {% endif %}\n{% endfor %}\nend\n"
    assert render(tmp_path, template, title="T", rows=["a", "", "b"]) == "# T\n- a\n- b\nend\n"


def test_a_value_is_not_read_as_a_template(tmp_path: Path) -> None:
    assert render(tmp_path, "{{ a }}", a="{{ b }} {% if %}") == "{{ b }} {% if %}"


@pytest.mark.parametrize("template", ["{{ a }}", "{{ b.c }}", "{% if a %}x{% endif %}", "{% for x in a %}{% endfor %}"])
def test_what_is_not_given_raises(tmp_path: Path, template: str) -> None:
    with pytest.raises(UndefinedError):
        render(tmp_path, template, b={})


def test_an_unclosed_tag_raises(tmp_path: Path) -> None:
    with pytest.raises(TemplateSyntaxError):
        render(tmp_path, "{% if a %}open", a=True)


def test_html_is_escaped_and_markdown_is_not(tmp_path: Path) -> None:
    assert render(tmp_path, "{{ a }}", "page.html", a='<b> & "c"') == "&lt;b&gt; &amp; &#34;c&#34;"
    assert render(tmp_path, "{{ a }}", a='<b> & "c"') == '<b> & "c"'


def test_filters(tmp_path: Path) -> None:
    assert render(tmp_path, "{{ 1234567 | thousands }} {{ 999 | thousands }}") == "1,234,567 999"
    assert render(tmp_path, "{{ a | cell }}", a="one |\n  two") == "one \\| two"
    values = ["bf16", True, None, 0.0001, ["a", "b"]]
    assert render(tmp_path, "{{ v | map('setting') | join(' ') }}", v=values) == 'bf16 true null 0.0001 ["a", "b"]'


def test_other_templates_of_the_folder_can_be_included(tmp_path: Path) -> None:
    (tmp_path / "part.md").write_text("part of {{ a }}", encoding="utf-8")
    assert render(tmp_path, "{% include 'part.md' %}", a="A") == "part of A"
