"""Tables: reading, columns, features, targets, splits, leaks."""
