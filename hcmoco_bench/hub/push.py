"""Upload a published folder to the Hugging Face Hub: private by default, resumable, pixels only by right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hcmoco_bench.errors import HubError, LicenseError
from hcmoco_bench.hub.hub_errors import clear_errors
from hcmoco_bench.hub.publication import PUBLICATION_FILE, Publication

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_UNTOUCHED = {".gitattributes", "README.md"}  # what the Hub itself puts into a new repository


@dataclass(frozen=True)
class PushTarget:
    """Where to push, and what the user vouches for.

    Attributes:
        repo_id: `USER/NAME` or `ORGANISATION/NAME`.
        public: Make a new repository public, and allow pushing to a public one.
        holds_right: The user says that they hold the right to hand on the pixels of a licensed source.
    """

    repo_id: str
    public: bool = False
    holds_right: bool = False


def check_right(*, pixels: bool, generated: bool, holds_right: bool) -> None:
    """Refuse to hand on pixels of a licensed source unless the user says that they hold the right.

    Raises:
        LicenseError: If they do not.
    """
    if pixels and not generated and not holds_right:
        raise LicenseError(
            "this would upload images of NTU RGB+D, which may not be redistributed, to the Hub (private or not); push "
            "--annotations-only instead, or, if the ROSE Lab gave you the right, say so with "
            "--i-hold-the-right-to-share-pixels"
        )


def push(folder: Path, target: PushTarget, *, quiet: bool = False) -> str:
    """Upload a published folder as a dataset repository; an interrupted upload continues when it is run again.

    A new repository is private unless `target.public`. An existing one must be private too (unless `target.public`) and
    hold nothing but an earlier publication, whose data files are replaced.

    Args:
        folder: What `publish` wrote.
        target: Where to.
        quiet: Show no progress bars (they are huggingface_hub's own, on standard error).

    Returns:
        The repository's address.

    Raises:
        LicenseError: If it holds pixels of a licensed source and the user does not vouch for the right to share them.
        DataError: If the folder is not a publication.
        HubError: If the Hub cannot be reached or refuses; one sentence that says what to do.
    """
    record = Publication.load(folder)
    check_right(pixels=record.pixels, generated=record.generated, holds_right=target.holds_right)
    api = hub_api()
    with clear_errors(target.repo_id), progress_bars(shown=not quiet):
        check_name(target.repo_id)
        url = api.create_repo(target.repo_id, repo_type="dataset", private=not target.public, exist_ok=True)
        check_existing(api, target, marker=PUBLICATION_FILE)
        # `upload_folder` commits in batches and skips what is there already: run again, it continues.
        api.upload_folder(
            repo_id=target.repo_id,
            repo_type="dataset",
            folder_path=folder,
            allow_patterns=[PUBLICATION_FILE, *record.files],
            delete_patterns=["data/*", "provenance/*"],
            commit_message=f"Publish with hcmoco-bench {record.tool.version}",
        )
    return str(url)


def check_hub(target: PushTarget) -> None:
    """Check, before anything long is done, the name, the token, and what an existing repository of that name is.

    Raises:
        HubError: If `push` would fail.
    """
    api = hub_api()
    with clear_errors(target.repo_id):
        check_name(target.repo_id)
        api.whoami()
        if api.repo_exists(target.repo_id, repo_type="dataset"):
            check_existing(api, target, marker=PUBLICATION_FILE)


@contextmanager
def progress_bars(*, shown: bool) -> Iterator[None]:
    """Show huggingface_hub's own progress bars, or not."""
    from huggingface_hub import utils

    if shown or utils.are_progress_bars_disabled():  # type: ignore[attr-defined]  # documented, yet not exported
        yield
        return
    utils.disable_progress_bars()  # type: ignore[attr-defined]
    try:
        yield
    finally:
        utils.enable_progress_bars()  # type: ignore[attr-defined]


def hub_api() -> HfApi:
    """The Hub with this machine's token; raises HubError if there is none."""
    from huggingface_hub import HfApi, get_token

    if get_token() is None:
        raise HubError(
            "no Hugging Face token on this machine; run `hf auth login` with a token that may write, or set HF_TOKEN"
        )
    return HfApi(library_name="hcmoco-bench")


def check_name(repo_id: str) -> None:
    """Raise HubError unless this has the form of a repository's name."""
    if repo_id.count("/") != 1 or not all(repo_id.split("/")):
        raise HubError(f"{repo_id!r} is not a repository name; it has the form USER/NAME")


def check_existing(
    api: HfApi, target: PushTarget, *, marker: str, kind: Literal["dataset", "model"] = "dataset"
) -> None:
    """Raise HubError if an existing repository is public against the wish, or holds what was not written by us.

    Args:
        api: The Hub.
        target: The repository, which exists.
        marker: A file that all of our uploads of this kind hold.
        kind: Of the repository.
    """
    info = api.dataset_info(target.repo_id) if kind == "dataset" else api.model_info(target.repo_id)
    if not info.private and not target.public:
        raise HubError(f"{target.repo_id} exists and is public; give --public if that is meant, or choose another name")
    held = {sibling.rfilename for sibling in info.siblings or ()} - _UNTOUCHED
    if held and marker not in held:
        writer = "publish" if kind == "dataset" else "export"
        raise HubError(
            f"{target.repo_id} exists and holds something that {writer} did not write ({min(held)}, ...); choose "
            "another name"
        )
