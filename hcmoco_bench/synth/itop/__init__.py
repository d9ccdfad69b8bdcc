"""Generated people before a structured-light depth camera, in ITOP's HDF5 files."""
