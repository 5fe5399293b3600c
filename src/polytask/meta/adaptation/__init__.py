"""Adaptation by gradient steps: the inner loop, its rules, its derivative."""
