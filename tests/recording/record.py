"""Records what the command line does on small generated data, so that a reorganization can show that nothing moved.

The package's modules may move, its settings may be declared differently, and names may change; what a user gets may
not. This module therefore knows the command line and files on disk only, and no module inside the package but the one
that holds the command line. It generates small trees, prepares stores of them, pre-trains, fine-tunes, scores and
exports, and describes what is then on the disk: hashes of files, columns and tensors, losses to the last bit, results,
and the settings in checkpoints. `recorded.json` beside it holds the description that the code gave before the
reorganization; `test_recording_unchanged.py` makes the same files again and compares. To record anew, after a change
that is meant to change figures:

    python tests/recording/record.py --out tests/recording/recorded.json

With `--keep FOLDER` the files themselves stay there.

The settings (`config`) in the recorded checkpoints are kept word for word, so that a test can also build a checkpoint
as it was before the reorganization and see whether it still opens.

How exactly is compared depends on where. The last bits of floats, and the bytes of encoded pictures and videos, depend
on the processor and on the versions of libraries. `recorded.json` names both under `environment`.

* In the same environment everything must be equal to the last bit. All runs use one thread, so that the number of cores
  does not matter.
* In another environment, the losses of a run's first step must agree to a relative tolerance of 1e-3
  (`FIRST_STEP_TOLERANCE`). An untrained network enlarges rounding with every step, to a few per cent of a single term
  after three steps; of later steps, the whole loss alone must agree, to 5e-2 (`LATER_TOLERANCE`). Norms of gradients,
  accuracies and scores hang on rounding, or on single pixels and joints: there the names and the numbers of steps and
  samples must agree, not the values. Of stores, ids, numbers of rows, problems and the columns without encoded pictures
  and without floats must agree; of models, the names, shapes and types of tensors. Hashes of whole files, of pictures
  and of values of tensors are not compared there, and a warning names what differs between the environments.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import hashlib
import json
import platform
import shlex
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from typer.testing import CliRunner

from hcmoco_bench.cli.app import app

FIRST_STEP_TOLERANCE, LATER_TOLERANCE = 1e-3, 5e-2
"""Relative, of losses that were computed in another environment: all terms of the first step, and the sum later."""

THREADS = 1

_LIBRARIES = (
    "torch",
    "torchvision",
    "timm",
    "numpy",
    "opencv-python-headless",
    "av",
    "pyarrow",
    "pillow",
    "h5py",
    "scipy",
    "warp-lang",
)

_CALM = "--lr 0.0003"
"""An untrained network's first steps are long enough at the usual learning rate to enlarge rounding many times over."""

_SMALL = "--init scratch --size 64 --quiet"
_PRETRAIN = f"pretrain {_SMALL} {_CALM} --backbone hrnet_w18_small --batch-size 4 --set trackers=[]"
_POINTS = "--set points=20"
_BANK, _IN_BATCH = "--set negatives=8", "--set negatives=batch"
_FINETUNE = "finetune --quiet --sheet 0"
_HRNET = "--backbone hrnet_w18_small --init scratch"
_RESNET = "--backbone test_resnet --init scratch"
_PARSING = "--size 64 --batch-size 2 --epochs 1 --set eval_batch_size=2"
_JOINT = f"{_HRNET} {_CALM} --size 64 --batch-size 4 --epochs 1 {_POINTS}"
_PAIRS = "--store stores/parsing4k --store stores/pretrain"
_DENSEPOSE = (
    "--size 96 --batch-size 2 --epochs 1 --set milestones=[0.5] --set warmup_epochs=0 --set width=16 --set levels=3 "
    "--set pooling=average --set box_width=32 --set decoder_width=8 --set convolutions=1 --set head_width=16 "
    "--set pooled=7 --set proposals_before=[100,60] --set proposals_after=[60,40] --set boxes_per_picture=32"
)

TREES = {
    # Labeled frames: one performance, seen by two cameras.
    "trees/labelled": "synth ntu --clips 2 --frames 5 --mask-every 1 --seed 7 --quiet",
    # Unlabeled pairs: another performer, seen by one camera, long enough for `--align registered`.
    "trees/pairs": "synth ntu --clips 1 --frames 8 --seed 8 --quiet",
    "trees/human36m": "synth human36m --clips 2 --frames 3 --cameras 1 --width 96 --seed 1 --quiet",
    "trees/mpii": "synth mpii --images 2 --long-side 128 --seed 5 --quiet",
    "trees/coco": "synth coco --images 2 --long-side 128 --seed 6 --quiet",
    "trees/densepose": "synth densepose --images 3 --long-side 128 --seed 3 --quiet",
    "trees/itop": "synth itop --clips 3 --frames 3 --seed 5 --quiet",
}
"""Generated raw data: folder, and the command that writes it."""

