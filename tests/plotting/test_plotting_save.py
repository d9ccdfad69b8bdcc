"""Figures are written under any folder, and an unknown suffix is refused before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image

from hcmoco_bench.errors import UsageError
from hcmoco_bench.plotting.save import save_figure


def test_the_folder_is_made_and_the_image_has_the_asked_size(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "image.PNG"
    save_figure(Figure(figsize=(2, 1)), path, dpi=50)
    assert Image.open(path).size == (100, 50)


def test_an_unknown_suffix_is_a_usage_error(tmp_path: Path) -> None:
    for name in ("image.xyz", "image"):
        with pytest.raises(UsageError, match="cannot write an image"):
            save_figure(Figure(), tmp_path / "folder" / name)
    assert not (tmp_path / "folder").exists()
