"""Harmed files given to every reader: each is refused in one sentence, or read as before, and never read as another."""

from __future__ import annotations

import shutil
import warnings
from collections import Counter
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from hostile_damage import HARMS, LOST, fingerprint, harmed
from hostile_readers import READERS, NoticedError, Sources

from hcmoco_bench.errors import HcmocoBenchError


@pytest.fixture(scope="module")
def sources(generated_tree: Any, generated_itop: Path, generated_coco: Path, generated_densepose: Path) -> Sources:
    return Sources(ntu=generated_tree.root, itop=generated_itop, coco=generated_coco, densepose=generated_densepose)


@pytest.mark.parametrize("name", READERS)
def test_harmed_files(
    name: str, sources: Sources, tmp_path: Path, trials: int, tally: Counter[str], capfd: pytest.CaptureFixture[str]
) -> None:
    reader = READERS[name]
    path = reader.make(sources, tmp_path)
    good = path.read_bytes()
    expected = fingerprint(reader.read(path))
    wrong = []
    for kind in HARMS:
        for seed in range(trials):
            data = harmed(good, kind, [crc32(name.encode()), crc32(kind.encode()), seed])
            if data is None:
                continue
            path.write_bytes(data)
            tally["tried"] += 1
            outcome = _outcome(reader.read, path, expected)
            tally[outcome if outcome in ("refused", "harmless") else "read as another"] += 1
            must_notice = reader.sums or (kind in LOST and not (reader.listed and kind != "web_page"))
            if outcome.startswith("crash"):
                wrong.append(f"{kind} {seed}: {outcome}")
            elif outcome == "another" and must_notice:
                wrong.append(f"{kind} {seed}: read as another, without a word")
            elif kind in reader.whole and outcome != "harmless":
                wrong.append(f"{kind} {seed}: the file is whole, but was {outcome}")
    assert not wrong, "\n".join(wrong)
    said = capfd.readouterr()
    assert not said.out + said.err, "decoders must not write to the terminal"
    shutil.rmtree(tmp_path)


def _outcome(read: Any, path: Path, expected: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return "harmless" if fingerprint(read(path)) == expected else "another"
    except NoticedError:
        return "refused"
    except HcmocoBenchError as error:
        message = str(error)
        if path.name not in message and path.parent.name not in message:
            return f"crash: the message does not name the file: {message[:200]}"
        if "\n" in message or len(message) > 2000:
            return f"crash: not one sentence: {message[:200]}"
        return "refused"
    except Exception as error:  # noqa: BLE001 - this is what must not happen
        return f"crash: {type(error).__name__}: {str(error)[:200]}"
