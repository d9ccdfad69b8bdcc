"""Who writes the shards: processes of this machine, or a Dask cluster. The bytes are the same."""

from hcmoco_bench.prepare.executors.choose import EXECUTORS, make_executor
from hcmoco_bench.prepare.executors.local import LocalExecutor
from hcmoco_bench.store.executor import Executor

__all__ = ["EXECUTORS", "Executor", "LocalExecutor", "make_executor"]
