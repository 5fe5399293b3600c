"""The main job on built-in data: questions to tables, new classes from one example, and a report."""

from polytask.demo.both_halves import DemoOutcome, run_demo

__all__ = ["DemoOutcome", "run_demo"]
