"""Figures that publications print: their form, how they are read and checked, and their rows."""
