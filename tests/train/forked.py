"""Processes that have imported what a run needs as they start, which takes a new one some seconds."""

import multiprocessing

FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(["tests.train.joint_run"])
