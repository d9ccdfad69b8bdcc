"""Small leaderboards for the tests of exports: a row of a paper, a checked row, and one whose texts are hostile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from hcmoco_bench.leaderboard.board import Board, Leaderboard
from hcmoco_bench.leaderboard.level import Level
from hcmoco_bench.leaderboard.row import BoardKey, EvidenceFile, Row, Source
from hcmoco_bench.results.schema import Result

MEAN = 34.44473324613194
CI95 = (30.14103905036573, 39.41379503346413)
SPLIT = "5" * 64
BIBTEX = "@inproceedings{hong2022versatile,\n  title = {Versatile}\n}"
HOSTILE = '</script><img src=x onerror="alert(1)"> \u202e\x1b[31m | `x` [a](javascript:alert(1)) *b*\n---\n# "\':{}%'

KEY = BoardKey("depth_parsing", "native", "", "NTURGBD-Parsing-4K", "test")


def result_content(**changes: Any) -> dict[str, Any]:
    """A result file's content; `changes` replace whole entries."""
    return {
        "schema": 1,
        "task": {"id": "depth_parsing", "version": "1", "protocol": "native", "split": "test", "split_sha256": SPLIT},
        "model": {
            "name": "after",
            "backbone": "hrnet_w18",
            "weights_sha256": "a" * 64,
            "pretrain": {"method": "hcmoco", "data": "ntu60", "init": "imagenet"},
            "training": {"split": "train_20", "ratio": 0.2},
        },
        "data": {"name": KEY.data, "manifest_sha256": "b" * 64, "n_expected": 150, "n_scored": 132},
        "run": {
            "tool": "hcmoco-bench 0.1.0",
            "seeds": [0, 1],
            "versions": {"torch": "2.14.1"},
            "device": "cpu",
            "precision": "fp32",
        },
        "scores": {
            "main": "miou",
            "unit": "%",
            "mean": MEAN,
            "std": 0.1 + 0.2,
            "ci95": list(CI95),
            "ci95_draws": 1000,
            "all": {"miou": MEAN, "macc": 48.73869480851362, "nothing": None},
        },
        "evidence": [{"file": "e0.npz", "sha256": "c" * 64}, {"file": "e1.npz", "sha256": "d" * 64}],
        "status": {"tier": "self-reported"},
        **changes,
    }


def rows() -> tuple[Row, Row, Row]:
    """A checked row, a row of a paper, and a checked row with hostile texts."""
    result = Result.model_validate(result_content())
    checked = Row(
        id="after-1",
        key=KEY,
        name="after",
        method="hcmoco",
        backbone="hrnet_w18",
        init="imagenet",
        pretrain_data="ntu60",
        ratio=0.2,
        ablation=None,
        level=Level.LABELS,
        party="third",
        by="Somebody Else",
        scores=result.scores.all,
        main="miou",
        unit="%",
        higher_is_better=True,
        std=result.scores.std,
        ci95=CI95,
        per_class={"head": {"iou": 1 / 3, "accuracy": None}},
        seeds=2,
        notes=("The epoch was chosen on validation data.",),
        sources=(Source("result of 2026-11-02", url="https://example.org/run"),),
        result=result,
        evidence=tuple(EvidenceFile(Path(one.file), one.sha256) for one in result.evidence),
    )
    paper = Row(
        id="paper-table-9-hcmoco",
        key=KEY,
        name="HCMoCo",
        method="hcmoco",
        backbone="hrnet_w18",
        init="imagenet",
        pretrain_data="NTU RGB+D + MPII",
        ratio=0.1,
        ablation=None,
        level=Level.PAPER,
        party=None,
        by="",
        scores={"miou": 61.16, "macc": None},
        main="miou",
        unit="%",
        higher_is_better=True,
        notes=("The table repeats another row.",),
        sources=(Source("Table 9", paper="hong2022versatile", url="https://arxiv.org/abs/2203.13815"),),
    )
    hostile = replace(
        checked,
        id="hostile",
        name=HOSTILE + "n" * 5000,
        by=HOSTILE,
        method=HOSTILE,
        backbone=HOSTILE,
        notes=(HOSTILE,),
        scores={"miou": 1e-7, HOSTILE: 2.0},
        per_class={HOSTILE: {HOSTILE: 0.1}},
        sources=(Source(HOSTILE, url="javascript:alert(1)"),),
    )
    return checked, paper, hostile


def board(*given: Row, **changes: Any) -> Board:
    """A table of rows of one key."""
    first = given[0]
    found = Board(first.key, "Human parsing from depth", given, first.main, first.unit, first.higher_is_better)
    return replace(found, **changes)


def leaderboard() -> Leaderboard:
    """The three rows, and a table of errors in mm with a row that has no main score and one that does."""
    checked, paper, hostile = rows()
    key = BoardKey("itop_pose", "published", "side", "ITOP \u202e" + "long " * 60, "test")
    errors = replace(paper, id="pose-1", key=key, scores={"mean_error": 12.5}, main="mean_error", unit="mm")
    errors = replace(errors, higher_is_better=False)
    missing = replace(errors, id="pose-2", scores={"mean_error": None, "other": 3.25})
    return Leaderboard((board(checked, hostile, paper), board(errors, missing)), {"hong2022versatile": BIBTEX})
