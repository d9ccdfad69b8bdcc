"""Checkpoints of other programs: one module for each format, and their registry."""
