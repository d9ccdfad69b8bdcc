"""Parametric bodies: from shape and pose to vertices and joints."""
