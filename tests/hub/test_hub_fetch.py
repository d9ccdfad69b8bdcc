"""From the publisher's store over the Hub to the user's folder, downloading no image."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hub_fake_server import TOKEN, FakeHub, Repository

from hcmoco_bench.errors import UsageError
from hcmoco_bench.hub.fetch import fetch_publication
from hcmoco_bench.hub.publication import Publication
from hcmoco_bench.hub.publish import Published
from hcmoco_bench.hub.push import PushTarget, push

SCRIPT = """
import sys
from hcmoco_bench.errors import HubError
from hcmoco_bench.hub.fetch import fetch_publication
try:
    print(fetch_publication(sys.argv[1]))
except HubError as error:
    print("HubError:", error)
"""


def fetch(name: str, endpoint: str, home: Path) -> str:
    """Fetch in a process of its own: huggingface_hub reads the address of the Hub when it is imported."""
    environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_TOKEN": TOKEN}
    environment.pop("HF_HUB_OFFLINE", None)
    command = [sys.executable, "-c", SCRIPT, name]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.removesuffix("\n")


def test_a_folder_is_taken_as_it_is(published: Published) -> None:
    assert fetch_publication(str(published.folder)) == published.folder


def test_what_was_pushed_comes_back_without_images(hub: FakeHub, published: Published, tmp_path: Path) -> None:
    push(published.folder, PushTarget("me/people"))
    folder = Path(fetch("me/people", hub.url, tmp_path))
    assert Publication.load(folder) == published.record
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == {"publication.json"} | {
        name for name in published.record.files if name.startswith(("data/annotations/", "provenance/"))
    }
    for name in found:
        assert (folder / name).read_bytes() == (published.folder / name).read_bytes()


@pytest.mark.parametrize("name", ["nowhere", "/no/such/folder", ""])
def test_neither_folder_nor_name(name: str) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        fetch_publication(name)


def test_repositories_that_will_not_do(hub: FakeHub, tmp_path: Path) -> None:
    assert fetch("me/nothing", hub.url, tmp_path).startswith("HubError: me/nothing cannot be seen")
    hub.repositories["me/thesis"] = Repository(private=True, files={"README.md": b"", "data/x.csv": b"1"})
    assert "was not published by hcmoco-bench" in fetch("me/thesis", hub.url, tmp_path)


def test_no_network_is_one_sentence(tmp_path: Path) -> None:
    message = fetch("me/people", "http://127.0.0.1:9", tmp_path)
    assert message.startswith("HubError: the Hub cannot be reached")
    assert "\n" not in message
