"""Charts of a table, as coordinates and texts that the templates draw."""
