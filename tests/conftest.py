"""Shared test set-up: one thread a process, in subprocesses too, as xdist runs several processes."""

import os

import torch

os.environ["OMP_NUM_THREADS"] = "1"
torch.set_num_threads(1)
