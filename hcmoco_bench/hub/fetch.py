"""A publication's annotations from a folder or from the Hub."""

from __future__ import annotations

import re
from pathlib import Path

from hcmoco_bench.errors import HubError, UsageError
from hcmoco_bench.hub.hub_errors import clear_errors
from hcmoco_bench.hub.publication import PUBLICATION_FILE

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


def fetch_publication(name: str) -> Path:
    """Return the folder of a publication, downloading what `join` needs if it is on the Hub.

    Downloads go to the cache of huggingface_hub and are not repeated. Images are not downloaded.

    Args:
        name: A folder, or `USER/NAME` on the Hub.

    Raises:
        UsageError: If it is neither.
        HubError: If it cannot be downloaded, or is not a publication.
    """
    if name and Path(name).is_dir():
        return Path(name)
    if _REPOSITORY.fullmatch(name) is None:
        raise UsageError(f"{name}: no such folder, and not the name of a repository on the Hub (USER/NAME)")
    from huggingface_hub import snapshot_download

    with clear_errors(name):
        folder = snapshot_download(
            name,
            repo_type="dataset",
            allow_patterns=[PUBLICATION_FILE, "data/annotations/*", "provenance/*"],
        )
    if not (Path(folder) / PUBLICATION_FILE).is_file():
        raise HubError(f"{name}: was not published by hcmoco-bench ({PUBLICATION_FILE} is missing)")
    return Path(folder)
