"""Prepared stores of every kind: written, resumed, verified, opened and read in one way."""
