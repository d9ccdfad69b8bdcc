"""Keypoint correspondences to camera models to RGB in the depth frame."""
