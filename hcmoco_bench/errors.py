"""The error types of the package. Every message names the file, the value and what to do next."""

from typing import Final

LONGEST_MESSAGE: Final = 1500
"""Characters of a message; what quotes a damaged file, or a library's error about one, may be of any length."""


class HcmocoBenchError(Exception):
    """Base of every error that this package raises on purpose."""

    def __str__(self) -> str:
        text = super().__str__()
        if len(text) <= LONGEST_MESSAGE:
            return text
        half = LONGEST_MESSAGE // 2
        return f"{text[:half]} [...] {text[-half:]}"


class UsageError(HcmocoBenchError):
    """What was asked for makes no sense or contradicts itself. Exit code 2."""


class MissingExtraError(HcmocoBenchError, ImportError):
    """Packages of an extra are not installed; the message says which extra to install.

    It is an ImportError too, because importing a room that needs an extra raises it.
    """


class DataError(HcmocoBenchError):
    """A file is missing, damaged, or not what its name promises.

    Attributes:
        kind: A short stable word in snake case, e.g. `depth_missing`; becomes the kind of a problem line.
        file: The file concerned, as the user knows it; `archive.zip!member` inside an archive; may be empty.
    """

    def __init__(self, message: str, *, kind: str = "data", file: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.file = file


class LabelError(DataError):
    """A mask or table holds a label that the part or joint table does not know."""


class CalibrationError(HcmocoBenchError):
    """A rig has too few points, or its points do not fit one camera model.

    Attributes:
        kind: `rig_too_few_points` or `rig_bad_fit`; becomes the kind of the rig's problem line.
    """

    def __init__(self, message: str, *, kind: str = "rig_bad_fit") -> None:
        super().__init__(message)
        self.kind = kind


class StoreError(HcmocoBenchError):
    """A prepared store is missing, incomplete, made with other options, or fails its checks."""


class StoreLockedError(StoreError):
    """Another process is writing this store."""


class LicenseError(HcmocoBenchError):
    """The step would hand on pixels that the user may not hand on."""


class HubError(HcmocoBenchError):
    """Talking to the Hugging Face Hub failed: no token, no network, no permission."""


class TrainingError(HcmocoBenchError):
    """A training run cannot go on: a loss that is not finite, or a run that does not fit its checkpoint."""
