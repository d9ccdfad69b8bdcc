"""Croissant Tasks, read as RDF and held against the domains and ranges of its vocabulary."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from exports_rows import BIBTEX, CI95, MEAN, SPLIT, leaderboard
from rdflib import RDF, RDFS, Graph, Literal, Namespace, URIRef
from rdflib.term import Node

from hcmoco_bench.leaderboard.exports.croissant import export_croissant

CR = Namespace("http://mlcommons.org/croissant/")
SCHEMA = Namespace("https://schema.org/")
OF_DATASETS = {CR.field, CR.dataType}
"""Properties of Croissant itself, which the vocabulary of tasks builds upon."""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("croissant") / "out"
    files = export_croissant(leaderboard(), out)
    assert sorted(files) == sorted(path for path in out.rglob("*") if path.is_file())
    return out


@pytest.fixture(scope="module")
def graph(exported: Path) -> Graph:
    graph = Graph()
    for path in exported.rglob("*.jsonld"):
        graph.parse(path, format="json-ld")
    return graph


@pytest.fixture(scope="module")
def vocabulary() -> Graph:
    return Graph().parse(Path(__file__).parent / "data/croissant-tasks.ttl", format="turtle")


def _classes(node: Node, graph: Graph, vocabulary: Graph) -> Iterator[Node]:
    """Classes of a node with those above them; of a literal, the classes of schema.org that stand for its type."""
    if isinstance(node, Literal):
        yield SCHEMA.Boolean if isinstance(node.value, bool) else SCHEMA.Text
        return
    for one in graph.objects(node, RDF.type):
        yield from vocabulary.transitive_objects(one, RDFS.subClassOf)


def test_every_property_has_a_subject_and_an_object_that_the_vocabulary_allows(graph: Graph, vocabulary: Graph) -> None:
    domain, range_ = SCHEMA.domainIncludes, SCHEMA.rangeIncludes
    used = set()
    for subject, predicate, value in graph:
        if not str(predicate).startswith(str(CR)) or predicate in OF_DATASETS:
            continue
        used.add(predicate)
        assert set(_classes(subject, graph, vocabulary)) & set(vocabulary.objects(predicate, domain)), predicate
        assert set(_classes(value, graph, vocabulary)) & set(vocabulary.objects(predicate, range_)), (predicate, value)
    assert {CR.input, CR.output, CR.evaluation, CR.evaluationResults, CR.expectedMetric, CR.lowerIsBetter} < used


def test_every_class_is_of_the_vocabulary(graph: Graph, vocabulary: Graph) -> None:
    known = set(vocabulary.subjects(RDF.type, URIRef(f"{RDF}Class"))) | {CR.RecordSet, CR.Field}
    assert {one for one in graph.objects(None, RDF.type) if str(one).startswith(str(CR))} <= known


def test_problems_and_solutions_keep_the_rules_of_the_specification(graph: Graph) -> None:
    problems, solutions = set(graph.subjects(RDF.type, CR.TaskProblem)), set(graph.subjects(RDF.type, CR.TaskSolution))
    assert (len(problems), len(solutions)) == (2, 5)
    for problem in problems:
        (output,) = graph.objects(problem, CR.output)
        assert (output, RDF.type, CR.OutputSpec) in graph
        (records,) = graph.objects(output, CR.schema)
        assert len(list(graph.objects(records, CR.field))) == 2
    for solution in solutions:
        (problem,) = graph.objects(solution, SCHEMA.isBasedOn)
        assert problem in problems
        (implementation,) = graph.objects(solution, CR.implementation)
        assert (implementation, RDF.type, SCHEMA.SoftwareApplication) in graph
        (evaluation,) = graph.objects(solution, CR.evaluation)
        assert list(graph.objects(evaluation, CR.evaluatedSolution)) == [solution]
    for result in graph.subjects(RDF.type, CR.EvaluationResult):
        (metric,), (value,) = graph.objects(result, CR.metric), graph.objects(result, CR.value)
        assert isinstance(metric, URIRef | Literal)
        assert (value, RDF.type, SCHEMA.QuantitativeValue) in graph


def test_figures_levels_and_hashes_go_along(exported: Path) -> None:
    below = exported / "depth-parsing-native-nturgbd-parsing-4k-test"
    solution = json.loads((below / "solutions/after-1.jsonld").read_text())
    results = solution["croissant:evaluation"]["croissant:evaluationResults"]
    main, other, of_class = (one["croissant:value"] for one in results)
    assert (results[2]["croissant:metric"], of_class["schema:value"]) == ("iou of head", 1 / 3)
    assert (main["schema:value"], main["schema:unitText"], other["schema:value"]) == (MEAN, "%", 48.73869480851362)
    facts = {one["schema:name"]: one["schema:value"] for one in main["schema:additionalProperty"]}
    assert (facts["level"], facts["party"], facts["checked_by"]) == ("labels", "third", "Somebody Else")
    assert (float(facts["ci95_low"]), float(facts["ci95_high"])) == CI95
    assert (facts["protocol"], facts["split_sha256"]) == ("native", SPLIT)
    problem = json.loads((below / "problem.jsonld").read_text())
    assert problem["croissant:input"]["schema:identifier"][0]["schema:value"] == SPLIT
    paper = json.loads((below / "solutions/paper-table-9-hcmoco.jsonld").read_text())
    assert paper["schema:citation"] == [BIBTEX]
    assert "croissant:execution" not in paper


def test_hostile_texts_stay_texts(exported: Path) -> None:
    for path in exported.rglob("*.jsonld"):
        text = path.read_text()
        assert "\u202e" not in text
        assert 'javascript:alert(1)"]' not in text
        assert len(path.name) < 255
