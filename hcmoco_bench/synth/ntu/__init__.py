"""Generated scenes and clips, written as a raw NTU RGB+D tree with their truth."""
