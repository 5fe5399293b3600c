"""Layers and networks that adapt well, and checks of what a support holds."""
