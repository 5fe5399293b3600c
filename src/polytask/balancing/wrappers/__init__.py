"""Balancers around another one."""
