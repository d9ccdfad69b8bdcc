"""Rooms with furniture: meshes, textures, light and shadows."""
