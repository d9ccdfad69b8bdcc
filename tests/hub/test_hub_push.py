"""Pushing, against a real HTTP server on the loopback interface."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from hub_fake_server import TOKEN, FakeHub, Repository

from hcmoco_bench.errors import DataError, HubError, LicenseError
from hcmoco_bench.hub.publish import Published, publish
from hcmoco_bench.hub.push import PushTarget, check_hub, push


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_push_uploads_every_file_to_a_private_repository(hub: FakeHub, published: Published) -> None:
    url = push(published.folder, PushTarget("me/people"))
    assert url == f"{hub.url}/datasets/me/people"
    repository = hub.repositories["me/people"]
    assert repository.private
    assert {name: data for name, data in repository.files.items() if name != ".gitattributes"} == _contents(
        published.folder
    )


def test_public_only_when_asked(hub: FakeHub, published: Published) -> None:
    push(published.folder, PushTarget("me/open", public=True))
    assert not hub.repositories["me/open"].private


def test_pushing_again_replaces_data_files_of_the_earlier_publication(hub: FakeHub, published: Published) -> None:
    push(published.folder, PushTarget("me/people"))
    repository = hub.repositories["me/people"]
    repository.files["data/parsing/train-00000-of-00009.parquet"] = b"old"
    repository.files["notes.md"] = b"mine"
    push(published.folder, PushTarget("me/people"))
    assert "data/parsing/train-00000-of-00009.parquet" not in repository.files
    assert repository.files["notes.md"] == b"mine"


def test_an_existing_public_repository_needs_public(hub: FakeHub, published: Published) -> None:
    hub.repositories["me/people"] = Repository(private=False, files={"README.md": b""})
    with pytest.raises(HubError, match="is public; give --public"):
        push(published.folder, PushTarget("me/people"))
    assert set(hub.repositories["me/people"].files) == {"README.md"}


def test_a_foreign_repository_is_not_touched(hub: FakeHub, published: Published) -> None:
    hub.repositories["me/people"] = Repository(private=True, files={"data/thesis.csv": b"1"})
    for step in (lambda: push(published.folder, PushTarget("me/people")), lambda: check_hub(PushTarget("me/people"))):
        with pytest.raises(HubError, match=r"data/thesis\.csv"):
            step()
    assert hub.repositories["me/people"].files == {"data/thesis.csv": b"1"}


@pytest.mark.parametrize(
    ("refused", "status", "message", "expected"),
    [
        ("POST /api/repos/create", 401, "Invalid credentials in Authorization header", "does not accept the token"),
        ("POST /api/repos/create", 403, "You don't have the rights", "may not write to me/people"),
        ("POST /api/repos/create", 402, "Payment required", "asks for a paid plan"),
        ("POST /api/repos/create", 400, "Bad name", "refused .status 400.: Bad name"),
        ("POST /api/repos/create", 500, "oops", "trouble at its side .status 500."),
        ("POST /api/datasets/me/people/preupload", 403, "no write", "may not write to me/people"),
        ("POST /api/datasets/me/people/commit", 403, "no write", "may not write to me/people"),
        ("POST /api/datasets/me/people/commit", 413, "too big", "too large .too big."),
    ],
)
def test_refusals_are_one_sentence(
    hub: FakeHub, published: Published, refused: str, status: int, message: str, expected: str
) -> None:
    hub.refusals[refused] = (status, message)
    with pytest.raises(HubError, match=expected) as caught:
        push(published.folder, PushTarget("me/people"))
    assert "\n" not in str(caught.value)


def test_a_wrong_token_is_named(hub: FakeHub, published: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(HubError, match="does not accept the token"):
        push(published.folder, PushTarget("me/people"))
    assert hub.repositories == {}


def test_a_name_that_exists_as_something_else(hub: FakeHub, published: Published) -> None:
    hub.refusals["POST /api/repos/create"] = (409, "You already created this model repo")
    with pytest.raises(HubError, match="cannot be seen as a dataset with this token"):
        push(published.folder, PushTarget("me/people"))


@pytest.mark.parametrize("name", ["people", "me/", "me/a b", "me/--x", "a/b/c", ""])
def test_wrong_names(hub: FakeHub, published: Published, name: str) -> None:
    with pytest.raises(HubError, match="is not a repository name"):
        push(published.folder, PushTarget(name))
    assert hub.repositories == {}


def test_without_token_nothing_is_asked(hub: FakeHub, published: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(HubError, match="no Hugging Face token"):
        push(published.folder, PushTarget("me/people"))
    assert hub.requests == []


def test_without_network(hub: FakeHub, published: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    with socket.socket() as unused:  # bound, so that nobody else listens there, but not listening
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(HubError, match="cannot be reached"):
            push(published.folder, PushTarget("me/people"))


def test_offline_mode_is_named(hub: FakeHub, published: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubError, match="HF_HUB_OFFLINE"):
        push(published.folder, PushTarget("me/people"))


def test_licensed_pixels_stay_here(hub: FakeHub, licensed_store: Path, tmp_path: Path) -> None:
    made = publish([licensed_store], tmp_path / "full")
    with pytest.raises(LicenseError, match="may not be redistributed"):
        push(made.folder, PushTarget("me/ntu"))
    assert hub.requests == []
    push(made.folder, PushTarget("me/ntu", holds_right=True))
    assert hub.repositories["me/ntu"].private


def test_licensed_annotations_may_be_pushed(hub: FakeHub, licensed_store: Path, tmp_path: Path) -> None:
    made = publish([licensed_store], tmp_path / "annotations", annotations_only=True, target=PushTarget("me/ntu"))
    push(made.folder, PushTarget("me/ntu"))
    assert {name for name in hub.repositories["me/ntu"].files if name.startswith("data/")} == {
        "data/annotations/parsing-00000-of-00001.parquet"
    }
    assert 'load_dataset("me/ntu"' in (made.folder / "README.md").read_text()


def test_an_interrupted_push_continues_with_the_same_command(hub: FakeHub, parsing_store: Path, tmp_path: Path) -> None:
    target = PushTarget("me/people")
    made = publish([parsing_store], tmp_path / "out", target=target)
    hub.refusals["POST /api/datasets/me/people/commit"] = (403, "no write")
    with pytest.raises(HubError):
        push(made.folder, target)
    hub.refusals.clear()
    again = publish([parsing_store], tmp_path / "out", target=target)
    assert again.nothing_to_do
    push(again.folder, target)
    assert set(hub.repositories["me/people"].files) == {"publication.json", ".gitattributes", *made.record.files}


def test_rights_and_token_are_checked_before_the_work(
    hub: FakeHub, licensed_store: Path, parsing_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LicenseError):
        publish([licensed_store], tmp_path / "a", target=PushTarget("me/ntu"))
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(HubError, match="token"):
        publish([parsing_store], tmp_path / "b", target=PushTarget("me/people"))
    assert list(tmp_path.glob("[ab]")) == []


def test_a_folder_that_is_no_publication(hub: FakeHub, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"publication\.json: is missing"):
        push(tmp_path, PushTarget("me/people"))


def test_in_a_fresh_process_with_the_documented_variables(hub: FakeHub, published: Published, tmp_path: Path) -> None:
    script = "import sys; from pathlib import Path; from hcmoco_bench.hub import push, PushTarget; "
    script += "print(push(Path(sys.argv[1]), PushTarget('me/fresh')))"
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "HF_HOME": str(tmp_path)}
    environment.pop("HF_HUB_OFFLINE", None)
    done = subprocess.run(
        [sys.executable, "-c", script, str(published.folder)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == f"{hub.url}/datasets/me/fresh"
    assert "publication.json" in hub.repositories["me/fresh"].files
