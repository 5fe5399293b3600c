from .batch import Batch, Episode, Inputs, batch_size, join_batches, map_inputs, stack_batches
from .buffers import Buffers, kept_buffers
from .catalogue import Catalogue, stated
from .copied_module import module_copy
from .defaults import usual_defaults
from .doors import at_the_command, by_door
from .episode_score import EpisodeScore
from .episode_stack import EpisodeStack
from .errors import (
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
from .files import is_temporary, new_folder, rehearse_write, sweep, user_path, write_atomically
from .gradients import assign, jacobian
from .interrupts import CHECKPOINT_FILE, interruptible
from .interval import Interval, mean_interval
from .learner import TOGETHER, EpisodicLearner, Execution, Learner, Predictor, State, States, run_loop
from .look_ahead import displaced
from .memory_budget import free_bytes
from .modes import evaluating
from .names import counted, either, name_problem, near_names, printable, short_name
from .objectives import Objectives, query_objectives
from .private import PerTask, private_parameters, shared_parameters
from .random import derive_seed, generator, numpy_generator, own_random_state, seeded
from .records import record_from_json
from .settings import SettingsCheck
from .shared_model import Representation, SharedModel, Sharing, tap
from .step_end import ends_step, part_of_step
from .strict_json import format_json, parse_json
from .task import Task, TaskKind

__all__ = [
    "Batch",
    "Buffers",
    "BundleError",
    "Catalogue",
    "CHECKPOINT_FILE",
    "DataError",
    "DataWarning",
    "Episode",
    "EpisodeScore",
    "EpisodeStack",
    "EpisodicLearner",
    "Execution",
    "InputError",
    "Inputs",
    "Interval",
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
    "States",
    "TOGETHER",
    "Task",
    "TaskKind",
    "TrainingError",
    "assign",
    "at_the_command",
    "batch_size",
    "by_door",
    "counted",
    "derive_seed",
    "displaced",
    "either",
    "ends_step",
    "evaluating",
    "format_json",
    "free_bytes",
    "generator",
    "interruptible",
    "is_temporary",
    "jacobian",
    "join_batches",
    "kept_buffers",
    "map_inputs",
    "mean_interval",
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
    "stated",
    "sweep",
    "tap",
    "user_path",
    "usual_defaults",
    "write_atomically",
]
