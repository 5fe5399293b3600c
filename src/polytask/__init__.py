"""polytask: learn many tasks together; learn the next one fast."""
