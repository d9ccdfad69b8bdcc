"""One file of a finished store comes to harm: verification names it, and reading refuses it or gives the same rows."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from zlib import crc32

import pytest
from hostile_damage import HARMS, fingerprint, harmed

from hcmoco_bench.errors import HcmocoBenchError
from hcmoco_bench.store.registry import open_store
from hcmoco_bench.store.verify import verify_store


def _rows(path: Path) -> list[str]:
    store = open_store(path)
    return [fingerprint(row) for split in store.stored_splits for row in store.rows(split)]


@pytest.mark.parametrize("pattern", ["*.parquet", "manifest.json", "splits.json", "problems.jsonl"])
def test_one_harmed_file_of_a_store(
    pattern: str,
    human36m_store: Path,
    tmp_path: Path,
    trials: int,
    tally: Counter[str],
    capfd: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "store"
    shutil.copytree(human36m_store, path)
    expected = _rows(path)
    file = sorted(path.glob(pattern))[0]
    content = file.read_bytes()
    wrong = []
    for kind in HARMS:
        for seed in range(trials):
            data = harmed(content or b"\n\n", kind, [crc32(pattern.encode()), crc32(kind.encode()), seed])
            if data is None:
                continue
            file.write_bytes(data)
            tally["tried"] += 1
            passed = None
            try:
                passed = verify_store(path).passed
            except HcmocoBenchError as error:
                if file.name not in str(error) and str(path) not in str(error):
                    wrong.append(f"{kind} {seed}: the message names nothing: {error}")
            except Exception as error:  # noqa: BLE001 - this is what must not happen
                wrong.append(f"{kind} {seed}: crash: {type(error).__name__}: {error}")
            try:
                same = _rows(path) == expected
            except HcmocoBenchError:
                same = None
            except Exception as error:  # noqa: BLE001
                wrong.append(f"{kind} {seed}: crash while reading: {type(error).__name__}: {error}")
                continue
            tally["harmless" if passed else "refused"] += 1
            if passed and same is not True:
                wrong.append(f"{kind} {seed}: verified, and then {'refused' if same is None else 'read as another'}")
    assert not wrong, "\n".join(wrong)
    assert capfd.readouterr().err == ""
