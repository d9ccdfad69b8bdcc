"""Write a figure to a file."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from hcmoco_bench.errors import UsageError


def save_figure(figure: Figure, path: Path, *, dpi: int = 110) -> None:
    """Write a figure, making its folder; the suffix chooses the format (`.png`, `.pdf`, `.svg`, ...).

    Raises:
        UsageError: If the suffix is none that can be written.
    """
    known = figure.canvas.get_supported_filetypes()
    if path.suffix.lower().removeprefix(".") not in known:
        raise UsageError(f"{path}: cannot write an image of this kind; use one of {', '.join(sorted(known))}")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=dpi)
