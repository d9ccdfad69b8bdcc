"""Networks: encoders that turn an image into a pyramid of features, and the mappers to the embeddings compared."""
