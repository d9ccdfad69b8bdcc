"""Loading weights into networks: nothing is dropped in silence.

`models.weight_files` reads the files. A network inside one is found by a prefix of its names, after those of wrappers;
`OWN_PREFIXES` and the formats of `models.foreign` say which prefixes are tried for an encoder, and where each comes
from.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hcmoco_bench.errors import DataError
from hcmoco_bench.modality import Modality
from hcmoco_bench.models.foreign.prefixes import under_prefix
from hcmoco_bench.models.foreign.wrappers import unwrapped
from hcmoco_bench.models.weight_files import read_checkpoint, state_dict_in


@dataclass(frozen=True)
class Prefix:
    """A prefix under which published files keep an encoder.

    Attributes:
        text: What every key starts with.
        modality: The modality it stands for; None if the name says nothing.
        source: Who writes it.
    """

    text: str
    modality: Modality | None
    source: str


OWN_PREFIXES = (
    Prefix("backbone.", None, "an Encoder of this package"),
    Prefix("encoder.backbone.", None, "fine-tuned models of this package"),
    Prefix("rgb_encoder.backbone.", "rgb", "pre-training checkpoints of this package"),
    Prefix("depth_encoder.backbone.", "depth", "pre-training checkpoints of this package"),
    Prefix("encoder.", None, "single-encoder networks of PyContrast"),
)
"""Where a timm backbone may be inside a state dict, beside the places of `models.foreign.registry.encoder_prefixes`."""


REGISTERED_PREFIXES = (
    Prefix("", None, "exports of this package"),
    Prefix("encoder.", None, "fine-tuned models of this package"),
    Prefix("rgb_encoder.", "rgb", "pre-training checkpoints of this package"),
    Prefix("depth_encoder.", "depth", "pre-training checkpoints of this package"),
)
"""Where a registered encoder, which has no timm backbone inside, may be inside a state dict."""


@dataclass(frozen=True)
class FoundNetwork:
    """A network inside a state dict.

    Attributes:
        state: The whole state dict, without the names of wrappers.
        prefix: What the names of the network begin with.
    """

    state: dict[str, Tensor]
    prefix: str

    def own(self) -> dict[str, Tensor]:
        """The tensors under the prefix, without it."""
        return under_prefix(self.state, self.prefix)


@dataclass(frozen=True)
class LoadReport:
    """What fitted and what did not.

    Attributes:
        prefix: The prefix that was taken off the keys.
        loaded: Number of tensors taken.
        missing: Names that the network has and the source has not.
        unexpected: Names that the source has and the network has not, without those the caller said to ignore.
        shapes: Name, shape in the network, shape in the source, where they differ.
    """

    prefix: str
    loaded: int
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    shapes: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]

    @property
    def complete(self) -> bool:
        """Whether every tensor found its partner."""
        return not (self.missing or self.unexpected or self.shapes)


def load_weights(
    module: nn.Module,
    source: Path | Mapping[str, Any],
    *,
    prefix: str = "",
    strict: bool = True,
    ignore: Collection[str] = (),
    file: str = "",
) -> LoadReport:
    """Copy weights into a network, checking every name and shape first; on an error the network stays as it was.

    Names are compared as they are; where timm's `features_only` has renamed `stages.0` to `stages_0`, a point and an
    underscore count as the same. Counters of batch norm (`num_batches_tracked`), which old files lack, may be missing.

    Args:
        module: The network.
        source: A file, a checkpoint, or a state dict.
        prefix: Only keys that start with it are looked at, and it is taken off.
        strict: Fail if anything is missing, left over, or of another shape; otherwise take what fits.
        ignore: Names (without prefix) that may be left over, e.g. those of a classification head.
        file: What to call the source in messages; a path names itself.

    Raises:
        DataError: If the source cannot be read, or (strict) does not fit; lists names and shapes. Kind
            `weights_mismatch`; or holds values that are not finite, kind `weights_not_finite`.
    """
    file = file or (str(source) if isinstance(source, Path) else "the state dict")
    state = state_dict_in(read_checkpoint(source) if isinstance(source, Path) else source, file=file)
    given = under_prefix(state, prefix)
    expected = module.state_dict()
    partners = _partners(expected, given)
    fitting, shapes = {}, []
    for name, key in partners.items():
        if expected[name].shape == given[key].shape:
            fitting[name] = given[key]
        else:
            shapes.append((name, tuple(expected[name].shape), tuple(given[key].shape)))
    ignored, used = set(ignore), set(partners.values())
    report = LoadReport(
        prefix=prefix,
        loaded=len(fitting),
        missing=tuple(n for n in expected if n not in partners and not n.endswith("num_batches_tracked")),
        unexpected=tuple(key for key in given if key not in used and key not in ignored),
        shapes=tuple(shapes),
    )
    if strict and not report.complete:
        sentence = _superseded(module, report.unexpected)
        message = _mismatch(file, report) if sentence is None else f"{file}: {sentence}"
        raise DataError(message, kind="weights_mismatch", file=file)
    check_finite(fitting, file=file)
    module.load_state_dict(fitting, strict=False)
    return report


def check_finite(state: Mapping[str, Tensor], *, file: str) -> None:
    """Raise DataError (`weights_not_finite`) if tensors hold NaN or infinity; names some of them."""
    wrong = [
        name for name, value in state.items() if value.is_floating_point() and not bool(torch.isfinite(value).all())
    ]
    if wrong:
        raise DataError(
            f"{file}: {len(wrong)} of {len(state)} tensors hold values that are not finite ({', '.join(wrong[:3])}); "
            "the training that wrote it diverged, or the file is damaged: use an earlier checkpoint or another copy",
            **_at("not_finite", file),
        )


def find_network(
    module: nn.Module,
    state: Mapping[str, Tensor],
    *,
    modality: Modality | None = None,
    candidates: Sequence[Prefix],
    file: str = "the state dict",
) -> FoundNetwork:
    """Where a state dict holds a network: under which prefix, behind the names of which wrappers.

    A prefix under which every name of the network is found wins; if there is none, the one with the most, so that
    `load_weights` can say what is wrong.

    Args:
        module: The network looked for.
        state: A state dict.
        modality: The modality wanted; needed where a checkpoint holds an encoder for each.
        candidates: The prefixes tried, after the names of wrappers (`models.foreign.wrappers`) are taken off.
        file: What to call the source in messages.

    Raises:
        DataError: If no name of the network is found under any prefix (`weights_foreign`), or two modalities fit and
            none was asked for (`weights_ambiguous`), or the file is of an earlier version of the network
            (`weights_mismatch`).
    """
    allowed = [p for p in candidates if modality is None or p.modality in (None, modality)]
    wanted = tuple(module.state_dict())  # asked for once: of a large network it takes as long as to read the file
    best, winners = 0, list[tuple[Prefix, dict[str, Tensor]]]()
    for names in unwrapped(state):
        for prefix in allowed:
            hits = len(_partners(wanted, under_prefix(names, prefix.text)))
            if hits > best:
                best, winners = hits, []
            if hits == best > 0:
                winners.append((prefix, names))
    if not winners:
        sentence = next((found for names in unwrapped(state) if (found := _superseded(module, names))), None)
        if sentence is not None:
            raise DataError(f"{file}: {sentence}", kind="weights_mismatch", file=file)
        tried = ", ".join(repr(text) for text in dict.fromkeys(p.text for p in allowed))
        keys = ", ".join(list(state)[:3])
        raise DataError(
            f"{file} does not hold this network under any known prefix ({tried}); its keys begin with {keys}",
            **_at("foreign", file),
        )
    modalities = {prefix.modality for prefix, _ in winners if prefix.modality is not None}
    if modality is None and len(modalities) > 1:
        raise DataError(
            f"{file} holds an encoder for each of {', '.join(sorted(modalities))}; say which modality to take",
            **_at("ambiguous", file),
        )
    prefix, names = winners[0]
    return FoundNetwork(names, prefix.text)


def _partners(wanted: Collection[str], given: Collection[str]) -> dict[str, str]:
    """Name in the network -> key in the source."""
    by_flat_name: dict[str, str] = {}
    for key in given:
        by_flat_name.setdefault(_flat(key), key)
    partners = {}
    if by_flat_name:
        for name in wanted:
            partner = name if name in given else by_flat_name.get(_flat(name))
            if partner is not None:
                partners[name] = partner
    return partners


def _superseded(module: nn.Module, names: Collection[str]) -> str | None:
    """What a network says of files of its earlier versions, if the names are such a file's.

    A module that changed in a way that makes old weights wrong has new names for its parameters, and an attribute
    `superseded`: beginnings of the old names, with the sentence for whoever gives an old file.
    """
    for place, part in module.named_modules():
        for beginning, sentence in getattr(part, "superseded", {}).items():
            old = f"{place}.{beginning}" if place else beginning
            if any(name.startswith(old) or f".{old}" in name for name in names):
                return str(sentence)
    return None


def _flat(name: str) -> str:
    return name.replace(".", "_")


def _mismatch(file: str, report: LoadReport, shown: int = 12) -> str:
    lines = [f"{file} does not fit this network" + (f" (under prefix {report.prefix!r})" if report.prefix else "")]
    lists = {
        "missing in the file": list(report.missing),
        "not in the network": list(report.unexpected),
        "of another shape": [f"{name} {given} instead of {wanted}" for name, wanted, given in report.shapes],
    }
    for title, names in lists.items():
        if names:
            rest = f", and {len(names) - shown} more" if len(names) > shown else ""
            lines.append(f"  {len(names)} {title}: {', '.join(names[:shown])}{rest}")
    return "\n".join(lines)


def _at(kind: str, file: Path | str) -> dict[str, str]:
    return {"kind": f"weights_{kind}", "file": str(file)}
