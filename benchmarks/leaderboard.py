"""A large leaderboard: its rows are verified, compared, and made into a page, in memory that does not grow with them.

    python benchmarks/leaderboard.py                                  # 100 and 1,000 rows with 2,000 samples each
    python benchmarks/leaderboard.py --rows 10 100 --samples 500      # a few minutes
    python benchmarks/leaderboard.py --folder FOLDER                  # keep the rows, and use those that are there

The rows are parsing results of 25 classes with one evidence file each, all in one table, whose samples belong to 40
performers. Each step runs in a process of its own: verifying all rows; opening the leaderboard with its comparison (all
pairs of rows), without and with drawn scores kept from before; writing the page. Memory is the peak of that process,
less that of one that only imports the package. Last, the interval of a few rows is drawn in the plain way, by selecting
the samples of each draw, and compared with what verifying does.

Exit code 1 if a row fails, if an interval differs from the plain way's, or if a further row takes more memory than
30 KiB in verifying, or 150 KiB in opening the leaderboard and writing the page. Give sizes that are tens of rows apart.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from generated_leaderboard import TASK, generated_leaderboard, interval
from rich.console import Console
from rich.table import Table

from hcmoco_bench.leaderboard.collect import open_leaderboard
from hcmoco_bench.leaderboard.page.site import write_site
from hcmoco_bench.leaderboard.rows.read import read_row, row_folders
from hcmoco_bench.leaderboard.rows.verify import verify_rows
from hcmoco_bench.results.evidence import load_evidence
from hcmoco_bench.tasks.core.result import BOOTSTRAP, score_interval

LARGEST_GROWTH: Final = {"verify": 30.0, "open and write page": 150.0}
"""KiB of a further row; opening keeps rows, drawn scores and pairs. Evidence of 2,000 samples has 586."""
PLAIN: Final = 3
"""Rows whose interval is drawn in the plain way too."""
_COUNTS: Final = 3 * 25 * 4
"""Bytes of evidence of a sample in memory."""


@dataclass(frozen=True)
class Measured:
    """What a step took.

    Attributes:
        wall: Seconds.
        cpu: Seconds of the processor.
        peak: Peak memory, MiB.
        told: What it did, in words.
        wrong: What is not as it should be; empty if all is well.
    """

    wall: float
    cpu: float
    peak: float
    told: str = ""
    wrong: str = ""


def step_import(board: Path) -> tuple[str, str]:
    """Nothing: what importing takes."""
    return "", ""


def step_verify(board: Path) -> tuple[str, str]:
    """Verify every row, as `leaderboard verify --all` does."""
    rows = failed = 0
    for row in verify_rows(board):
        rows, failed = rows + 1, failed + (not row.ok)
    return f"{rows} rows pass", f"{failed} rows fail" if failed else ""


def step_open(board: Path) -> tuple[str, str]:
    """Read all rows and compare all pairs; drawn scores are kept beside the rows."""
    (table,) = open_leaderboard([board], cache=_cache(board)).boards
    if table.standing is None:
        return "", "the rows were not compared"
    tied = sum(rank.tied_with_best for rank in table.standing.ranks.values())
    return f"{tied} tied with the best of {len(table.standing.ranks)}", ""


def step_page(board: Path) -> tuple[str, str]:
    """Write the page of a leaderboard that was compared before."""
    site = write_site(open_leaderboard([board], cache=_cache(board)), _site(board))
    return f"{site.files:,} pages, {site.bytes / 2**20:.0f} MiB, written in {site.seconds:.1f} s", ""


STEPS: Final[Mapping[str, Callable[[Path], tuple[str, str]]]] = {
    "import": step_import,
    "verify": step_verify,
    "open": step_open,
    "open again": step_open,
    "open and write page": step_page,
}


def run_step(step: str, board: Path) -> Measured:
    """Run a step in this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    told, wrong = STEPS[step](board)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    unit = 1 if sys.platform == "darwin" else 1024
    return Measured(wall, cpu, unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, told, wrong)


