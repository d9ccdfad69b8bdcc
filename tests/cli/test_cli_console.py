"""Both consoles show names from outside as they are, and the command that they name next opens the folder."""

from __future__ import annotations

import json
import os
import subprocess
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.table import Table
from typer.testing import CliRunner

from hcmoco_bench.cli import console
from hcmoco_bench.cli.app import app
from hcmoco_bench.files.json import json_text
from hcmoco_bench.files.outside_text import printable, storable

GBK = os.fsdecode("数据".encode("gbk"))
NAMES = [GBK, os.fsdecode(b"bilder_\xe5"), "runs [v2]", "a[/b]", "[/x]", ":smile:", "$x", "\x1b[2J", "gpj\u202e.exe"]


def test_both_consoles_show_texts_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    for name in NAMES:
        table = Table("name", title=name)
        table.add_row(name)
        for one in (console.out, console.err):
            one.print(name, soft_wrap=True)
            one.print(console.labeled("error:", name, style="bold red"), soft_wrap=True)
            one.print(table)
        said = capsys.readouterr()
        for text in (said.out, said.err):
            assert text.count(printable(name)) == 4, (name, text)
            assert "\x1b[2J" not in text


@given(st.binary(max_size=40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_bytes_are_shown_and_stored(capsys: pytest.CaptureFixture[str], name: bytes) -> None:
    text = os.fsdecode(name)
    shown = printable(text)
    assert printable(shown) == shown
    assert not any(unicodedata.category(letter) in ("Cc", "Cs") for letter in shown.replace("\n", "").replace("\t", ""))
    assert json.loads(json_text([text]).encode()) == [storable(text)]
    for one in (console.out, console.err):
        one.print(console.labeled("error:", text), soft_wrap=True)
        one.print(text, soft_wrap=True)
    said = capsys.readouterr()
    for printed in (said.out, said.err):
        assert "".join(printed.split()) == "".join(f"error:{shown}{shown}".expandtabs(1).split())


def test_the_next_command_opens_the_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (GBK, "a 'b' \\ [v2]", "\x1b[2J'\\"):
        (tmp_path / name).mkdir()
        console.say_next(("verify", tmp_path / name))
        line = capsys.readouterr().err.strip().removeprefix("next: hcmoco-bench verify ")
        assert subprocess.run(["bash", "-c", f"test -d {line}"], check=False).returncode == 0, line


def test_quiet_ends_with_its_command(tmp_path: Path) -> None:
    for words in (["--version"], ["tasks"], ["methods", "hcmoco"]):
        assert CliRunner().invoke(app, ["verify", str(tmp_path), "--quiet"]).exit_code == 1
        assert CliRunner().invoke(app, words).stdout.strip()
