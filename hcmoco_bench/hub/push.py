"""Upload a published folder to the Hugging Face Hub: private by default, resumable, pixels only by right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hcmoco_bench.errors import HubError, LicenceError
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
        LicenceError: If they do not.
    """
    if pixels and not generated and not holds_right:
        raise LicenceError(
            "this would upload images of NTU RGB+D, which may not be redistributed, to the Hub (private or not); push "
            "--annotations-only instead, or, if the ROSE Lab gave you the right, say so with "
            "--i-hold-the-right-to-share-pixels"
        )


def push(folder: Path, target: PushTarget) -> str:
    """Upload a published folder as a dataset repository; an interrupted upload continues when it is run again.

    A new repository is private unless `target.public`. An existing one must be private too (unless `target.public`) and
    hold nothing but an earlier publication, whose data files are replaced.

    Args:
        folder: What `publish` wrote.
        target: Where to.

    Returns:
        The repository's address.

    Raises:
        LicenceError: If it holds pixels of a licensed source and the user does not vouch for the right to share them.
        DataError: If the folder is not a publication.
        HubError: If the Hub cannot be reached or refuses; one sentence that says what to do.
    """
    record = Publication.load(folder)
    check_right(pixels=record.pixels, generated=record.generated, holds_right=target.holds_right)
    api = _api()
    with _clear_errors(target.repo_id):
        _check_name(target.repo_id)
        url = api.create_repo(target.repo_id, repo_type="dataset", private=not target.public, exist_ok=True)
        _check_existing(api, target)
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
    api = _api()
    with _clear_errors(target.repo_id):
        _check_name(target.repo_id)
        api.whoami()
        if api.repo_exists(target.repo_id, repo_type="dataset"):
            _check_existing(api, target)


def _api() -> HfApi:
    from huggingface_hub import HfApi, get_token

    if get_token() is None:
        raise HubError(
            "no Hugging Face token on this machine; run `hf auth login` with a token that may write, or set HF_TOKEN"
        )
    return HfApi(library_name="hcmoco-bench")


def _check_name(repo_id: str) -> None:
    if repo_id.count("/") != 1 or not all(repo_id.split("/")):
        raise HubError(f"{repo_id!r} is not a repository name; it has the form USER/NAME")


def _check_existing(api: HfApi, target: PushTarget) -> None:
    info = api.dataset_info(target.repo_id)
    if not info.private and not target.public:
        raise HubError(f"{target.repo_id} exists and is public; give --public if that is meant, or choose another name")
    held = {sibling.rfilename for sibling in info.siblings or ()} - _UNTOUCHED
    if held and PUBLICATION_FILE not in held:
        raise HubError(
            f"{target.repo_id} exists and holds something that publish did not write ({min(held)}, ...); choose "
            "another name"
        )


@contextmanager
def _clear_errors(repo_id: str) -> Iterator[None]:
    """Turn what huggingface_hub raises into one sentence."""
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalTokenNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )
    from huggingface_hub.errors import HTTPError as AnyHttpError  # type: ignore[attr-defined]  # its HTTP library's

    try:
        yield
    except HFValidationError as error:
        raise HubError(f"{repo_id!r} is not a repository name: {_one_line(error)}") from error
    except LocalTokenNotFoundError as error:
        raise HubError("no Hugging Face token on this machine; run `hf auth login`, or set HF_TOKEN") from error
    except OfflineModeIsEnabled as error:
        raise HubError("HF_HUB_OFFLINE is set, so nothing can be pushed; unset it and push again") from error
    except RepositoryNotFoundError as error:
        if error.response.status_code == 401:
            raise HubError(_STATUS[401].format(repo=repo_id)) from error
        raise HubError(
            f"{repo_id} cannot be seen as a dataset with this token: the name belongs to something else, or the token "
            "lacks the permission; choose another name or another token"
        ) from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        sentence = _STATUS.get(status, _SERVER if status >= 500 else _OTHER)
        raise HubError(
            sentence.format(repo=repo_id, status=status, message=error.server_message or _one_line(error))
        ) from error
    except (AnyHttpError, ConnectionError, TimeoutError) as error:
        raise HubError(
            f"the Hub cannot be reached ({_one_line(error)}); check the network, then run the same command again"
        ) from error
    except (OSError, RuntimeError, ValueError) as error:
        raise HubError(
            f"the upload to {repo_id} broke off ({_one_line(error)}); run the same command again, it continues"
        ) from error


_STATUS = {
    401: "the Hub does not accept the token; make one that may write at https://huggingface.co/settings/tokens "
    "and run `hf auth login`",
    402: "the Hub asks for a paid plan to store this in {repo}; choose another account, or --annotations-only",
    403: "the token may not write to {repo}; use one with write permission for that user or organisation",
    404: "the Hub has no {repo} that this token can see; check the name and the token's permissions",
    409: "{repo} is being changed by somebody else ({message}); push again",
    413: "the Hub finds the upload to {repo} too large ({message}); push --annotations-only, or ask the Hub for room",
    429: "the Hub asks for patience (too many requests); run the same command again in some minutes, it continues",
}
_SERVER = "the Hub has trouble at its side (status {status}); run the same command again later, it continues"
_OTHER = "the Hub refused (status {status}): {message}"


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:200]}..."
