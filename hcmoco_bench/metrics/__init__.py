"""One evaluator per family of metrics: `reset`, `update`, `compute`, and the per-sample evidence behind its scores."""