STORES = {
    "stores/parsing4k": (
        "prepare ntu --root trees/labelled --annotations trees/labelled --lists trees/labelled/lists --workers 1 "
        "--rows-per-shard 4 --quiet"
    ),
    "stores/pretrain": (
        "prepare ntu --root trees/pairs --lists trees/pairs/lists --set pretrain --every 1 --align registered "
        "--workers 1 --quiet"
    ),
    "stores/few-pairs": (
        "prepare ntu --root trees/pairs --lists trees/pairs/lists --set pretrain --every 4 --workers 1 --quiet"
    ),
    "stores/human36m": "prepare human36m --root trees/human36m --every 2 --workers 1 --quiet",
    "stores/mpii": "prepare mpii --root trees/mpii --workers 1 --quiet",
    "stores/coco": "prepare coco --root trees/coco --workers 1 --quiet",
}
"""Prepared stores."""

PRETRAININGS = {
    "runs/hcmoco": f"{_PRETRAIN} {_BANK} {_POINTS} --method hcmoco --store stores/pretrain --epochs 1 1",
    "runs/hcmoco-in-batch": f"{_PRETRAIN} {_IN_BATCH} {_POINTS} --method hcmoco --store stores/pretrain --epochs 0 1",
    "runs/hcmoco-mixed": (
        f"{_PRETRAIN} {_BANK} {_POINTS} --method hcmoco --store stores/pretrain --store stores/mpii --epochs 0 1"
    ),
    "runs/hcmoco-pointnet": (
        # The points are slow: a single step of two samples.
        f"{_PRETRAIN} --set negatives=2 {_POINTS} --method hcmoco --store stores/few-pairs --epochs 0 1 "
        "--depth-backbone pointnet --batch-size 2"
    ),
    "runs/cmc": f"{_PRETRAIN} {_BANK} --method cmc --store stores/pretrain --epochs 1 0",
    "runs/mmv": f"{_PRETRAIN} --method mmv --store stores/pretrain --epochs 1 0",
}
"""Pre-trainings of two to four steps."""

FINETUNINGS = {
    "tasks/depth_parsing": (
        f"{_FINETUNE} --task depth_parsing {_RESNET} {_PARSING} --store stores/parsing4k --seeds 3,5"
    ),
    "tasks/depth_parsing-published": (
        f"{_FINETUNE} --task depth_parsing {_RESNET} {_PARSING} --store stores/parsing4k --protocol published"
    ),
    "tasks/depth_parsing-pretrained": (
        f"{_FINETUNE} --task depth_parsing --ckpt runs/hcmoco/checkpoint.pth {_CALM} {_PARSING} "
        "--store stores/parsing4k"
    ),
    "tasks/rgb_parsing": f"{_FINETUNE} --task rgb_parsing {_RESNET} {_PARSING} --store stores/human36m",
    "tasks/itop_pose": (
        f"{_FINETUNE} --task itop_pose {_HRNET} --size 64 --batch-size 3 --epochs 1 --set head_width=16 "
        "--root trees/itop"
    ),
    "tasks/itop_pose-published": (
        f"{_FINETUNE} --task itop_pose {_HRNET} --size 64 --batch-size 3 --epochs 1 --set head_width=16 "
        "--root trees/itop --protocol published"
    ),
    "tasks/densepose": f"{_FINETUNE} --task densepose {_HRNET} {_DENSEPOSE} --root trees/densepose",
    "tasks/cross_modality": f"{_FINETUNE} --task cross_modality {_JOINT} {_BANK} {_PAIRS}",
    "tasks/missing_modality": f"{_FINETUNE} --task missing_modality {_JOINT} {_IN_BATCH} {_PAIRS}",
}
"""Fine-tunings of a few steps: every task, and both protocols of two of them."""

SCORINGS = {
    "scores/depth_parsing.json": (
        "eval --task depth_parsing --ckpt tasks/depth_parsing/seed-3/model.pth --sheet 0 --quiet",
        "tasks/depth_parsing",
    ),
}
"""Result file: the command that scores a fine-tuned model again, and the fine-tuning whose scores it must give."""

EXPORTS = {
    "exports/depth.pth": "export --ckpt runs/hcmoco/checkpoint.pth --modality depth --to hrnet-seg --quiet",
}
"""Encoders under the names of another program."""

COMMANDS = TREES | STORES | PRETRAININGS | FINETUNINGS | {k: v for k, (v, _) in SCORINGS.items()} | EXPORTS

_REMOVED = {"trees/labelled": "png_annotation_v2/*F003.png"}
"""Files that are removed from generated data, so that a store has problems to tell of."""

_ADDED = ("MyPoseFeatures", "gt_valid.mat")
"""Folders and files that generated data did not have when it was recorded."""

