"""DensePose on COCO."""
