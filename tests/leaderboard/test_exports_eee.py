"""Every Eval Ever's records, held against its schema."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from exports_rows import BIBTEX, CI95, MEAN, SPLIT, leaderboard

from hcmoco_bench.leaderboard.exports.eee import export_eee

SCHEMA = json.loads((Path(__file__).parent / "data/every-eval-ever-0.3.0.schema.json").read_text())


def _records(out: Path) -> dict[str, dict[str, Any]]:
    """Records by the id of their row."""
    records = [json.loads(path.read_text()) for path in out.rglob("*.json")]
    return {record["source_metadata"]["additional_details"]["row"]: record for record in records}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("eee") / "out"
    files = export_eee(leaderboard(), out, created=1_700_000_000)
    assert sorted(files) == sorted(out.rglob("*.json"))
    return out


def test_every_record_is_of_the_schema(exported: Path) -> None:
    validator = jsonschema.Draft7Validator(SCHEMA)
    records = _records(exported)
    assert records.keys() == {"after-1", "paper-table-9-hcmoco", "hostile", "pose-1"}
    for record in records.values():
        validator.validate(record)
        assert record["schema_version"] == SCHEMA["version"]
    damaged = {**records["after-1"], "evaluation_results": [{"evaluation_name": "x"}]}
    assert not validator.is_valid(damaged)


def test_scores_intervals_and_hashes_go_along(exported: Path) -> None:
    record = _records(exported)["after-1"]
    (found,) = record["evaluation_results"]
    score = found["score_details"]
    assert score["score"] == MEAN
    interval = score["uncertainty"]["confidence_interval"]
    assert (interval["lower"], interval["upper"], interval["confidence_level"]) == (*CI95, 0.95)
    assert (score["uncertainty"]["num_samples"], score["uncertainty"]["num_bootstrap_samples"]) == (132, 1000)
    assert float(score["details"]["macc"]) == 48.73869480851362
    assert float(score["details"]["std_over_seeds"]) == 0.1 + 0.2
    assert json.loads(score["details"]["per_class"]) == {"head": {"iou": 1 / 3, "accuracy": None}}
    assert found["source_data"]["additional_details"]["split_sha256"] == SPLIT
    assert found["source_data"]["additional_details"]["protocol"] == "native"
    assert found["metric_config"]["metric_id"] == "hcmoco-bench.depth-parsing.miou"
    assert found["metric_config"]["lower_is_better"] is False
    assert (found["metric_config"]["min_score"], found["metric_config"]["max_score"]) == (0, 100)
    source = record["source_metadata"]
    assert (source["source_type"], source["evaluator_relationship"]) == ("evaluation_run", "third_party")
    assert source["additional_details"]["level"] == "labels"
    assert (record["eval_library"]["name"], record["eval_library"]["version"]) == ("hcmoco-bench", "0.1.0")
    assert record["retrieved_timestamp"] == "1700000000"


def test_a_papers_row_is_documentation_of_unknown_tools(exported: Path) -> None:
    record = _records(exported)["paper-table-9-hcmoco"]
    source = record["source_metadata"]
    assert (source["source_type"], source["evaluator_relationship"]) == ("documentation", "other")
    assert source["additional_details"]["bibtex"] == BIBTEX
    assert source["additional_details"]["level"] == "paper"
    assert record["eval_library"] == {"name": "unknown", "version": "unknown"}
    assert "uncertainty" not in record["evaluation_results"][0]["score_details"]
    errors = _records(exported)["pose-1"]["evaluation_results"][0]["metric_config"]
    assert (errors["lower_is_better"], errors["metric_unit"], errors["max_score"]) == (True, "mm", "Infinity")


def test_places_are_those_of_the_collection_and_do_not_change(exported: Path, tmp_path: Path) -> None:
    # The pattern that the schema has for files of samples, which lie beside the records.
    pattern = SCHEMA["properties"]["detailed_evaluation_results"]["properties"]["file_path"]["pattern"]
    places = {path.relative_to(exported).as_posix() for path in exported.rglob("*.json")}
    for place in places:
        assert re.match(pattern, place.replace(".json", "_samples.jsonl")), place
    again = export_eee(leaderboard(), tmp_path / "later", created=1_800_000_000)
    assert {path.relative_to(tmp_path / "later").as_posix() for path in again} == places
    ids = [record["evaluation_id"] for record in _records(exported).values()]
    assert len(set(ids)) == len(ids)


def test_hostile_texts_stay_texts(exported: Path) -> None:
    for path in exported.rglob("*.json"):
        assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", path.read_text())
    record = _records(exported)["hostile"]
    assert "urls" not in record["source_metadata"]["additional_details"]
    assert record["model_info"]["name"].startswith("</script>")
