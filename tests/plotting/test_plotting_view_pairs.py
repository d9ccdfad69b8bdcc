"""The sheet of pairs of views marks the same part of the image in all its panels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image
from typer.testing import CliRunner

from hcmoco_bench.cli.app import app
from hcmoco_bench.errors import UsageError
from hcmoco_bench.plotting.view_pairs import ShownPair, ShownView, overlap_of, view_pair_sheet

SIZE = 60


def view(image: np.ndarray, box: tuple[int, int, int, int], *, flipped: bool) -> ShownView:
    left, top, width, height = box
    part = Image.fromarray(image).crop((left, top, left + width, top + height)).resize((SIZE, SIZE))
    shown = np.asarray(part)
    return ShownView(shown[:, ::-1] if flipped else shown, box, flipped)


def marked(figure: Figure, panel: int) -> list[tuple[float, ...]]:
    patches = [patch for patch in figure.axes[panel].patches if isinstance(patch, Rectangle)]
    return [(*patch.get_xy(), patch.get_width(), patch.get_height()) for patch in patches]


def test_overlaps_by_hand() -> None:
    assert overlap_of((0, 0, 10, 10), (4, 6, 10, 10)) == (4, 6, 6, 4)
    assert overlap_of((4, 6, 10, 10), (0, 0, 10, 10)) == (4, 6, 6, 4)
    assert overlap_of((0, 0, 10, 10), (2, 3, 4, 5)) == (2, 3, 4, 5)
    assert overlap_of((0, 0, 10, 10), (10, 0, 5, 5)) is None


@pytest.mark.parametrize("flipped", [False, True])
def test_the_overlap_is_the_same_in_image_and_views(flipped: bool) -> None:
    """The part that both views show is painted, and must be what is framed in each of them."""
    image = np.zeros((80, 100, 3), np.uint8)
    first, second = (10, 10, 60, 30), (40, 20, 30, 60)
    image[20:40, 40:70] = 255
    pair = ShownPair("a", image, view(image, first, flipped=flipped), view(image, second, flipped=False))
    figure = view_pair_sheet([pair])
    assert marked(figure, 0)[2] == (39.5, 19.5, 30, 20)
    for panel, shown in ((1, pair.query), (2, pair.key)):
        (left, top, width, height), *_ = marked(figure, panel)
        down, across = (np.flatnonzero(shown.image[..., 0].max(axis=axis) > 127) for axis in (1, 0))
        assert (across[0] - 0.5, across[-1] + 0.5) == (pytest.approx(left, abs=1), pytest.approx(left + width, abs=1))
        assert (down[0] - 0.5, down[-1] + 0.5) == (pytest.approx(top, abs=1), pytest.approx(top + height, abs=1))
    assert ("mirrored" in figure.axes[1].get_title()) == flipped


def test_views_without_overlap_and_no_pairs() -> None:
    image = np.zeros((80, 100, 3), np.uint8)
    apart = ShownPair(
        "a", image, view(image, (0, 0, 20, 20), flipped=False), view(image, (50, 0, 20, 20), flipped=True)
    )
    figure = view_pair_sheet([apart])
    assert len(marked(figure, 0)) == 2
    assert not marked(figure, 1)
    assert "0%, 0%" in figure.axes[0].get_title()
    with pytest.raises(ValueError, match="at least one"):
        view_pair_sheet([])


def test_the_command_draws_pairs_of_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (50, 70, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.jpg")
    sheet = tmp_path / "views.png"
    done = CliRunner().invoke(app, ["view", str(folder), "--views", "-n", "2", "--out", str(sheet)])
    assert done.exit_code == 0, done.output
    assert "pretrain --method liftedcl --pictures" in done.output.replace("\n", " ")
    with Image.open(sheet) as image:
        assert image.height > 300
    refused = CliRunner().invoke(app, ["view", str(folder), "0.jpg", "--views", "--out", str(sheet)])
    assert isinstance(refused.exception, UsageError)
