"""Figures are written under any folder, and an unknown suffix is refused before anything is made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from hcmoco_bench.errors import UsageError
from hcmoco_bench.plotting.save import save_figure


def test_the_folder_is_made_and_the_image_has_the_asked_size(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "image.PNG"
    save_figure(Figure(figsize=(2, 1)), path, dpi=50)
    assert Image.open(path).size == (100, 50)


def test_arranged_once_the_pixels_are_matplotlibs(tmp_path: Path) -> None:
    def figure() -> Figure:
        made = Figure(figsize=(6, 3), layout="constrained")
        left, right = made.subplots(1, 2)
        made.colorbar(left.imshow(np.arange(12).reshape(3, 4)), ax=left, label="value")
        right.plot([1, 100, 1000], label="a long label")
        right.set_ylabel("label")
        right.legend()
        right.twinx().semilogy([1, 10, 100])
        return made

    save_figure(figure(), tmp_path / "ours.png", dpi=110)
    figure().savefig(tmp_path / "plain.png", dpi=110)
    ours, plain = (np.asarray(Image.open(tmp_path / f"{name}.png")) for name in ("ours", "plain"))
    np.testing.assert_array_equal(ours, plain)


def test_an_unknown_suffix_is_a_usage_error(tmp_path: Path) -> None:
    for name in ("image.xyz", "image"):
        with pytest.raises(UsageError, match="cannot write an image"):
            save_figure(Figure(), tmp_path / "folder" / name)
    assert not (tmp_path / "folder").exists()
