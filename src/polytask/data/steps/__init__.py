"""Training steps: joint ones, several sources, sampling of tasks, curricula."""
