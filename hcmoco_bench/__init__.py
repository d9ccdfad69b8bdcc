"""hcmoco-bench: data and benchmark toolkit for human-centric perception."""

__version__ = "0.1.0"
