"""DensePose R-CNN: people found in an image, and for each of their pixels the place on the body's surface."""
