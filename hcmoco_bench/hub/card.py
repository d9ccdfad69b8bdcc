"""The dataset card: `DATASET_CARD.md` filled with what is really in the folder, under the header that the Hub reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hcmoco_bench.body import part_table
from hcmoco_bench.body.annotation_files import annotation_file
from hcmoco_bench.hub.card_provenance import fingerprint_rows, making_text, provenance_text, shared_performers
from hcmoco_bench.hub.features import ANNOTATION_COLUMNS, ANNOTATION_SPLITS, CONFIGURATIONS, ROW_COLUMNS
from hcmoco_bench.hub.folder_writer import PublishedConfiguration
from hcmoco_bench.hub.publication import Publication
from hcmoco_bench.hub.template import render_template
from hcmoco_bench.store.kinds.ntu import NtuStore

if TYPE_CHECKING:
    from datasets import Features

TEMPLATE = "DATASET_CARD.md"

_TITLES = {"parsing4k": "NTURGBD-Parsing-4K", "pretrain": "NTU RGB+D frames for pre-training"}
_LICENSE_LINK = "https://rose1.ntu.edu.sg/dataset/actionRecognition/"


@dataclass(frozen=True)
class CardFacts:
    """What a card is made of.

    Attributes:
        stores: The stores by sample set.
        configurations: What was written; the first one that holds the main rows is the default.
        record: The publication's record.
    """

    stores: Mapping[str, NtuStore]
    configurations: Sequence[PublishedConfiguration]
    record: Publication


def render_card(facts: CardFacts) -> str:
    """The whole `README.md`: YAML header (configurations, features, split sizes) and the filled template."""
    template = annotation_file(TEMPLATE).read_text(encoding="utf-8")
    body = render_template(template, _values(facts), _flags(facts))
    return f"---\n{_header(facts)}\n---\n\n{body}"


def _header(facts: CardFacts) -> str:
    from datasets import DatasetInfo, SplitDict, SplitInfo
    from datasets.info import DatasetInfosDict
    from huggingface_hub import DatasetCardData

    infos = DatasetInfosDict()
    for configuration in facts.configurations:
        splits = SplitDict()
        for split, files in configuration.files.items():
            rows, size = sum(file.rows for file in files), sum(file.arrow_bytes for file in files)
            splits.add(SplitInfo(name=split, num_bytes=size, num_examples=rows))
        files_of_all = [file for files in configuration.files.values() for file in files]
        infos[configuration.name] = DatasetInfo(
            features=configuration.features,
            config_name=configuration.name,
            splits=splits,
            download_size=sum(file.size for file in files_of_all),
            dataset_size=sum(file.arrow_bytes for file in files_of_all),
        )
    generated = facts.record.generated
    terms: dict[str, Any] = (
        {"license": "cc0-1.0"}
        if generated
        else {"license": "other", "license_name": "ntu-rgbd-terms", "license_link": _LICENSE_LINK}
    )
    rows = max(sum(configuration.rows.values()) for configuration in facts.configurations)
    data = DatasetCardData(
        **terms,
        pretty_name=_title(facts),
        task_categories=["image-segmentation", "keypoint-detection", "depth-estimation"],
        tags=["human-parsing", "rgb-d", "kinect-v2", "skeleton", *(["generated-people"] if generated else [])],
        size_categories=[_size_category(rows)],
        configs=[_config_entry(configuration, facts) for configuration in facts.configurations],
    )
    infos.to_dataset_card_data(data)
    return str(data.to_yaml(line_break="\n"))


def _config_entry(configuration: PublishedConfiguration, facts: CardFacts) -> dict[str, object]:
    entry: dict[str, object] = {"config_name": configuration.name}
    if configuration is facts.configurations[0]:
        entry["default"] = True
    # Named one by one: a pattern would also match what an older upload left in a repository.
    entry["data_files"] = [
        {"split": split, "path": [f"{configuration.folder}/{file.path}" for file in files]}
        for split, files in configuration.files.items()
    ]
    return entry


def _size_category(rows: int) -> str:
    for limit, name in ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M")):
        if rows < limit:
            return name
    return "1M<n<10M"


def _title(facts: CardFacts) -> str:
    title = " and ".join(_TITLES[name] for name in facts.stores)
    return f"{title}: generated people" if facts.record.generated else title


def _flags(facts: CardFacts) -> dict[str, bool]:
    sources = [store.manifest.source.generated for store in facts.stores.values()]
    written = {configuration.name for configuration in facts.configurations}
    main = facts.stores.get("parsing4k")
    shared = {} if main is None else shared_performers(main)
    return {
        "generated": all(sources),
        "mixed": any(sources) and not all(sources),
        "licensed": not all(sources),
        "licensed_masks": main is not None and main.manifest.parts and not main.manifest.source.generated,
        "any_depth": not all(store.manifest.options.rgb_only for store in facts.stores.values()),
        "pixels": facts.record.pixels,
        "parsing": "parsing" in written,
        "official": main is not None and main.manifest.lists.declaration == "official",
        "shares_people": shared.get("shared_performers", 0) > 0,
        "v3": "parsing_v3" in written,
        "pretrain": "pretrain" in written,
        "depth": main is not None and not main.manifest.options.rgb_only,
        "parts": main is not None and main.manifest.parts,
    }


def _values(facts: CardFacts) -> dict[str, str]:
    parts = part_table()
    by_name = {configuration.name: configuration for configuration in facts.configurations}
    rows_of = [configuration.name for configuration in facts.configurations if configuration.name != "annotations"]
    first_set = next(iter(facts.stores))
    annotation_split = next(iter(by_name["annotations"].rows))
    values = {
        "title": _title(facts),
        "repo": facts.record.name,
        "version": facts.record.tool.version,
        "with_masks": ", and the part masks" if facts.record.masks else "",
        "generated_configurations": _generated_configurations(facts),
        "configurations": _table(_configuration_rows(facts)),
        "descriptions": "\n".join(f"- `{c.name}`: {c.description}" for c in facts.configurations),
        "left_out": _left_out(facts.record.left_out),
        "other_splits": "",
        "palette": json.dumps(parts.palette.tolist()),
        "annotation_split": annotation_split,
        "annotation_set": first_set,
        "row_configurations": ", ".join(f"`{name}`" for name in rows_of),
        "row_columns": "",
        "annotation_columns": _table(_column_rows(by_name["annotations"].features, ANNOTATION_COLUMNS)),
        "parts_table": _table(_part_rows()),
        "fingerprints": _table(fingerprint_rows(facts.stores)),
        "provenance": provenance_text(facts.stores),
        "making": making_text(facts.stores),
        "licenses": "\n".join(f"- `{name}`: {store.manifest.source.license}" for name, store in facts.stores.items()),
    }
    if rows_of:
        values["row_columns"] = _table(_column_rows(by_name[rows_of[0]].features, ROW_COLUMNS))
    if "parsing" in by_name:
        names = list(by_name["parsing"].rows)
        values["other_splits"] = ", ".join(name for name in names if name != "train") or "none"
    if "parsing4k" in facts.stores:
        values |= {name: f"{count:,}" for name, count in shared_performers(facts.stores["parsing4k"]).items()}
    return values


def _configuration_rows(facts: CardFacts) -> Iterable[tuple[str, ...]]:
    expected_of = {
        (configuration.name, split): (configuration.store_set, name)
        for configuration in CONFIGURATIONS
        for split, name in configuration.splits.items()
    }
    set_of = {split: name for name, split in ANNOTATION_SPLITS.items()}
    for configuration in facts.configurations:
        for split, rows in configuration.rows.items():
            if configuration.name == "annotations":
                store = facts.stores[set_of[split]].manifest
                expected = sum(count.expected for name, count in store.splits.items() if name in ("train", "test"))
            else:
                store_set, name = expected_of[configuration.name, split]
                store = facts.stores[store_set].manifest
                expected = store.splits[name].expected
            source = "generated people" if store.source.generated else "NTU RGB+D"
            yield f"`{configuration.name}`", f"`{split}`", f"{rows:,}", f"{expected:,}", source


def _column_rows(features: Features, meanings: Mapping[str, str]) -> Iterable[tuple[str, ...]]:
    for name, feature in features.items():
        kind = getattr(feature, "dtype", None)
        if type(feature).__name__ == "Image":
            kind = "image"
        elif type(feature).__name__ == "List":
            kind = "list"
        yield f"`{name}`", str(kind or "struct"), meanings[name]


def _part_rows() -> Iterable[tuple[str, ...]]:
    table = part_table()
    names = {part.raw: part.name for part in table.part}
    for index, part in enumerate(table.part):
        partner = "" if part.partner is None else names[part.partner]
        yield str(index), str(part.raw), part.name, partner, " ".join(map(str, part.color))


def _generated_configurations(facts: CardFacts) -> str:
    made_from = {name for name, store in facts.stores.items() if store.manifest.source.generated}
    names = [c.name for c in CONFIGURATIONS if c.store_set in made_from and facts.record.pixels]
    names += [f"annotations/{ANNOTATION_SPLITS[name]}" for name in facts.stores if name in made_from]
    return ", ".join(f"`{name}`" for name in names)


def _left_out(names: Sequence[str]) -> str:
    if not names:
        return ""
    listed = ", ".join(f"`{name}`" for name in names)
    return f"Left out because no sample of them is here (`datasets` cannot load an empty split): {listed}."


def _table(rows: Iterable[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
