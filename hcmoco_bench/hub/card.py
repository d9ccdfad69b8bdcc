"""The dataset card: `DATASET_CARD.md` filled with what is really in the folder, under the header that the Hub reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hcmoco_bench.body import part_table
from hcmoco_bench.body.annotation_files import annotation_file
from hcmoco_bench.files.templates import render_template
from hcmoco_bench.hub.card_provenance import shared_performers, store_facts
from hcmoco_bench.hub.citation import dataset_citation
from hcmoco_bench.hub.features import ANNOTATION_COLUMNS, ANNOTATION_SPLITS, CONFIGURATIONS, ROW_COLUMNS
from hcmoco_bench.hub.folder_writer import PublishedConfiguration
from hcmoco_bench.hub.publication import Publication
from hcmoco_bench.store.kinds.ntu import NtuStore

if TYPE_CHECKING:
    from datasets import Features

CARD_FILE = "README.md"
TEMPLATE = "DATASET_CARD.md"

_TITLES = {"parsing4k": "NTURGBD-Parsing-4K", "pretrain": "NTU RGB+D frames for pre-training"}
LICENSE_LINK = "https://rose1.ntu.edu.sg/dataset/actionRecognition/"
"""Where the owners of NTU RGB+D state its terms."""


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


@dataclass(frozen=True)
class _Column:
    """A column of a configuration: name, type in a word, meaning."""

    name: str
    type: str
    meaning: str


@dataclass(frozen=True)
class _SplitRows:
    """A published split: its configuration, written and expected samples, and whether its people are generated."""

    configuration: str
    split: str
    rows: int
    expected: int
    generated: bool


def render_card(facts: CardFacts) -> str:
    """The whole `README.md`: YAML header (configurations, features, split sizes) and the filled template."""
    return f"---\n{_header(facts)}\n---\n\n{render_template(annotation_file(TEMPLATE), _template_facts(facts))}"


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
        else {"license": "other", "license_name": "ntu-rgbd-terms", "license_link": LICENSE_LINK}
    )
    rows = max(sum(configuration.rows.values()) for configuration in facts.configurations)
    data = DatasetCardData(
        **terms,
        pretty_name=dataset_title(facts),
        task_categories=["image-segmentation", "keypoint-detection", "depth-estimation"],
        tags=dataset_tags(facts),
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


def dataset_title(facts: CardFacts) -> str:
    """The title of the card."""
    title = " and ".join(_TITLES[name] for name in facts.stores)
    return f"{title}: generated people" if facts.record.generated else title


def dataset_tags(facts: CardFacts) -> list[str]:
    """What the dataset is found by."""
    return [
        "human-parsing",
        "rgb-d",
        "kinect-v2",
        "skeleton",
        *(["generated-people"] if facts.record.generated else []),
    ]


def _template_facts(facts: CardFacts) -> dict[str, Any]:
    by_name = {configuration.name: configuration for configuration in facts.configurations}
    full = [configuration for configuration in facts.configurations if configuration.name != "annotations"]
    main = facts.stores.get("parsing4k")
    return {
        "title": dataset_title(facts),
        "citation": dataset_citation(licensed=not facts.record.generated),
        "record": facts.record,
        "stores": [store_facts(name, store) for name, store in facts.stores.items()],
        "configurations": facts.configurations,
        "rows": [row for configuration in facts.configurations for row in _split_rows(configuration, facts)],
        "written": {name: list(configuration.rows) for name, configuration in by_name.items()},
        "row_configurations": [configuration.name for configuration in full],
        "row_columns": _columns(full[0].features, ROW_COLUMNS) if full else [],
        "annotation_columns": _columns(by_name["annotations"].features, ANNOTATION_COLUMNS),
        "generated_names": _generated_names(facts),
        "parts": part_table(),
        "shared": None if main is None else shared_performers(main),
    }


def _split_rows(configuration: PublishedConfiguration, facts: CardFacts) -> list[_SplitRows]:
    declared = {one.name: one for one in CONFIGURATIONS}
    set_of = {split: name for name, split in ANNOTATION_SPLITS.items()}
    found = []
    for split, rows in configuration.rows.items():
        if configuration.name in declared:
            manifest = facts.stores[declared[configuration.name].store_set].manifest
            names = [declared[configuration.name].splits[split]]
        else:
            manifest = facts.stores[set_of[split]].manifest
            names = [name for name in ("train", "test") if name in manifest.splits]
        expected = sum(manifest.splits[name].expected for name in names)
        found.append(_SplitRows(configuration.name, split, rows, expected, manifest.source.generated))
    return found


def _columns(features: Features, meanings: Mapping[str, str]) -> list[_Column]:
    words = {"Image": "image", "List": "list"}
    return [
        _Column(name, str(words.get(type(feature).__name__) or getattr(feature, "dtype", "struct")), meanings[name])
        for name, feature in features.items()
    ]


def _generated_names(facts: CardFacts) -> list[str]:
    """Configurations, and splits of `annotations`, whose people are generated."""
    made_from = {name for name, store in facts.stores.items() if store.manifest.source.generated}
    names = [c.name for c in CONFIGURATIONS if c.store_set in made_from and facts.record.pixels]
    return names + [f"annotations/{ANNOTATION_SPLITS[name]}" for name in facts.stores if name in made_from]
