"""The card's template language."""

from __future__ import annotations

import pytest

from hcmoco_bench.hub.template import PLACEHOLDER, render_template


def test_values_sections_and_nesting() -> None:
    template = "{{a}}\n{{#x}}\nin x {{b}}\n{{^y}}\nnot y\n{{/y}}\n{{/x}}\n{{^x}}\nno x\n{{/x}}\nend\n"
    values = {"a": "A", "b": "B"}
    assert render_template(template, values, {"x": True, "y": False}) == "A\nin x B\nnot y\nend\n"
    assert render_template(template, values, {"x": True, "y": True}) == "A\nin x B\nend\n"
    assert render_template(template, values, {"x": False, "y": False}) == "A\nno x\nend\n"


def test_a_value_is_not_read_as_template() -> None:
    assert render_template("{{a}}", {"a": "{{b}} \\1"}, {}) == "{{b}} \\1"


def test_what_is_not_given_raises() -> None:
    with pytest.raises(KeyError):
        render_template("{{a}}", {}, {})
    with pytest.raises(KeyError):
        render_template("{{#a}}\n{{/a}}\n", {}, {})


@pytest.mark.parametrize("template", ["{{#a}}\nopen\n", "text {{#a}} inside a line {{/a}}\n", "{{/a}}\n"])
def test_sections_must_be_closed_and_on_their_own_lines(template: str) -> None:
    with pytest.raises(ValueError, match="not closed"):
        render_template(template, {}, {"a": True})


def test_bibtex_braces_are_no_placeholders() -> None:
    text = "title = {{NTU RGB+D}: A Dataset}"
    assert render_template(text, {}, {}) == text
    assert PLACEHOLDER.search(text) is None
