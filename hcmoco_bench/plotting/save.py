"""Write a figure to a file."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from hcmoco_bench.errors import UsageError
from hcmoco_bench.files.outside_text import printable


def save_figure(figure: Figure, path: Path, *, dpi: int = 110) -> None:
    """Write a figure, making its folder; the suffix chooses the format (`.png`, `.pdf`, `.svg`, ...).

    Raises:
        UsageError: If the suffix is none that can be written.
    """
    suffix = path.suffix.lower().removeprefix(".")
    known = figure.canvas.get_supported_filetypes()
    if suffix not in known:
        raise UsageError(f"{path}: cannot write an image of this kind; use one of {', '.join(sorted(known))}")
    _show_texts_as_they_are(figure)
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


def _show_texts_as_they_are(figure: Figure) -> None:
    """Ids from outside are no formulas, and may hold what no font can show."""
    titles = (text for axes in figure.axes for text in (axes.title, *axes.texts))
    for text in (*figure.texts, *titles):
        text.set_parse_math(False)
        text.set_text(printable(text.get_text()))


_COMPRESSION = 1
"""Of PNG files: a few percent larger than by default, and written in a fraction of the time."""
