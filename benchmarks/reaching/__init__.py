"""What a user can do, on tiny inputs: the runs that `reached.py` measures."""
