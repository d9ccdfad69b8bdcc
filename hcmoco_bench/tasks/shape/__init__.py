"""Parameters of a body model from one image: pose, shape, and what a person understands of them."""
