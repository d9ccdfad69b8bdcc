"""3-D pose from one RGB image on Human3.6M, by integral regression over our encoders."""
