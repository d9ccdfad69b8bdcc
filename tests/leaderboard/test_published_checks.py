"""What the checks of printed figures find: each kind in a table that was made to have it."""

from __future__ import annotations

import random
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import pytest
from published_cases import packaged, small

from hcmoco_bench.errors import DataError
from hcmoco_bench.leaderboard.published.checks import finding_differences, published_findings
from hcmoco_bench.leaderboard.published.claims import Claim, check_claims, claim_differences
from hcmoco_bench.leaderboard.published.schema import PublishedTable

A = "values = [60.12, 85.40, 61.30, 40.10, 70.00, 41.00]"
B = 'values = [62.00, 86.00, "-", 44.50, 74.10, 45.90]'


def kinds(tables: Iterable[PublishedTable]) -> set[tuple[str, str, tuple[str, ...], str]]:
    return {(one.kind, one.place, one.figures, one.against) for one in published_findings(tables)}


def test_nothing_is_odd(tmp_path: Path) -> None:
    assert kinds([small(tmp_path)]) == set()


@pytest.mark.parametrize(
    ("values", "kind", "figures", "against"),
    [
        ("[60.12, 85.40, 161.30, 40.10, 70.00, 41.00]", "range", ("full:gps_AP",), ""),
        ("[85.41, 85.40, 61.30, 40.10, 70.00, 41.00]", "order", ("full:bbox_AP", "full:bbox_AP50"), ""),
        ("[60.12, 85.40, 40.99, 40.10, 70.00, 41.00]", "falls", ("full:gps_AP", "ten:gps_AP"), ""),
        ("[60.12, 85.40, 61.30, 44.50, 74.10, 45.90]", "repeats", ("ten:*",), "row 1"),
    ],
)
def test_within_a_table(tmp_path: Path, values: str, kind: str, figures: tuple[str, ...], against: str) -> None:
    found = kinds([small(tmp_path, (A, f"values = {values}"))])
    row = 2 if against else 1
    where = f"doe2026-table-1 {against}" if against else ""
    assert found == {(kind, f"doe2026-table-1 row {row}", figures, where)}


@pytest.mark.parametrize(
    ("values", "kind", "figures"),
    [
        ("[60.13, 85.40, 61.30, 40.10, 70.00, 41.00]", "rounding", ("full:bbox_AP",)),
        ("[60.14, 85.40, 61.30, 40.10, 70.00, 41.00]", "differs", ("full:bbox_AP",)),
        ("[60.2, 85.4, 61.3, 40.1, 70.0, 41.0]", "rounding", ("full:bbox_AP",)),
        ("[60.3, 85.4, 61.3, 40.1, 70.0, 41.0]", "differs", ("full:bbox_AP",)),
    ],
)
def test_one_run_in_two_tables(tmp_path: Path, values: str, kind: str, figures: tuple[str, ...]) -> None:
    tables = [small(tmp_path), small(tmp_path, (A, f"values = {values}"), name="doe2026-table-2")]
    assert kinds(tables) == {(kind, "doe2026-table-2 row 1", figures, "doe2026-table-1 row 1")}


def test_two_figures_of_different_runs(tmp_path: Path) -> None:
    table = small(tmp_path, (A, "values = [62.00, 86.00, 61.30, 40.10, 70.00, 41.00]"), ('"-"', "61.99"))
    same = ("full:bbox_AP", "full:bbox_AP50")
    assert kinds([table]) == {("coincides", "doe2026-table-1 row 2", same, "doe2026-table-1 row 1")}


def test_fewer_decimals_are_no_disagreement(tmp_path: Path) -> None:
    rounded = (A, "values = [60.1, 85.4, 61.3, 40.1, 70.0, 41.0]")
    assert kinds([small(tmp_path), small(tmp_path, rounded, name="doe2026-table-2")]) == set()


def test_exchanged_shares(tmp_path: Path) -> None:
    exchange = (("ratio = 1.0", "ratio = 0.5"), ("ratio = 0.1", "ratio = 1.0"), ("ratio = 0.5", "ratio = 0.1"))
    found = kinds([small(tmp_path), small(tmp_path, *exchange, name="doe2026-table-2")])
    figures = tuple(f"{block}:{name}" for block in ("full", "ten") for name in ("bbox_AP", "bbox_AP50", "gps_AP"))
    assert ("exchanged", "doe2026-table-1 row 1", figures, "doe2026-table-2 row 1") in found
    assert "differs" not in {kind for kind, *_ in found}


