"""3-D pose from a depth map (ITOP)."""
