"""DensePose R-CNN: people found in a picture, and for each of their pixels the place on the body's surface."""
