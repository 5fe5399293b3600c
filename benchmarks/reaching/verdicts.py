"""What waits for a door of its own, and what became of the files that only tests reached."""

__all__ = ["DOORS_TO_COME", "VERDICTS"]

DOORS_TO_COME = {
    "relate/": "`polytask relate`: which tasks help each other",
    "rl/": "reinforcement learning over tasks, with Gymnasium",
    "online/": "updates after deployment",
    "selection/": "`learner='auto'`: algorithm selection",
    "meta/model/": "neural processes, prior-fitted and memory learners by name",
    "data/episodes/associations": "memory learners by name",
    "data/episodes/context_episodes": "neural processes by name",
    "data/episodes/functions": "neural processes by name",
    "data/episodes/gaussian_processes": "neural processes by name",
    "data/episodes/multi_label_episodes": "episodes with several labels an example",
    "data/steps/loss_curriculum": "curricula of a training run",
    "data/steps/progress_curriculum": "curricula of a training run",
    "data/steps/known_classes": "curricula of a training run",
    "data/steps/mixed": "sampling of tasks and sources",
    "data/steps/several": "sampling of tasks and sources",
    "data/steps/source_curriculum": "curricula of a training run",
    "data/steps/turns": "sampling of tasks and sources",
    "data/steps/mixture": "sampling of tasks and sources",
    "data/steps/apportionment": "sampling of tasks and sources",
    "data/steps/unequal_draws": "sampling of tasks and sources",
    "data/steps/task_sampling": "sampling of tasks and sources",
    "encoders/pretrained": "pretrained encoders of images and text",
}
"""Start of a path -> the door that later work opens."""

