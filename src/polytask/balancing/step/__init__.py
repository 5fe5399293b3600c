"""The balanced step."""
