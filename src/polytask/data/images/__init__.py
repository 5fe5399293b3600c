"""Images from files and arrays."""
