"""The types on which everything stands; knows no method."""

from polytask.core.batch import Batch, Episode, Inputs, batch_size, join_batches, map_inputs, stack_batches
from polytask.core.buffers import Buffers, kept_buffers
from polytask.core.defaults import usual_defaults
from polytask.core.doors import at_the_command, by_door
from polytask.core.errors import (
    BundleError,
    DataError,
    DataWarning,
    InputError,
    MissingPackageError,
    NotFiniteError,
    PolytaskError,
    ResultWarning,
    TrainingError,
    other_remedy,
)
from polytask.core.files import is_temporary, new_folder, rehearse_write, sweep, user_path, write_atomically
from polytask.core.forked import use_one_thread_after_fork
from polytask.core.gradients import assign, gramian, jacobian
from polytask.core.interrupts import CHECKPOINT_FILE, interruptible
from polytask.core.learner import EpisodicLearner, Execution, Learner, Predictor, State, run_loop
from polytask.core.modes import evaluating
from polytask.core.module_copy import module_copy
from polytask.core.names import counted, either, name_problem, near_names, printable, short_name
from polytask.core.objectives import Objectives, query_objectives
from polytask.core.private import PerTask, private_parameters, shared_parameters
from polytask.core.random import derive_seed, generator, numpy_generator, own_random_state, seeded
from polytask.core.records import record_from_json
from polytask.core.settings import SettingsCheck
from polytask.core.shared_model import Representation, SharedModel, Sharing, tap
from polytask.core.step_end import ends_step, part_of_step
from polytask.core.strict_json import format_json, parse_json
from polytask.core.task import Task, TaskKind

__all__ = [
    "CHECKPOINT_FILE",
    "Batch",
    "Buffers",
    "BundleError",
    "DataError",
    "DataWarning",
    "Episode",
    "EpisodicLearner",
    "Execution",
    "InputError",
    "Inputs",
    "Learner",
    "MissingPackageError",
    "NotFiniteError",
    "Objectives",
    "PerTask",
    "PolytaskError",
    "Predictor",
    "Representation",
    "ResultWarning",
    "SettingsCheck",
    "SharedModel",
    "Sharing",
    "State",
    "Task",
    "TaskKind",
    "TrainingError",
    "assign",
    "at_the_command",
    "batch_size",
    "by_door",
    "counted",
    "derive_seed",
    "either",
    "ends_step",
    "evaluating",
    "format_json",
    "generator",
    "gramian",
    "is_temporary",
    "interruptible",
    "jacobian",
    "join_batches",
    "kept_buffers",
    "map_inputs",
    "module_copy",
    "name_problem",
    "near_names",
    "new_folder",
    "numpy_generator",
    "other_remedy",
    "own_random_state",
    "parse_json",
    "part_of_step",
    "printable",
    "private_parameters",
    "query_objectives",
    "record_from_json",
    "rehearse_write",
    "run_loop",
    "seeded",
    "shared_parameters",
    "short_name",
    "stack_batches",
    "sweep",
    "tap",
    "usual_defaults",
    "user_path",
    "write_atomically",
]

use_one_thread_after_fork()  # here, as it has to be told before the fork, and all who compute import this
