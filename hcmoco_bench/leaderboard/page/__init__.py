"""The leaderboard as a static site: pages that read without scripts and compute their figures again in the browser."""

from hcmoco_bench.leaderboard.page.site import Site, write_site

__all__ = ["Site", "write_site"]