VERDICTS: dict[str, tuple[str, str]] = {
    "core/forked.py": ("core/forked.py", "reached wherever a program that has loaded `polytask` forks"),
    "data/class_leaks.py": (
        "data/episodes/class_leaks.py",
        "reached by `quality/omniglot_alphabets.py`, whose alphabets must be new",
    ),
    "data/curriculum.py": (
        "data/curriculum.py",
        "reached by `train`, which tells a curriculum the losses; the curricula are a door to come",
    ),
    "data/heart.py": ("datasets/heart.py", "reached by `quality/hospitals.py`"),
    "data/loss_curriculum.py": ("data/steps/loss_curriculum.py", "door to come: curricula of a training run"),
    "data/mixed_sources.py": ("data/steps/mixed_sources.py", "door to come: sampling of tasks and sources"),
    "data/multi_label_episodes.py": (
        "data/episodes/multi_label_episodes.py",
        "door to come: episodes with several labels an example",
    ),
    "data/prefetch.py": ("data/steps/prefetch.py", "reached by `examples/own_parts.py`"),
    "data/progress_curriculum.py": (
        "data/steps/progress_curriculum.py",
        "door to come: curricula of a training run",
    ),
    "data/several_sources.py": (
        "data/steps/several_sources.py",
        "door to come: sampling of tasks and sources",
    ),
    "data/task_sampling.py": ("data/steps/task_sampling.py", "door to come: sampling of tasks and sources"),
    "data/unequal_draws.py": ("data/steps/unequal_draws.py", "door to come: sampling of tasks and sources"),
    "encoders/numeric_embedding.py": ("encoders/numeric_embedding.py", "reached by `quality/encoders.py`"),
    "encoders/pretrained_image.py": ("encoders/pretrained_image.py", "door to come: pretrained encoders"),
    "encoders/pretrained_text.py": ("encoders/pretrained_text.py", "door to come: pretrained encoders"),
    "encoders/resnet.py": ("encoders/resnet.py", "reached by `quality/encoders.py`"),
    "meta/gradient_check.py": (
        "execution/gradient_check.py",
        "reached by the README and by `docs/meta-learning.md`",
    ),
    "meta/initialization/cavia.py": (
        "meta/initialization/cavia.py",
        "reached by `examples/ways_to_adapt.py`",
    ),
    "meta/model/bar_distribution.py": (
        "meta/model/bar_distribution.py",
        "door to come: prior-fitted networks by name",
    ),
    "meta/model/in_context_answers.py": (
        "meta/model/in_context_targets.py",
        "door to come: prior-fitted networks by name",
    ),
    "meta/model/in_context_layer.py": (
        "meta/model/in_context_layer.py",
        "door to come: prior-fitted networks by name",
    ),
    "meta/model/lrua_memory.py": ("meta/model/lrua_memory.py", "door to come: memory learners by name"),
    "meta/model/lstm_cell.py": (
        "meta/layers/lstm_cell.py",
        "reached by `polytask learn --learner lstm-optimizer` and `meta-lstm`, which share it",
    ),
    "meta/model/mann.py": ("meta/model/mann.py", "door to come: memory learners by name"),
    "meta/model/prior_episodes.py": (
        "meta/model/prior_episodes.py",
        "door to come: prior-fitted networks by name",
    ),
    "meta/model/prior_fitted.py": (
        "meta/model/prior_fitted.py",
        "door to come: prior-fitted networks by name",
    ),
    "meta/model/snail.py": ("meta/model/snail.py", "door to come: memory learners by name"),
    "meta/model/snail_blocks.py": ("meta/model/snail_blocks.py", "door to come: memory learners by name"),
    "meta/online/continual.py": (
        "online/continual.py",
        "reached by `docs/meta-learning.md`; the rest is a door to come: updates after deployment",
    ),
    "meta/online/replay.py": (
        "online/replay.py",
        "reached by `docs/meta-learning.md`; the rest is a door to come: updates after deployment",
    ),
    "meta/optimization/evolution.py": (
        "meta/optimization/evolution.py",
        "reached by `examples/ways_to_adapt.py`",
    ),
    "meta/policy/chosen_learner.py": ("selection/chosen_learner.py", "door to come: `learner='auto'`"),
    "meta/policy/gymnasium_tasks.py": (
        "rl/gymnasium_tasks.py",
        "door to come: reinforcement learning with Gymnasium",
    ),
    "meta/policy/gymnasium_view.py": (
        "rl/gymnasium_view.py",
        "door to come: reinforcement learning with Gymnasium",
    ),
    "meta/policy/learner_choice.py": ("selection/learner_choice.py", "door to come: `learner='auto'`"),
    "meta/policy/support_folds.py": ("selection/support_parts.py", "door to come: `learner='auto'`"),
    "meta/policy/tabular.py": ("rl/tabular.py", "door to come: reinforcement learning with Gymnasium"),
    "relate/exact_grouping.py": ("relate/exact_grouping.py", "door to come: `polytask relate`"),
    "relate/greedy_grouping.py": ("relate/greedy_grouping.py", "door to come: `polytask relate`"),
    "relate/group_value.py": ("relate/group_value.py", "door to come: `polytask relate`"),
    "relate/grouping.py": ("relate/grouping.py", "door to come: `polytask relate`"),
    "relate/helpers_in_groups.py": ("relate/helpers_in_groups.py", "door to come: `polytask relate`"),
    "relate/networks.py": ("relate/networks.py", "door to come: `polytask relate`"),
    "relate/similarity.py": ("relate/similarity.py", "door to come: `polytask relate`"),
    "relate/spectral_grouping.py": ("relate/spectral_grouping.py", "door to come: `polytask relate`"),
    "relate/task_embedding.py": ("relate/task_embedding.py", "door to come: `polytask relate`"),
    "relate/transfer.py": ("relate/transfer.py", "door to come: `polytask relate`"),
    "relate/watched.py": ("relate/watched.py", "door to come: `polytask relate`"),
    "sharing/branching.py": ("architectures/branching.py", "reached by `speed/architectures.py`"),
    "sharing/learning_to_branch.py": (
        "architectures/learning_to_branch.py",
        "reached by `speed/architectures.py`",
    ),
    "sharing/low_rank.py": ("architectures/low_rank.py", "reached by `speed/architectures.py`"),
    "sharing/multi_input.py": (
        "architectures/multi_input.py",
        "reached by `speed/architectures.py` and `quality/hospitals.py`",
    ),
    "sharing/sluice.py": ("architectures/sluice.py", "reached by `speed/architectures.py`"),
}
"""A file before the rooms were built anew, which commands, estimators, examples and benchmarks did not come
to by their imports -> where it is now, and why it stays."""
