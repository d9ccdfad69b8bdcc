"""Both consoles show names from outside as they are, and the command that they name next opens the folder."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from rich.table import Table

from hcmoco_bench.cli import console
from hcmoco_bench.files.outside_text import printable

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


def test_the_next_command_opens_the_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (GBK, "a 'b' \\ [v2]", "\x1b[2J'\\"):
        (tmp_path / name).mkdir()
        console.say_next(("verify", tmp_path / name))
        line = capsys.readouterr().err.strip().removeprefix("next: hcmoco-bench verify ")
        assert subprocess.run(["bash", "-c", f"test -d {line}"], check=False).returncode == 0, line
