"""Parsing across modalities on generated people: several seeds, from scratch and after pre-training.

    python benchmarks/modalities.py --out work                    # three seeds: some hours of one core
    python benchmarks/modalities.py --out work --against earlier  # also the difference from an earlier --out

Trains every line of the table in docs/modalities.md by the command line, scores each model on each modality that its
line names, and prints the mean and deviation over the seeds with a 95 % interval. The interval draws performers of the
test split; each draw takes the same performers for all seeds. A run that is already in --out is not repeated.
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table
from tasks import DATA, SHARED_EMBEDDING, SHORT, tool

from hcmoco_bench.results.evidence import Evidence, load_evidence
from hcmoco_bench.results.schema import read_result
from hcmoco_bench.results.statistics import bootstrap_interval, paired_bootstrap
from hcmoco_bench.store.manifest import MANIFEST_FILE
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings
from hcmoco_bench.tasks.core.registry import get_task

PRETRAINING = "--config demo --epochs 1 14 --precision fp32"
"""The demo's recipe with an epoch less; negatives come from the batch."""


@dataclass(frozen=True)
class Line:
    """A training and what its model is scored on.

    Attributes:
        task: The task.
        contrastive: The contrastive terms: `hcmoco` or `none`.
        pretrained: Whether it starts from a pre-training on the same stores rather than from scratch.
        tested: Modalities that the model is scored on; the training's own evaluation scores the first one.
    """

    task: str
    contrastive: str
    pretrained: bool
    tested: tuple[str, ...]


LINES = {
    "cross": Line("cross_modality", "hcmoco", False, ("depth",)),
    "missing": Line("missing_modality", "hcmoco", False, ("depth", "rgb")),
    "missing-pretrained": Line("missing_modality", "hcmoco", True, ("depth", "rgb")),
    "cross-labels-alone": Line("cross_modality", "none", False, ("depth",)),
    "missing-labels-alone": Line("missing_modality", "none", False, ("depth", "rgb")),
}


def train(name: str, seed: int, epochs: int | None, data: Path, out: Path, console: Console) -> None:
    """Train one line with one seed and score it; pre-train first where the line asks for it."""
    line, folder = LINES[name], out / f"{name}-{seed}"
    stores = " ".join(f"--store {shlex.quote(str(data / store))}" for store in ("labeled", "pairs"))
    start = SHORT
    if line.pretrained:
        earlier = out / f"pretraining-{seed}"
        if not (earlier / "done").exists():
            place = shlex.quote(str(earlier / "run"))
            seconds = tool(console, f"pretrain {PRETRAINING} {stores} --seed {seed} --out {place}", 1)
            (earlier / "done").write_text(f"{seconds:.0f}")
        start = f"--ckpt {shlex.quote(str(earlier / 'run' / 'checkpoint.pth'))}"
    if not (folder / "done").exists():
        shorter = "" if epochs is None else f" --epochs {epochs}"
        options = f"{SHARED_EMBEDDING}{shorter} --set contrastive={line.contrastive} --seeds {seed}"
        place = shlex.quote(str(folder / "run"))
        seconds = tool(console, f"finetune --task {line.task} {stores} {start} {options} --out {place}", 1)
        (folder / "done").write_text(f"{seconds:.0f}")
    for modality in line.tested[1:]:
        result = folder / f"{modality}.json"
        if not result.exists():
            checkpoint = shlex.quote(str(folder / "run" / f"seed-{seed}" / "model.pth"))
            options = f"--set only={modality} --bootstrap 0 --out {shlex.quote(str(result))}"
            tool(console, f"eval --task {line.task} --ckpt {checkpoint} {stores} {options}", 1)


def evidence_of(name: str, modality: str, seeds: Sequence[int], out: Path) -> Evidence | None:
    """The evidence of all seeds side by side; None if a seed is missing."""
    columns: dict[str, NDArray[Any]] = {}
    for seed in seeds:
        folder = out / f"{name}-{seed}"
        path = folder / ("run/result.json" if modality == LINES[name].tested[0] else f"{modality}.json")
        if not path.exists():
            return None
        entry = read_result(path).evidence[0]
        found = load_evidence(path.with_name(entry.file), sha256=entry.sha256)
        columns |= {f"{seed}/{column}": values for column, values in found.columns.items()}
    return Evidence(found.metric, found.sample_ids, columns, found.meta)


