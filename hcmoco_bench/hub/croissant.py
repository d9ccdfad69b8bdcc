"""`croissant.json`: the published dataset in Croissant 1.1, which `mlcroissant` and search engines for data sets read.

Specification: https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html
"""

from __future__ import annotations

import re
from typing import Any, Final

from hcmoco_bench.files.json import json_text
from hcmoco_bench.hub.card import CARD_FILE, LICENSE_LINK, CardFacts, dataset_tags, dataset_title
from hcmoco_bench.hub.citation import dataset_citation
from hcmoco_bench.hub.croissant_fields import Json, croissant_fields
from hcmoco_bench.hub.features import ANNOTATION_COLUMNS, ROW_COLUMNS
from hcmoco_bench.hub.folder_writer import PublishedConfiguration

CROISSANT_FILE: Final = "croissant.json"
"""Lies beside the card; `datasets` does not read it."""

_CONTEXT: Final[Json] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context of Croissant 1.1, by which readers recognize the terms."""

_PARQUET: Final = "application/x-parquet"
_CC0: Final = "https://creativecommons.org/publicdomain/zero/1.0/"


def render_croissant(facts: CardFacts) -> str:
    """The whole file: what the dataset is, its terms, each data file with its SHA-256, and the fields of all rows.

    Addresses of files are relative to the file itself, so that a downloaded folder is read without a network. There is
    no date in it: the same stores give the same bytes.
    """
    record = facts.record
    document: Json = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": record.name,
        "alternateName": dataset_title(facts),
        "description": _description(facts),
        "url": f"https://huggingface.co/datasets/{record.name}" if "/" in record.name else CARD_FILE,
        "license": _CC0 if record.generated else LICENSE_LINK,
        "conditionsOfAccess": _terms(facts),
        "citeAs": dataset_citation(licensed=not record.generated),
        "version": record.tool.version,
        "isLiveDataset": False,
        "keywords": dataset_tags(facts),
        "distribution": [entry for one in facts.configurations for entry in _distribution(one)],
        "recordSet": [entry for one in facts.configurations for entry in _record_sets(one)],
    }
    return f"{json_text(document, indent=2)}\n"


def _description(facts: CardFacts) -> str:
    what = (
        "People seen by a Kinect v2: color, depth, skeletons and body parts in the pixel grid of the depth camera, "
        "512x424."
    )
    if not facts.record.pixels:
        what = (
            "Annotations of people seen by a Kinect v2: ids, splits, transforms and hashes, from which hcmoco-bench "
            "rebuilds the full rows out of your own copy of NTU RGB+D. No image of the source is in it."
        )
    generated = [store.manifest.source.generated for store in facts.stores.values()]
    if all(generated):
        return f"{what} Everybody in this dataset is generated; scores on it must not be compared with published ones."
    if any(generated):
        return f"{what} A part of the people is generated; {CARD_FILE} says which."
    return what


def _terms(facts: CardFacts) -> str:
    return " ".join(dict.fromkeys(store.manifest.source.license for store in facts.stores.values()))


def _distribution(configuration: PublishedConfiguration) -> list[Json]:
    """Each Parquet file with its hash, and all of a configuration as the set that its fields are read from."""
    files: list[Json] = [
        {
            "@type": "cr:FileObject",
            "@id": f"{configuration.folder}/{file.path}",
            "name": f"{configuration.folder}/{file.path}",
            "description": f"{file.rows} rows of the split {split} of the configuration {configuration.name}.",
            "contentUrl": f"{configuration.folder}/{file.path}",
            "contentSize": f"{file.size} B",
            "encodingFormat": _PARQUET,
            "sha256": file.sha256,
        }
        for split, of_split in configuration.files.items()
        for file in of_split
    ]
    together: Json = {
        "@type": "cr:FileSet",
        "@id": _file_set(configuration),
        "name": _file_set(configuration),
        "description": f"All files of the configuration {configuration.name}.",
        "encodingFormat": _PARQUET,
        "includes": f"{configuration.folder}/*.parquet",
    }
    return [*files, together]


def _file_set(configuration: PublishedConfiguration) -> str:
    return f"{configuration.name}_files"


def _record_sets(configuration: PublishedConfiguration) -> list[Json]:
    splits, name = f"{configuration.name}_splits", f"{configuration.name}_splits/name"
    counts = ", ".join(f"{split} {rows}" for split, rows in configuration.rows.items())
    names: Json = {
        "@type": "cr:RecordSet",
        "@id": splits,
        "name": splits,
        "description": f"Splits of the configuration {configuration.name}, with their rows: {counts}.",
        "dataType": "cr:Split",
        "key": {"@id": name},
        "field": [{"@type": "cr:Field", "@id": name, "name": "name", "dataType": "sc:Text"}],
        "data": [{name: split} for split in configuration.rows],
    }
    split: Json = {
        "@type": "cr:Field",
        "@id": f"{configuration.name}/split",
        "name": "split",
        "description": "name of the split",
        "dataType": "sc:Text",
        "references": {"field": {"@id": name}},
        "source": {
            "fileSet": {"@id": _file_set(configuration)},
            "extract": {"fileProperty": "fullpath"},
            "transform": {"regex": f"{re.escape(configuration.folder)}/({_any_of(configuration)})-.+\\.parquet$"},
        },
    }
    meanings: dict[str, Any] = ANNOTATION_COLUMNS if configuration.name == "annotations" else ROW_COLUMNS
    fields = croissant_fields(configuration.name, configuration.features, meanings, _file_set(configuration))
    rows: Json = {
        "@type": "cr:RecordSet",
        "@id": configuration.name,
        "name": configuration.name,
        "description": configuration.description,
        "field": [split, *fields],
    }
    return [names, rows]


def _any_of(configuration: PublishedConfiguration) -> str:
    return "|".join(map(re.escape, configuration.rows))
