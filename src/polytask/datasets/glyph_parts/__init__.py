"""What `polytask.datasets.glyphs` is drawn from: its characters, and their faces in fonts."""
