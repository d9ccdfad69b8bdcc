"""Parsing from embeddings that two modalities share: cross-modality supervision, missing modalities."""
