"""What goes wrong with the Hub, each as one clear sentence that says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hcmoco_bench.errors import HubError


@contextmanager
def clear_errors(repo_id: str, *, kind: str = "dataset") -> Iterator[None]:
    """Turn what huggingface_hub raises into one sentence; `kind` is `dataset` or `model`."""
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
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
        raise HubError(
            "HF_HUB_OFFLINE is set, so the Hub cannot be asked; unset it and run the same command again"
        ) from error
    except RepositoryNotFoundError as error:
        if error.response.status_code == 401:
            raise HubError(_STATUS[401].format(repo=repo_id)) from error
        raise HubError(
            f"{repo_id} cannot be seen as a {kind} with this token: the name belongs to something else, or the token "
            "lacks the permission; choose another name or another token"
        ) from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        sentence = _STATUS.get(status, _SERVER if status >= 500 else _OTHER)
        raise HubError(
            sentence.format(
                repo=repo_id,
                status=status,
                message=error.server_message or _one_line(error),
                instead=", or --annotations-only" if kind == "dataset" else "",
            )
        ) from error
    except LocalEntryNotFoundError as error:
        raise HubError(
            f"the Hub cannot be reached, and {repo_id} was not downloaded before; check the network (and that "
            "HF_HUB_OFFLINE is not set), then run the same command again"
        ) from error
    except (AnyHttpError, ConnectionError, TimeoutError) as error:
        raise HubError(
            f"the Hub cannot be reached ({_one_line(error)}); check the network, then run the same command again"
        ) from error
    except (OSError, RuntimeError, ValueError) as error:
        raise HubError(
            f"the transfer of {repo_id} broke off ({_one_line(error)}); run the same command again, it continues"
        ) from error


_STATUS = {
    401: "the Hub does not accept the token; make one that may write at https://huggingface.co/settings/tokens "
    "and run `hf auth login`",
    402: "the Hub asks for a paid plan to store this in {repo}; choose another account{instead}",
    403: "the token may not write to {repo}; use one with write permission for that user or organisation",
    404: "the Hub has no {repo} that this token can see; check the name and the token's permissions",
    409: "{repo} is being changed by somebody else ({message}); push again",
    413: "the Hub finds the upload to {repo} too large ({message}); ask the Hub for room{instead}",
    429: "the Hub asks for patience (too many requests); run the same command again in some minutes, it continues",
}
_SERVER = "the Hub has trouble at its side (status {status}); run the same command again later, it continues"
_OTHER = "the Hub refused (status {status}): {message}"


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:200]}..."
