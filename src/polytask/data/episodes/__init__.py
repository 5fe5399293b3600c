"""Few-shot episodes: of classes, functions and tasks."""
