"""Files that users take for weights, known by their first bytes: what they are, and what to do."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Final

_CONVERT: Final = "convert it in the program that wrote it, and save the state dict with torch.save or safetensors"

_BEGINNINGS: Final = {
    b"version https://git-lfs": "a pointer of Git LFS in place of the file; fetch the content with git lfs pull",
    b"<!doctype html": "an HTML page, which the site sent in place of the file; download it again in a browser",
    b"<html": "an HTML page, which the site sent in place of the file; download it again in a browser",
    b"\x89hdf\r\n": f"an HDF5 file; {_CONVERT}",
    b"\x1f\x8b": "compressed with gzip; unpack it first",
    b"bzh": "compressed with bzip2; unpack it first",
    b"\xfd7zxz": "compressed with xz; unpack it first",
    b"7z\xbc\xaf": "a 7-Zip archive; unpack it first",
    b"rar!": "a RAR archive; unpack it first",
}
"""Beginnings of files, in small letters."""

_LONGEST: Final = max(map(len, _BEGINNINGS))


def other_format(path: Path) -> str | None:
    """What a file is if it is none of PyTorch, and what to do with it; None if nothing is known against it.

    Raises:
        OSError: If it cannot be read.
    """
    with path.open("rb") as handle:
        head = handle.read(256).lstrip(b"\xef\xbb\xbf \t\r\n")[:_LONGEST].lower()
    known = next((said for beginning, said in _BEGINNINGS.items() if head.startswith(beginning)), None)
    return known if known is not None or not zipfile.is_zipfile(path) else _other_archive(path)


def _other_archive(path: Path) -> str | None:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    inside = {name.partition("/")[2] for name in names}
    if "data.pkl" in inside or any(name.startswith("data/") for name in inside):
        # Programs have their code and constants beside the tensors.
        scripted = any(name.startswith("code/") or name == "constants.pkl" for name in inside)
        return "a TorchScript program; load it with torch.jit.load and save its state_dict()" if scripted else None
    if names and all(name.endswith(".npy") for name in names):
        return f"an archive of NumPy arrays; {_CONVERT}"
    shown = ", ".join(ascii(name)[1:-1][:40] for name in names[:2])
    return f"a zip archive of other files ({shown}{', ...' if len(names) > 2 else ''}); unpack it first"
