"""The commands `publish` and `join`: options, output, exit codes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "hub"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "prepare"))
from hub_store_builder import StoreRecipe, build_store
from prepare_raw_tree import CLIPS, TEST, TRAIN, RawTree, write_video

from hcmoco_bench.cli import join, publish
from hcmoco_bench.errors import LicenseError, UsageError
from hcmoco_bench.prepare.ntu import prepare_ntu
from hcmoco_bench.store.kinds.ntu import PrepareOptions

app = typer.Typer()
publish.register(app)
join.register(app)


def run(*arguments: str | Path) -> tuple[int, str]:
    """Exit code and standard output; errors of the library are raised, as `main` gets them."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    return result.exit_code, result.stdout


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> RawTree:
    video = tmp_path_factory.mktemp("video") / "clip.avi"
    write_video(video, 12)
    tree = RawTree(tmp_path_factory.mktemp("raw") / "ntu", lambda _: video)
    for clip in CLIPS:
        tree.add_clip(clip, samples=[int(sample[-3:]) for sample in (*TRAIN, *TEST) if sample.startswith(clip)])
    return tree


@pytest.fixture(scope="module")
def store(raw: RawTree, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "parsing4k"
    lists = raw.write_lists(TRAIN, TEST)
    prepare_ntu([raw.root], path, PrepareOptions(parts=True), annotations=raw.masks, lists=lists)
    return path


def test_publish_then_join(raw: RawTree, store: Path, tmp_path: Path) -> None:
    publishing = ("publish", store, "--to", tmp_path / "shared", "--annotations-only", "--with-masks")
    assert run(*publishing, "--quiet") == (0, "")
    code, output = run(*publishing)
    assert code == 0
    assert "annotations" in output
    assert str(tmp_path / "shared") in output
    code, output = run("join", tmp_path / "shared", "--root", raw.root, "--out", tmp_path / "back", "--workers", "1")
    assert code == 0
    assert "8 of 8 published rows rebuilt and found right" in output
    code, output = run(
        "join", tmp_path / "shared", "--root", raw.root, "--out", tmp_path / "back", "--json", "--strict"
    )
    assert code == 0
    assert json.loads(output) == {"store": str(tmp_path / "back"), "rows": 8, "expected": 8, "problems": {}}


def test_join_under_strict(raw: RawTree, store: Path, tmp_path: Path) -> None:
    run("publish", store, "--to", tmp_path / "shared", "--annotations-only", "--quiet")
    missing = raw.rgb(CLIPS[0])
    missing.rename(tmp_path / "kept.avi")
    try:
        code, output = run(
            "join", tmp_path / "shared", "--root", raw.root, "--out", tmp_path / "back", "--strict", "--workers", "1"
        )
    finally:
        (tmp_path / "kept.avi").rename(missing)
    assert code == 3
    assert "video_missing" in output
    assert "no part masks" in output


def test_publish_json(store: Path, tmp_path: Path) -> None:
    code, output = run("publish", store, "--to", tmp_path / "out", "--json", "--quiet")
    assert code == 0
    document = json.loads(output)
    assert document["folder"] == str(tmp_path / "out")
    assert document["url"] is None
    assert document["configurations"]["parsing"]["train"] == 4


def test_wrong_usage(store: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--push"):
        run("publish", store, "--to", tmp_path / "out", "--public")
    with pytest.raises(UsageError, match="no such folder"):
        run("join", tmp_path / "nowhere", "--root", tmp_path, "--out", tmp_path / "back")
    with pytest.raises(LicenseError, match="--i-hold-the-right-to-share-pixels"):
        run("publish", store, "--to", tmp_path / "out", "--push", "me/ntu")
    assert run("publish", "--to", tmp_path / "out")[0] == 2
    assert list(tmp_path.iterdir()) == []


def test_generated_masks_by_default(tmp_path: Path) -> None:
    made = build_store(tmp_path / "store", StoreRecipe(n_train=4, n_test=2))
    _, output = run("publish", made, "--to", tmp_path / "a", "--json", "--annotations-only")
    assert json.loads(output)["masks"] is True
    _, output = run("publish", made, "--to", tmp_path / "b", "--json", "--annotations-only", "--no-masks")
    assert json.loads(output)["masks"] is False