_NOT_OF_MANIFESTS = ("tool", "plan_sha256", "shards", "inputs", "lists", "splits_sha256", "calibration_sha256")
"""What is left out of a manifest's description: the version and the fingerprint of the plan, which holds it; hashes and
sizes of files and inputs, which are compared with the files."""

_ADDED_TO_MANIFESTS = ("generated_people",)
"""Fields that manifests did not have when they were recorded; their description and their hash are without them."""


class Recorder:
    """Makes files with the command line, each when it is first asked for.

    Args:
        folder: Where everything is written. Commands run there, so that all paths in settings are relative.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: set[str] = set()
        self._described: dict[str, dict[str, Any]] = {}

    def make(self, name: str) -> Path:
        """The file or folder of a name in `COMMANDS`, made together with whatever its command reads."""
        path = self.folder / name
        if name in self._made:
            return path
        words = shlex.split(COMMANDS[name])
        for other in COMMANDS:
            if any(word == other or word.startswith(f"{other}/") for word in words):
                self.make(other)
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.chdir(self.folder), _one_thread():
            done = CliRunner().invoke(app, [*words, "--out", name])
        if done.exit_code:
            raise RuntimeError(f"hcmoco-bench {COMMANDS[name]}: {done.output}") from done.exception
        for file in sorted(path.glob(_REMOVED[name]) if name in _REMOVED else ()):
            file.unlink()
        self._made.add(name)
        return path

    def describe(self, name: str) -> dict[str, Any]:
        """What is recorded of a name in `COMMANDS`: numbers, texts and hashes, as JSON holds them."""
        if name not in self._described:
            describe = next(describe for describe, names in SUBJECTS.values() if name in names)
            self._described[name] = describe(self, name)
        return self._described[name]

    def _tree(self, name: str) -> dict[str, Any]:
        """Number of the files of generated data, and one hash of all; without those that were added since."""
        root = self.make(name)
        files = sorted(path for path in root.rglob("*") if path.is_file() and not {*_ADDED} & {*path.parts})
        return {
            "files": len(files),
            "sha256": _digest([[str(path.relative_to(root)), _sha256(path)] for path in files]),
        }

    def _store(self, name: str) -> dict[str, Any]:
        """Hashes of a store's files and columns, its ids by split, its problems, and its manifest's stable part."""
        root = self.make(name)
        manifest = json.loads((root / "manifest.json").read_text("utf-8"))
        files = {path.name: _sha256(path) for path in sorted(root.iterdir()) if path.is_file()}
        if manifest.keys() & {*_ADDED_TO_MANIFESTS}:
            manifest = {key: value for key, value in manifest.items() if key not in _ADDED_TO_MANIFESTS}
            text = json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
            files["manifest.json"] = hashlib.sha256(text.encode()).hexdigest()
        tables: dict[str, list[pa.Table]] = {}
        for path in sorted(root.glob("*.parquet")):
            tables.setdefault(path.name.split("-")[0], []).append(pq.read_table(path))
        splits = {split: pa.concat_tables(parts) for split, parts in tables.items()}
        return {
            "files": files,
            "ids": {split: table.column(0).to_pylist() for split, table in splits.items()},
            "columns": _columns(pa.concat_tables(splits.values())),
            "problems": [json.loads(line) for line in (root / "problems.jsonl").read_text("utf-8").splitlines()],
            "manifest": {key: value for key, value in manifest.items() if key not in _NOT_OF_MANIFESTS},
        }

    def _pretraining(self, name: str) -> dict[str, Any]:
        """Losses, model and settings of a pre-training."""
        run = self.make(name)
        state = _load(run / "checkpoint.pth")
        return {
            "losses": _losses(run / "losses.csv"),
            "model": _tensors(state["model"]),
            "config": state["config"],
            "kind": state["kind"],
        }

    def _finetuning(self, name: str) -> dict[str, Any]:
        """Losses, models and settings of each seed of a fine-tuning, and its result."""
        run = self.make(name)
        seeds = {path.name: _load(path / "model.pth") for path in sorted(run.glob("seed-*"))}
        return {
            "losses": {seed: _losses(run / seed / "losses.csv") for seed in seeds},
            "model": {seed: _tensors(state["model"]) for seed, state in seeds.items()},
            "config": {seed: state["config"] for seed, state in seeds.items()},
            "kind": {seed: state["kind"] for seed, state in seeds.items()},
            "result": _result(run / "result.json"),
            "config_sha256": _read(run / "result.json")["run"]["config_sha256"],
        }

    def _scoring(self, name: str) -> dict[str, Any]:
        """The result of scoring a model again."""
        return _result(self.make(name))

    def _export(self, name: str) -> dict[str, Any]:
        """The tensors of an exported encoder."""
        return _tensors(torch.load(self.make(name), weights_only=True))


SUBJECTS: dict[str, tuple[Callable[[Recorder, str], dict[str, Any]], tuple[str, ...]]] = {
    "trees": (Recorder._tree, tuple(TREES)),
    "stores": (Recorder._store, tuple(STORES)),
    "pretrainings": (Recorder._pretraining, tuple(PRETRAININGS)),
    "finetunings": (Recorder._finetuning, tuple(FINETUNINGS)),
    "scorings": (Recorder._scoring, tuple(SCORINGS)),
    "exports": (Recorder._export, tuple(EXPORTS)),
}
"""What is recorded: how each kind is described, and its names."""


def environment() -> dict[str, str]:
    """What the last bits of floats and the bytes of encoders depend on."""
    return {
        "machine": platform.machine(),
        "processor": _processor(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        **{name: version(name) for name in _LIBRARIES},
    }


def package_version() -> str:
    """Version of the package; it is part of every store's plan, and so of the bytes of its files."""
    return str(CliRunner().invoke(app, ["--version"]).output.split()[-1])


