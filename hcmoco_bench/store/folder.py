"""The folder of a store that is being written: what plan it belongs to, what is finished, and starting over."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hcmoco_bench.errors import StoreError
from hcmoco_bench.files.atomic import TEMPORARY_SUFFIX, remove_temporary, write_atomic, write_error
from hcmoco_bench.files.json import dump_json
from hcmoco_bench.files.lock import LOCK_FILE
from hcmoco_bench.store.kind import StoreKind
from hcmoco_bench.store.manifest import MANIFEST_FILE
from hcmoco_bench.store.problem_file import PROBLEMS_FILE
from hcmoco_bench.store.splits import SPLITS_FILE

PLAN_FILE = ".plan.json"
"""Names the plan of an unfinished store; gone when the manifest is written."""

_SHARDS = "*-[0-9][0-9][0-9][0-9][0-9]-of-[0-9][0-9][0-9][0-9][0-9].parquet"


@dataclass(frozen=True)
class StoreFolder:
    """The folder of a store that is being written; its lock is held.

    Attributes:
        path: The folder.
        kind: Kind of the store.
        plan_sha256: Fingerprint of the plan that it is written by; the manifest's `plan_sha256`.
    """

    path: Path
    kind: StoreKind[Any]
    plan_sha256: str

    def claim(self, *, overwrite: bool) -> bool:
        """Make the folder ready: continue what has the same plan, refuse or remove what has another.

        Returns:
            Whether the store is finished, complete and of the same plan.

        Raises:
            StoreError: If something else is there and `overwrite` is not given.
        """
        remove_temporary(self.path)
        known = self._known_plan()
        if overwrite and known is not None:
            self._clear()
        elif known is None:
            self._refuse_strangers()
        elif known != self.plan_sha256:
            raise StoreError(
                f"{self.path}: holds a store made from other inputs or with other options; choose another --out, or "
                "give --overwrite to replace it"
            )
        elif self._is_whole():
            self.end()
            return True
        (self.path / MANIFEST_FILE).unlink(missing_ok=True)
        write_atomic(self.path / PLAN_FILE, dump_json({"plan_sha256": self.plan_sha256}))
        return False

    def end(self) -> None:
        """Remove what only an unfinished store needs."""
        for name in (PLAN_FILE, *self.kind.hidden):
            (self.path / name).unlink(missing_ok=True)

    def _files(self) -> tuple[str, ...]:
        """What a finished store holds beside shards and manifest."""
        return (SPLITS_FILE, PROBLEMS_FILE, *self.kind.files)

    def _manifest(self) -> Any:
        return json.loads((self.path / MANIFEST_FILE).read_bytes())

    def _known_plan(self) -> str | None:
        """The plan that the folder belongs to, "" if that cannot be told; None if it is no store at all."""
        try:
            if (self.path / MANIFEST_FILE).exists():
                return str(self._manifest()["plan_sha256"])
            return str(json.loads((self.path / PLAN_FILE).read_bytes())["plan_sha256"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def _is_whole(self) -> bool:
        """Whether the manifest is there and so is every file it names, in its size."""
        try:
            shards = self._manifest()["shards"]
            present = all((self.path / name).stat().st_size == entry["bytes"] for name, entry in shards.items())
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False
        return present and all((self.path / name).is_file() for name in self._files())

    def _refuse_strangers(self) -> None:
        strangers = [
            path.name
            for path in self.path.iterdir()
            if path.name != LOCK_FILE and not path.name.endswith(TEMPORARY_SUFFIX)
        ]
        if strangers:
            raise StoreError(
                f"{self.path}: is not empty and holds no store ({sorted(strangers)[0]}, ...); choose another --out"
            )

    def _clear(self) -> None:
        # The manifest first: without it the rest is an unfinished store and nothing else.
        names = [MANIFEST_FILE, *self._files(), *self.kind.hidden]
        shards = sorted(self.path.glob(_SHARDS))
        for path in [*(self.path / name for name in names), *shards, self.path / PLAN_FILE]:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise write_error(path, error) from error
