"""Rows of a store decoded to typed arrays, by what a row holds and not by its data set."""
