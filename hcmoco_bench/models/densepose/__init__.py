"""DensePose R-CNN: people found in a image, and for each of their pixels the place on the body's surface."""
