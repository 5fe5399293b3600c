from .both_halves import DemoOutcome, run_demo

__all__ = ["DemoOutcome", "run_demo"]
