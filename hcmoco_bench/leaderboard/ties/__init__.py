"""Ties instead of ranks: paired comparisons of the rows of a table, and the ranks that they leave open."""

from hcmoco_bench.leaderboard.ties.compare import PairComparison, compare_rows
from hcmoco_bench.leaderboard.ties.ranks import standing
from hcmoco_bench.leaderboard.ties.scoring import Contender, GroupsOf, Scoring, task_scoring

__all__ = [
    "Contender",
    "GroupsOf",
    "PairComparison",
    "Scoring",
    "compare_rows",
    "standing",
    "task_scoring",
]