def in_own_process(step: str, board: Path) -> Measured:
    """The same by a fresh interpreter; its peak is its own as long as this process stays smaller."""
    command = [sys.executable, __file__, "--step", step, "--folder", str(board)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Measured(**json.loads(done.stdout))


def make_board(folder: Path, rows: int, samples: int) -> Path:
    """The rows of a size, in a process of its own; those that are there are used again."""
    board = folder / f"{rows}-rows-{samples}-samples"
    if not board.is_dir():
        unfinished = board.with_suffix(".unfinished")
        command = [sys.executable, __file__, "--make", "--folder", str(unfinished)]
        subprocess.run([*command, "--rows", str(rows), "--samples", str(samples)], check=True)
        unfinished.rename(board)
    return board


def measure(board: Path) -> dict[str, Measured]:
    """All steps, with memory beyond that of importing."""
    found = {step: in_own_process(step, board) for step in STEPS}
    base = found.pop("import").peak
    return {step: replace(one, peak=one.peak - base) for step, one in found.items()}


def compare_plainly(board: Path) -> tuple[float, float]:
    """How many times as long the plain way takes for the interval, and the largest difference of an end."""
    ours = plain = differ = 0.0
    for folder in row_folders(board)[:PLAIN]:
        (entry,) = read_row(folder).result.evidence
        evidence = load_evidence(folder / entry.file, sha256=entry.sha256)
        groups = TASK.groups(evidence.sample_ids)
        named = None if groups is None else dict(zip(evidence.sample_ids, groups.of, strict=True))
        start = time.process_time()
        ends = interval(evidence)
        middle = time.process_time()
        plain_ends = score_interval(TASK, TASK.record.main_score, [evidence], BOOTSTRAP, named)
        ours, plain = ours + middle - start, plain + time.process_time() - middle
        differ = max(differ, *(abs(a - b) for a, b in zip(ends, plain_ends, strict=True)))
    return plain / ours, differ


def report(found: Mapping[int, Mapping[str, Measured]], samples: int) -> Table:
    """The table to read."""
    table = Table(title=f"Rows with {samples:,} samples each")
    for header in ("rows", "step", "CPU s", "wall s", "rows per CPU s", "memory, MiB", "what came out"):
        table.add_column(header, justify="left" if header in ("step", "what came out") else "right")
    for rows, steps in found.items():
        for step, one in steps.items():
            rate = f"{rows / one.cpu:.1f}"
            table.add_row(
                f"{rows:,}", step, f"{one.cpu:.1f}", f"{one.wall:.1f}", rate, f"{one.peak:.0f}", one.wrong or one.told
            )
    return table


def growths(found: Mapping[int, Mapping[str, Measured]]) -> dict[str, float]:
    """Memory per further row of each step, KiB, from the least to the most rows."""
    few, many = min(found), max(found)
    return {
        step: 1024 * (found[many][step].peak - found[few][step].peak) / (many - few)
        for step in (found[few] if few < many else ())
    }


def _cache(board: Path) -> Path:
    return board.with_name(f"{board.name}-draws")


def _site(board: Path) -> Path:
    return board.with_name(f"{board.name}-site")


def main() -> int:
    """Measure, print, and say by the exit code whether everything is as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100, 1000], help="sizes (default: %(default)s)")
    parser.add_argument("--samples", type=int, default=2000, help="samples of each row (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="where rows and pages are kept; without, a temporary folder")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--make", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        print(json.dumps(asdict(run_step(given.step, given.folder))))
        return 0
    if given.make:
        generated_leaderboard(given.folder, rows=given.rows[0], samples=given.samples)
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        boards = {rows: make_board(folder, rows, given.samples) for rows in sorted(given.rows)}
        found = {rows: measure(board) for rows, board in boards.items()}
        ratio, differ = compare_plainly(boards[min(boards)])
    growth = growths(found)
    Console().print(report(found, given.samples))
    print(
        f"interval of {BOOTSTRAP:,} draws: the plain way takes {ratio:.1f} times as long; ends differ by {differ:.1e}"
    )
    evidence = given.samples * _COUNTS / 1024
    for step, one in growth.items():
        print(f"{step}: {one:.1f} KiB more per further row, whose evidence has {evidence:.0f} KiB")
    wrong = [one.wrong for steps in found.values() for one in steps.values() if one.wrong]
    grows = [step for step, most in LARGEST_GROWTH.items() if growth.get(step, 0) > most]
    return int(bool(wrong or grows) or differ > 1e-9)


if __name__ == "__main__":
    sys.exit(main())
