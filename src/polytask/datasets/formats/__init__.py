"""The file formats that datasets come in."""