def record(folder: Path) -> dict[str, Any]:
    """Make everything in a folder and describe it."""
    recorder = Recorder(folder)
    described = {kind: {name: recorder.describe(name) for name in names} for kind, (_, names) in SUBJECTS.items()}
    return {"environment": environment(), "version": package_version(), **described}


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _columns(table: pa.Table) -> dict[str, dict[str, str]]:
    """Type and hash over all rows of each column; fields of nested columns on their own, as `people.joints`."""
    found = {}
    for field in table.schema:
        for path, kind, pick in _leaves(field.name, field.type):
            digest = hashlib.sha256()
            for value in table.column(field.name).to_pylist():
                content = pick(value)
                digest.update(content if isinstance(content, bytes) else _json(content))
                digest.update(b"\n")
            found[path] = {"type": str(kind), "sha256": digest.hexdigest()}
    return found


def _leaves(path: str, kind: pa.DataType) -> Iterator[tuple[str, pa.DataType, Callable[[Any], Any]]]:
    """Path and type of each field in a column that has no fields itself, and how it is taken out of a row's value."""
    if pa.types.is_struct(kind):
        for field in kind:
            for inner, leaf, pick in _leaves(f"{path}.{field.name}", field.type):
                yield (
                    inner,
                    leaf,
                    lambda value, name=field.name, pick=pick: None if value is None else pick(value[name]),
                )
    elif pa.types.is_list(kind) and pa.types.is_struct(kind.value_type):
        for inner, leaf, pick in _leaves(path, kind.value_type):
            yield inner, leaf, lambda value, pick=pick: None if value is None else [pick(one) for one in value]
    else:
        yield path, kind, lambda value: value


def _tensors(model: dict[str, torch.Tensor]) -> dict[str, Any]:
    """Number of tensors, a hash of their names, shapes and types, and a hash of their values."""
    digest = hashlib.sha256()
    for name in sorted(model):
        digest.update(name.encode() + b"\n" + model[name].detach().contiguous().cpu().numpy().tobytes())
    shapes = [[name, list(model[name].shape), str(model[name].dtype)] for name in sorted(model)]
    return {"tensors": len(shapes), "shapes_sha256": _digest(shapes), "sha256": digest.hexdigest()}


def _losses(path: Path) -> dict[str, str]:
    """Columns of a table of losses as text, with commas between steps: floats read back to the same bits."""
    with path.open(encoding="utf-8", newline="") as handle:
        names, *rows = list(csv.reader(handle))
    return {name: ",".join(row[place] for row in rows) for place, name in enumerate(names)}


def _result(path: Path) -> dict[str, Any]:
    """A result without what differs between two runs of the same code, or is compared elsewhere.

    Left out are the program's version and commit, the command, the libraries' versions, the hash of the settings (it is
    recorded with the settings), the hash of the weights' file (its tensors are recorded, and the file holds the
    settings too), and the hash of the store's manifest (it holds the program's version).
    """
    result = _read(path)
    for part, names in {
        "run": ("tool", "git", "command", "versions", "config_sha256"),
        "model": ("weights_sha256",),
        "data": ("manifest_sha256",),
    }.items():
        for name in names:
            del result[part][name]
    return result


def _processor() -> str:
    """The processor's name, where the system tells it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return content


def _load(path: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _digest(value: Any) -> str:
    return hashlib.sha256(_json(value)).hexdigest()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    """Record and write the description as JSON."""
    parser = argparse.ArgumentParser(description="Record what the command line does on small generated data.")
    parser.add_argument("--out", type=Path, required=True, help="File of the description.")
    parser.add_argument("--keep", type=Path, help="Folder in which the files stay; without: they are removed.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        described = record(folder)
    given.out.write_text(json.dumps(described, indent=1, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