def miou(task: str, evidence: Evidence, seed: int) -> float:
    """The score of one seed, %."""
    prefix = f"{seed}/"
    own = {name.removeprefix(prefix): one for name, one in evidence.columns.items() if name.startswith(prefix)}
    part = Evidence(evidence.metric, evidence.sample_ids, own, evidence.meta)
    return get_task(task).scores(part)["miou"]


def performers(data: Path) -> dict[str, str]:
    """The performer of each sample of the test split."""
    settings = make_finetune_settings("cross_modality", {"stores": (str(data / "labeled"),), "init": "scratch"})
    found = get_task("cross_modality").open_data(settings, "test", train=False)
    return dict(zip(found.ids, found.groups or (), strict=True))


def seconds_of(name: str, seeds: Sequence[int], out: Path) -> str:
    """Mean processor time of the trainings, s."""
    files = [out / f"{name}-{seed}" / "done" for seed in seeds]
    return f"{statistics.mean(float(file.read_text()) for file in files):.0f}" if all(f.exists() for f in files) else ""


def report(seeds: Sequence[int], data: Path, out: Path, against: Path | None) -> tuple[Table, dict[str, object]]:
    """The table of all lines that are finished, and its figures."""
    table, of = Table(box=box.SIMPLE), performers(data)
    figures: dict[str, object] = {}
    for heading in ("line", "tested on", "mIoU %", "95 %", "seconds", *(("difference", "95 %") if against else ())):
        table.add_column(heading)
    for name, line in LINES.items():
        for modality in line.tested:
            evidence = evidence_of(name, modality, seeds, out)
            if evidence is None:
                continue

            def score(drawn: Evidence, task: str = line.task) -> float:
                return statistics.mean(miou(task, drawn, seed) for seed in seeds)

            groups = [of[sample] for sample in evidence.sample_ids]
            each = [miou(line.task, evidence, seed) for seed in seeds]
            low, high = bootstrap_interval(evidence, score, groups=groups)
            deviation = statistics.stdev(each) if len(each) > 1 else 0.0
            cells = [f"{statistics.mean(each):.1f} ± {deviation:.1f}", f"{low:.1f} to {high:.1f}"]
            found: dict[str, object] = {"per_seed": each, "ci95": (low, high)}
            earlier = evidence_of(name, modality, seeds, against) if against else None
            cells.append(seconds_of(name, seeds, out))
            if earlier is not None:
                pair = paired_bootstrap(evidence, earlier, score, groups=groups)
                cells += [f"{pair.difference:+.1f}", f"{pair.low:+.1f} to {pair.high:+.1f}"]
                found["difference"] = (pair.difference, pair.low, pair.high, pair.p_value)
            table.add_row(name, modality, *cells)
            figures[f"{name}/{modality}"] = found
    return table, figures


def main() -> None:
    """Run the experiments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--data", type=Path, help="folder of the data; without: --out")
    parser.add_argument("--against", type=Path, help="an earlier --out of the same seeds, to compare with in pairs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, help="epochs of the trainings, in place of 20")
    parser.add_argument("--lines", nargs="+", choices=list(LINES), default=list(LINES))
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    arguments = parser.parse_args()
    console, data = Console(width=140), arguments.data or arguments.out
    if not all((data / key / MANIFEST_FILE).exists() for key in ("labeled", "pairs")):
        for line in (*DATA["labeled"], *DATA["pairs"]):
            tool(console, line.format(out=shlex.quote(str(data))), 1)
    for name in arguments.lines:
        for seed in arguments.seeds:
            train(name, seed, arguments.epochs, data, arguments.out, console)
    table, figures = report(arguments.seeds, data, arguments.out, arguments.against)
    console.print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
