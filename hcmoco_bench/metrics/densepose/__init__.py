"""DensePose's metrics: geodesic point similarity (GPS), GPSM, mask and box overlap, and AP and AR by them.

geodesics = open_geodesics(Path("densepose_data"))            # the authors' tables; converted once
metric = DensePoseMetric(Path("densepose_minival2014.json"), geodesics)
metric.update(read_results(Path("predictions.json")).detections(problems := []))
metric.compute()["gpsm"].ap
"""

from hcmoco_bench.metrics.densepose.body_charts import BodyCharts
from hcmoco_bench.metrics.densepose.chart_outputs import ChartOutputs, chart_detections, quantize_charts
from hcmoco_bench.metrics.densepose.detection import Detection
from hcmoco_bench.metrics.densepose.geodesics import Geodesics
from hcmoco_bench.metrics.densepose.ground_truth import AnnotatedImage, read_annotations
from hcmoco_bench.metrics.densepose.mesh_geodesics import mesh_geodesics
from hcmoco_bench.metrics.densepose.metric import (
    MEASURES,
    DensePoseMetric,
    blank_evidence,
    densepose_scores,
    densepose_statistics,
)
from hcmoco_bench.metrics.densepose.published_tables import open_geodesics
from hcmoco_bench.metrics.densepose.result_file import ResultFile, read_results, to_result, write_results
from hcmoco_bench.metrics.densepose.similarity import PUBLISHED_SCALES, Similarities

__all__ = [
    "MEASURES",
    "PUBLISHED_SCALES",
    "AnnotatedImage",
    "BodyCharts",
    "ChartOutputs",
    "DensePoseMetric",
    "Detection",
    "Geodesics",
    "ResultFile",
    "Similarities",
    "blank_evidence",
    "chart_detections",
    "densepose_scores",
    "densepose_statistics",
    "mesh_geodesics",
    "open_geodesics",
    "quantize_charts",
    "read_annotations",
    "read_results",
    "to_result",
    "write_results",
]
