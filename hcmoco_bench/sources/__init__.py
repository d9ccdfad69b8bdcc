"""One module per data set, each reading that data set in its own published layout, folder or archive."""
