"""A stand-in for the served command line: files of the right names, trainings that can be resumed, a journal.

`--pause` gives the seconds of a step of pre-training; a file `fail-CELL` in the working directory lets a cell fail.
"""

import json
import os
import signal
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

from hcmoco_bench.runtime.command_server import wait_for_command

STEPS = 20
NUMBERS = "archive/data/0"
"""Where a checkpoint has its numbers, as in the files of `torch.save`."""


def option(name: str, otherwise: str = "") -> str:
    words = sys.argv
    return words[words.index(name) + 1] if name in words else otherwise


def numbers(checkpoint: Path) -> dict[str, Any]:
    with zipfile.ZipFile(checkpoint) as archive:
        found: dict[str, Any] = json.loads(archive.read(NUMBERS))
    return found


def pretrain(out: Path) -> None:
    checkpoint = out / "checkpoint.pth"
    pause, seed, done = option("--pause", "0"), option("--seed"), 0
    if "--resume" in sys.argv:
        kept = numbers(checkpoint)
        pause, seed, done = kept["pause"], kept["seed"], kept["step"]
    for step in range(done + 1, STEPS + 1):
        time.sleep(float(pause))
        (out / "config.json").write_text("{}")
        (out / "losses.csv").write_text("step\n" + "".join(f"{n}\n" for n in range(1, step + 1)))
        with zipfile.ZipFile(out / "new", "w") as archive:
            archive.writestr(NUMBERS, json.dumps({"pause": pause, "seed": seed, "step": step}))
        (out / "new").replace(checkpoint)


def finetune(out: Path) -> None:
    """Train a model of one number, what its checkpoint learned, and score it; `--resume` takes the number of before."""
    seed = int(option("--seeds"))
    path = option("--ckpt")
    folder = out / f"seed-{seed}"
    if "--resume" not in sys.argv:
        folder.mkdir(parents=True)
        (folder / "losses.csv").write_text(str(numbers(Path(path))["step"] if path else 0))
    learned = (folder / "losses.csv").read_text()
    (folder / "model.pth").write_text(learned)
    score(out / "result.json", seed, int(learned))


def evaluate(out: Path) -> None:
    """Score the model of `--ckpt`; `--out` is the result and not its folder."""
    model = Path(option("--ckpt"))
    score(out, int(model.parent.name.removeprefix("seed-")), int(model.read_text()))


def score(result_file: Path, seed: int, learned: int) -> None:
    # Not at the top, since the other commands need none of it.
    import numpy as np

    from hcmoco_bench.results.evidence import Evidence, save_evidence
    from hcmoco_bench.results.schema import (
        DataEntry,
        EvidenceEntry,
        ModelEntry,
        Result,
        RunEntry,
        ScoreEntry,
        StatusEntry,
        TaskEntry,
        write_result,
    )

    if result_file.exists():
        sys.exit("results are not overwritten")
    values = np.random.default_rng([seed, learned]).random(6)
    evidence = Evidence("numbers", tuple(f"{n:03d}" for n in range(6)), {"value": values}, {})
    sha256 = save_evidence(result_file.with_name("result-evidence-0.npz"), evidence)
    if Path("kill-between-evidence-and-result").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    result = Result(
        task=TaskEntry(id=option("--task"), version="1", protocol="native", split="test", split_sha256="0" * 64),
        model=ModelEntry(name=option("--name")),
        data=DataEntry(name="Numbers (generated)", n_expected=6, n_scored=6),
        run=RunEntry(tool="a stand-in", seeds=(seed,), command=" ".join(sys.argv)),
        scores=ScoreEntry(main="value", unit="", mean=float(values.mean())),
        evidence=(EvidenceEntry(file="result-evidence-0.npz", sha256=sha256),),
        status=StatusEntry(tier="self-reported"),
    )
    write_result(result_file, result)


if __name__ == "__main__":
    sys.argv[1:] = wait_for_command()
    out = Path(option("--out"))
    cell = next(part for part in (out, *out.parents) if part.parent.name == "work")
    with Path("journal.jsonl").open("a") as journal:
        journal.write(json.dumps({"cell": str(cell), "words": sys.argv[1:], "process": os.getpid()}) + "\n")
    if Path(f"fail-{cell.name}").exists():
        sys.exit("something broke")
    (out.parent if sys.argv[1] == "eval" else out).mkdir(parents=True, exist_ok=True)
    known = {"pretrain": pretrain, "finetune": finetune, "eval": evaluate}
    known.get(sys.argv[1], lambda out: (out / "made").touch())(out)
