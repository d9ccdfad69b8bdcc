"""Sample or result in, matplotlib Figure out."""
