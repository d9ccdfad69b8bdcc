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
    suffix = path.suffix.lower().removeprefix(".")
    known = figure.canvas.get_supported_filetypes()
    if suffix not in known:
        raise UsageError(f"{path}: cannot write an image of this kind; use one of {', '.join(sorted(known))}")
    path.parent.mkdir(parents=True, exist_ok=True)
    if suffix != "png":
        figure.savefig(path, dpi=dpi)
        return
    # Matplotlib would draw the whole figure a first time to arrange it; for pixels, arranging is enough.
    figure.dpi = dpi
    if (engine := figure.get_layout_engine()) is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")
    figure.savefig(path, dpi=dpi, pil_kwargs={"compress_level": _COMPRESSION})


_COMPRESSION = 1
"""Of PNG files: a few percent larger than by default, and written in a fraction of the time."""
