"""The packaged tables: what was copied, and that they and the text declare what their figures say."""

from __future__ import annotations

import pytest
from published_cases import packaged

from hcmoco_bench.leaderboard.citations import read_citations
from hcmoco_bench.leaderboard.published.checks import finding_differences
from hcmoco_bench.leaderboard.published.claims import check_claims, claim_differences, published_claims
from hcmoco_bench.leaderboard.published.strips import strips
from hcmoco_bench.store.kinds.human36m.kind import Human36mKind
from hcmoco_bench.tasks.densepose.data import NAME as DENSEPOSE

SIZES = {
    "hcmoco-table-01": (10, 80),
    "hcmoco-table-02": (8, 96),
    "hcmoco-table-03": (4, 40),
    "hcmoco-table-04": (4, 24),
    "hcmoco-table-05": (4, 24),
    "hcmoco-table-06": (3, 18),
    "hcmoco-table-07": (3, 18),
    "hcmoco-table-08": (3, 18),
    "hcmoco-table-09": (27, 27 * 36),
    "hcmoco-table-10": (36, 36 * 26),
    "hcmoco-table-11": (15, 15 * 26 - 3),  # PointNet++ has no background
    "hcmoco-table-12": (12, 12 * 26),
    "liftedcl-page": (0, 0),
}
"""Rows and figures of each printed table, counted by hand."""

READ = [
    ("hcmoco-table-01 row 1 full", "densepose", "gps_AP", "62.03", "scratch", "1.0"),
    ("hcmoco-table-01 row 10 ten", "densepose", "iou_AP", "59.93", "imagenet", "0.1"),
    ("hcmoco-table-02 row 4 twenty", "rgb_parsing", "macc", "73.44", "scratch", "0.2"),
    ("hcmoco-table-02 row 5 one", "rgb_parsing", "aacc", "98.09", "imagenet", "0.01"),
    ("hcmoco-table-03 row 3 itop_first", "itop_pose", "accuracy", "62.33", "imagenet", "0.001"),
    ("hcmoco-table-03 row 2 nturgbd", "depth_parsing", "macc", "51.54", "imagenet", "0.2"),
    ("hcmoco-table-04 row 4 twenty", "depth_parsing", "aacc", "98.53", "imagenet", "0.2"),
    ("hcmoco-table-05 row 3 half", "itop_pose", "accuracy", "71.70", "imagenet", "0.005"),
    ("hcmoco-table-06 row 2 rgb_to_depth", "cross_modality", "aacc", "86.81", "cmc", "1.0"),
    ("hcmoco-table-07 row 3 only_depth", "missing_modality", "macc", "63.66", "cmc", "1.0"),
    ("hcmoco-table-08 row 1 nturgbd", "depth_parsing", "miou", "45.36", "scratch", "0.2"),
    ("hcmoco-table-08 row 1 densepose", "densepose", "bbox_AP", "55.10", "imagenet", "0.1"),
    ("hcmoco-table-09 row 10 all", "densepose", "gpsm_AP75", "80.53", "imagenet", "1.0"),
    ("hcmoco-table-09 row 27 all", "densepose", "iou_ARl", "68.48", "imagenet", "0.1"),
    ("hcmoco-table-10 row 1 all", "rgb_parsing", "iou/right forearm", "36.99", "scratch", "1.0"),
    ("hcmoco-table-10 row 31 all", "rgb_parsing", "iou/crotch", "23.62", "imagenet", "0.01"),
    ("hcmoco-table-11 row 15 all", "depth_parsing", "iou/head", "89.51", "scratch", "0.2"),
    ("hcmoco-table-12 row 3 all", "cross_modality", "iou/left foot", "40.51", "cmc", "1.0"),
    ("hcmoco-table-12 row 12 all", "missing_modality", "miou", "43.98", "cmc", "1.0"),
]
"""Figures read by hand from the printed tables, with what the row is of."""


def test_every_figure_was_copied() -> None:
    assert {table.stem: (len(table.row), table.n_figures) for table in packaged()} == SIZES
    assert sum(n for _, n in SIZES.values()) == 2925


@pytest.mark.parametrize(("place", "task", "column", "digits", "init", "ratio"), READ)
def test_figures_read_by_hand(place: str, task: str, column: str, digits: str, init: str, ratio: str) -> None:
    (strip,) = [one for one in strips(packaged()) if f"{one.place} {one.block.name}" == place]
    assert str(strip.figures[column]) == digits
    assert (strip.run.key.task, strip.run.init, str(strip.run.ratio)) == (task, init, ratio)


def test_all_printed_figures_have_two_decimals() -> None:
    digits = {-figure.as_tuple().exponent for one in strips(packaged()) for figure in one.figures.values()}  # type: ignore[operator]
    assert digits == {2}


def test_backbones() -> None:
    others = {
        (one.place, one.block.name): one.run.backbone for one in strips(packaged()) if one.run.backbone != "hrnet_w18"
    }
    expected = {(f"hcmoco-table-08 row {number}", "densepose"): "hrnet_w32" for number in (1, 2, 3)}
    expected |= {(f"hcmoco-table-08 row {number}", "nturgbd"): "pointnet" for number in (1, 2, 3)}
    expected |= {(f"hcmoco-table-09 row {number}", "all"): "hrnet_w32" for number in (25, 26, 27)}
    expected |= {(f"hcmoco-table-11 row {number}", "all"): "pointnet" for number in (13, 14, 15)}
    assert others == expected


def test_data_is_named_as_results_name_it() -> None:
    """A table of results under another name would stand beside these rows instead of holding them."""
    names = {(one.run.key.task, one.run.key.data) for one in strips(packaged())}
    ntu = "NTURGBD-Parsing-4K"
    assert names == {
        ("densepose", DENSEPOSE),
        ("rgb_parsing", Human36mKind.title),
        ("itop_pose", "ITOP side view"),
        *((task, ntu) for task in ("depth_parsing", "cross_modality", "missing_modality")),
    }


def test_points_stand_apart() -> None:
    """Their mean leaves background out, so that they must not share a table with networks of images."""
    of_points = {one.run.key.variant for one in strips(packaged()) if one.run.backbone == "pointnet"}
    of_images = {one.run.key.variant for one in strips(packaged()) if one.run.key.task == "depth_parsing"} - of_points
    assert of_points == {"points"}
    assert of_images == {""}


def test_the_little_data_of_depth_is_another_split() -> None:
    splits = {
        (one.run.key.split, str(one.run.ratio)) for one in strips(packaged()) if one.run.key.task == "depth_parsing"
    }
    assert splits == {("test", "1.0"), ("v3_test", "0.2")}


def test_differences_are_no_scores() -> None:
    (page,) = [table for table in packaged() if table.gain]
    assert [(gain.figure, str(gain.value), gain.unit) for gain in page.gain] == [
        ("mAP", "0.4", "%"),
        ("MPJPE", "1.8", "mm"),
    ]
    assert strips([page]) == ()


def test_every_oddity_is_declared_and_every_declared_one_is_there() -> None:
    assert finding_differences(packaged()) == []


def test_claims_of_the_text_have_the_verdicts_that_figures_give() -> None:
    for file in published_claims():
        assert list(claim_differences(check_claims(file.claim, packaged()))) == []


def test_every_publication_can_be_cited() -> None:
    citations = read_citations()
    assert {table.paper for table in packaged()} | {file.paper for file in published_claims()} <= set(citations)
    assert all(entry.count("{") == entry.count("}") for entry in citations.values())