def test_a_step_that_changes_nothing(tmp_path: Path) -> None:
    steps = (
        ('name = "Model A"', 'name = "Model A"\nablation = 1'),
        ('name = "Model B"', 'name = "Model B"\nablation = 2'),
    )
    table = small(tmp_path, *steps, (B, 'values = [60.12, 86.00, "-", 44.50, 74.10, 45.90]'))
    assert kinds([table]) == {("coincides", "doe2026-table-1 row 2", ("full:bbox_AP",), "doe2026-table-1 row 1")}


def test_shares_of_a_whole_number(tmp_path: Path) -> None:
    counted = ("ratio = 1.0\n", "ratio = 1.0\ncounted = { AP50 = 500 }\n")
    assert kinds([small(tmp_path, counted)]) == set()  # 427 and 430 of 500
    odd = small(tmp_path, counted, ("85.40", "85.30"))
    assert kinds([odd]) == {("count", "doe2026-table-1 row 1", ("full:bbox_AP50",), "")}


def test_any_wrong_digit_of_a_class_moves_the_mean() -> None:
    """A figure that is off by half a point in the tables of classes cannot hide from their means."""
    rng = random.Random(0)
    tables = [table for table in packaged() if table.stem in ("hcmoco-table-10", "hcmoco-table-11", "hcmoco-table-12")]
    for _ in range(40):
        table = rng.choice(tables)
        number = rng.randrange(len(table.row))
        row = table.row[number]
        places = [place for place, value in enumerate(row.values) if value is not None]
        values = list(row.values)
        place = rng.choice(places)
        values[place] = (values[place] or Decimal(0)) + Decimal("0.51")
        alone = table.model_copy(update={"row": (row.model_copy(update={"values": tuple(values)}),)})
        assert "mean" in {kind for kind, *_ in kinds([alone])}, f"{table.stem} row {number + 1}"


def test_findings_have_to_be_declared(tmp_path: Path) -> None:
    (message,) = finding_differences([small(tmp_path, ("61.30", "40.99"))])
    assert "declare a [[row.finding]] of kind 'falls'" in message
    note = 'figures = ["ten:gps_AP", "full:gps_AP"]\nnote = "More data, fewer points."'
    declared = (A, f'{A}\n[[row.finding]]\nkind = "falls"\n{note}')
    assert finding_differences([small(tmp_path, declared, ("61.30", "40.99"))]) == []
    (message,) = finding_differences([small(tmp_path, declared)])
    assert "is not found in the figures" in message


def claim(**given: object) -> Claim:
    return Claim.model_validate({"place": "Section 1", "says": "It is better.", "verdict": "holds", **given})


def reference(row: int, column: str) -> str:
    return f"doe2026-table-1 row {row} ten:{column}"


@pytest.mark.parametrize(
    ("stated", "verdict"),
    [("4.40", "holds"), ("4.4", "holds"), ("4", "holds"), ("4.3", "contradicted"), ("5", "contradicted")],
)
def test_stated_differences(tmp_path: Path, stated: str, verdict: str) -> None:
    pair = {"more": reference(2, "bbox_AP"), "less": reference(1, "bbox_AP"), "stated": stated}
    (checked,) = check_claims([claim(difference=[pair])], [small(tmp_path)])
    assert checked.computed == verdict
    assert len(list(claim_differences([checked]))) == (verdict != "holds")


def test_a_difference_that_is_cut_instead_of_rounded(tmp_path: Path) -> None:
    pair = {"more": reference(2, "bbox_AP"), "less": reference(1, "bbox_AP"), "stated": "4.4"}
    (checked,) = check_claims([claim(difference=[pair])], [small(tmp_path, ("44.50", "44.55"))])
    assert checked.computed == "rounding"  # 4.45


@pytest.mark.parametrize(("share", "verdict"), [("all", "contradicted"), ("most", "holds")])
def test_comparisons(tmp_path: Path, share: str, verdict: str) -> None:
    table = small(tmp_path, ("45.90", "41.00"))  # as high is not higher
    better = {"ours": reference(2, "*"), "others": [reference(1, "*")]}
    (checked,) = check_claims([claim(comparison=[better], share=share)], [table])
    assert checked.computed == verdict
    assert checked.details[0].endswith("2 of 3")


def test_a_claim_of_a_figure_that_nobody_prints(tmp_path: Path) -> None:
    pair = {"more": reference(3, "bbox_AP"), "less": reference(1, "bbox_AP"), "stated": "1"}
    with pytest.raises(DataError, match="row 3 ten:bbox_AP, which no table has"):
        check_claims([claim(difference=[pair])], [small(tmp_path)])
