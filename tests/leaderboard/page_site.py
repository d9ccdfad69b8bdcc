"""The small site of the browser tests: every metric, several seeds, papers, an ablation, hostile texts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from page_rows import board, checked_row, densepose, joints, keypoints, paper_row, pose, segmentation

from hcmoco_bench.body import part_table
from hcmoco_bench.leaderboard.board import Leaderboard
from hcmoco_bench.leaderboard.level import Level
from hcmoco_bench.leaderboard.page import Site, write_site
from hcmoco_bench.leaderboard.row import BoardKey, Row, Source
from hcmoco_bench.results import Evidence

PLAIN_HOST = "leaderboard.test"
"""A host that browsers do not trust as they trust 127.0.0.1: what only secure pages have is missing there."""

HOSTILE = "</script><img src=x onerror=alert(1)>\"'><svg onload=alert(2)>{{7*7}}\u202e&amp;\\input{x}%_$#^~\x00\x1b[0m"
BIBTEX = "@inproceedings{hong2022versatile,\n  title = {Versatile Multi-Modal Pre-Training},\n  year = {2022}\n}"

PARSING = BoardKey("depth_parsing", "native", "", "NTURGBD-Parsing-4K", "test")
SHORT = replace(PARSING, split="v3_test")
DENSEPOSE = BoardKey("densepose", "published", "", "DensePose-COCO", "minival")
ITOP = BoardKey("itop_pose", "native", "", "ITOP side", "test")
OTHERS = BoardKey("other", "native", "", "People", "test")
BAD = BoardKey(HOSTILE, HOSTILE, HOSTILE, HOSTILE, "bad")


@dataclass(frozen=True)
class SmallSite:
    """The site, the tables in it, and its rows with evidence by id."""

    site: Site
    folder: Path
    leaderboard: Leaderboard
    rows: dict[str, Row]


def write_small_site(root: Path) -> SmallSite:
    leaderboard = small_leaderboard(root / "evidence")
    site = write_site(leaderboard, root / "out")
    rows = {row.id: row for one in leaderboard.boards for row in one.rows if row.ranked}
    return SmallSite(site, root / "out", leaderboard, rows)


def small_leaderboard(folder: Path) -> Leaderboard:
    tables = (
        board(PARSING, "Human parsing of depth", _parsing(folder)),
        board(SHORT, "Human parsing of depth, short test", _ablation()),
        board(
            DENSEPOSE,
            "DensePose",
            [
                checked_row(folder, "dense", DENSEPOSE, [densepose(3), densepose(5)], name="HCMoCo"),
                paper_row("dense-paper", DENSEPOSE, {"gps_AP": 62.1, "gps_AP50": 90.1}, "gps_AP", ratio=0.1),
            ],
        ),
        board(ITOP, "3-D pose", [checked_row(folder, "joints", ITOP, [joints(1), joints(2)])]),
        board(OTHERS, "Other metrics", [checked_row(folder, "keypoints", OTHERS, [keypoints(1)])]),
        board(replace(OTHERS, split="mm"), "Errors", [checked_row(folder, "pose", OTHERS, [pose(1), pose(2)])]),
        board(replace(OTHERS, split="foreign"), "Foreign", [checked_row(folder, "foreign", OTHERS, [_foreign()])]),
        board(BAD, HOSTILE, _hostile(folder)),
    )
    return Leaderboard(tables, {"hong2022versatile": BIBTEX, HOSTILE: HOSTILE}, (HOSTILE,))


def _parsing(folder: Path) -> list[Row]:
    skip, parts, ignored = (
        segmentation(21, skill=0.5, absent="skip"),
        segmentation(22, skill=0.45, background=False),
        segmentation(23, skill=0.4, ignore_index=0, absent="skip"),
    )
    classes = {name: {"iou": float(place)} for place, name in enumerate(part_table().names)}
    return [
        checked_row(
            folder,
            "seeds",
            PARSING,
            [segmentation(seed) for seed in (1, 2, 3)],
            name="HCMoCo",
            level=Level.PREDICTIONS,
            party="third",
            notes=("The interval draws whole performers.",),
        ),
        checked_row(folder, "skip", PARSING, [skip], name="CMC", method="cmc", ratio=0.5),
        checked_row(folder, "parts", PARSING, [parts], name="Scratch", method="scratch", init="", level=Level.EVIDENCE),
        checked_row(folder, "ignored", PARSING, [ignored], name="=1+1", method="mmv", ratio=0.1),
        paper_row("paper-cmc", PARSING, {"miou": 50.1, "macc": 61.0}, name="CMC*", method="cmc", per_class=classes),
        paper_row("paper-hcmoco", PARSING, {"miou": 56.27, "macc": 67.0}, name="Ours & theirs_100%", per_class=classes),
    ]


def _ablation() -> list[Row]:
    return [
        paper_row(f"step-{step}", SHORT, {"miou": score}, name=f"Step {step}", ratio=0.2, ablation=step)
        for step, score in enumerate((28.56, 31.26, 32.2, 35.01), 1)
    ] + [paper_row("whole", SHORT, {"miou": 35.01}, name="HCMoCo", ratio=0.2)]


def _foreign() -> Evidence:
    return Evidence("foreign", ("a", "b"), {"value": np.array([1.0, 2.0])})


def _hostile(folder: Path) -> list[Row]:
    evidence = segmentation(31)
    names = [HOSTILE if name == "head" else name for name in evidence.meta["class_names"]]
    evidence = Evidence(evidence.metric, evidence.sample_ids, evidence.columns, evidence.meta | {"class_names": names})
    texts = dict.fromkeys(("name", "method", "backbone", "init", "pretrain_data", "by"), HOSTILE)
    sources = (
        Source(HOSTILE, HOSTILE, "javascript:alert(3)"),
        Source(HOSTILE, "", 'https://x.test/"onclick="alert(4)'),
    )
    given = checked_row(folder, "bad", BAD, [evidence], **texts, notes=(HOSTILE,), sources=sources)
    assert given.result is not None
    run = given.result.run.model_copy(update={"command": HOSTILE, "device": HOSTILE, "versions": {HOSTILE: HOSTILE}})
    given = replace(given, scores={**given.scores, HOSTILE: 1.0}, result=given.result.model_copy(update={"run": run}))
    paper = paper_row("bad-paper", BAD, {"miou": 1.0}, **texts, notes=(HOSTILE,), sources=sources, ablation=1)
    return [given, replace(paper, party=None, per_class={HOSTILE: {HOSTILE: 1.0}})]
