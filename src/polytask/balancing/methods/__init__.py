"""The balancers, one method a file."""
