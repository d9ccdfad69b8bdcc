"""2-D pose of people in photographs, top-down (COCO, MPII)."""
