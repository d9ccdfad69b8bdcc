"""Leaderboards: published figures and checked results, their levels, their ties, tables, a page and exports."""
