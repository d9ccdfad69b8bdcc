"""The page that the demo ends with: what was done, with which command, and the images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from hcmoco_bench.files.atomic import write_atomic

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; width: 100%; }
td, th { padding: .35rem .6rem; text-align: left; vertical-align: top; }
tr + tr { border-top: 1px solid #ddd; } td.seconds { text-align: right; white-space: nowrap; }
code { font-size: .85em; background: #f4f4f4; padding: .1em .3em; overflow-wrap: anywhere; }
pre { background: #f4f4f4; padding: .8rem; overflow-x: auto; } pre code { padding: 0; }
img { max-width: 100%; } figure { margin: 1.5rem 0; } figcaption { color: #555; }
"""


@dataclass(frozen=True)
class DemoStep:
    """One step: its name, the command that does the same, wall-clock seconds, and its result in words."""

    name: str
    command: str
    seconds: float
    result: str


@dataclass(frozen=True)
class DemoFigure:
    """An image beside the page, and its caption."""

    file: str
    caption: str


@dataclass(frozen=True)
class DemoScore:
    """A score on generated data: of what, its value and interval, and its unit."""

    name: str
    value: float
    interval: tuple[float, float] | None
    unit: str


def write_page(
    out: Path,
    dataset: Path,
    steps: Sequence[DemoStep],
    figures: Sequence[DemoFigure],
    scores: Sequence[DemoScore] = (),
) -> Path:
    """Write `index.html` into `out`, beside its images; everything in it is local.

    Args:
        out: Folder of the page.
        dataset: The published folder, as `load_dataset` takes it.
        steps: What was done, in order.
        figures: Files in `out`.
        scores: Of depth parsing, side by side; none for no such table.

    Returns:
        The page's path.
    """
    rows = "\n".join(
        f"<tr><td>{escape(step.name)}<br><code>{escape(step.command)}</code></td>"
        f"<td>{escape(step.result)}</td><td class=seconds>{step.seconds:.1f} s</td></tr>"
        for step in steps
    )
    drawn = "\n".join(
        f'<figure><img src="{escape(figure.file)}" alt="{escape(figure.caption)}">'
        f"<figcaption>{escape(figure.caption)}</figcaption></figure>"
        for figure in figures
    )
    compared = _scores(scores) if scores else ""
    total = sum(step.seconds for step in steps)
    page = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>hcmoco-bench demo</title><style>{_STYLE}</style></head><body>
<h1>hcmoco-bench: the whole way, on generated people</h1>
<p>Nobody in these images exists: a parametric body in front of a simulated Kinect v2, written in NTU RGB+D's
raw formats and prepared as the real recordings are.</p>
<table><tr><th>step, and the command that does it</th><th>result</th><th></th></tr>
{rows}
<tr><td>all</td><td></td><td class=seconds>{total:.1f} s</td></tr></table>
<p>The dataset, with nothing but <code>pip install datasets</code>:</p>
<pre><code>from datasets import load_dataset
train = load_dataset("{escape(str(dataset))}", split="train")</code></pre>
{compared}
{drawn}
</body></html>
"""
    path = out / "index.html"
    write_atomic(path, page)
    return path


def _scores(scores: Sequence[DemoScore]) -> str:
    heads = "".join(f"<th>{escape(score.name)}</th>" for score in scores)
    values = "".join(f"<td><b>{score.value:.1f} {escape(score.unit)}</b>{_interval(score)}</td>" for score in scores)
    return f"""<h2>Depth parsing, trained on a fifth of the labels</h2>
<p>Mean intersection over union of 25 classes on the test split; in brackets, where 95 % of bootstraps over people lie.
A small network and a handful of people: the figures say that everything works, not which pre-training is better.</p>
<table><tr><th></th>{heads}</tr><tr><td>mIoU</td>{values}</tr></table>"""


def _interval(score: DemoScore) -> str:
    return "" if score.interval is None else f" ({score.interval[0]:.1f} to {score.interval[1]:.1f})"
