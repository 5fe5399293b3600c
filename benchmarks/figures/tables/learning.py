"""Tables about learning to learn: functions, associations, rewards, and the choice of a learner."""

from benchmarks.figures.tables.registry import markdown, shown, table
from benchmarks.figures.values import interval, number, read


@table("neural-processes")
def neural_processes() -> str:
    """Log-likelihood of functions of Gaussian processes."""
    found = read("gaussian_processes")["figures"]
    labels = {"exact": "exact posterior", "prior": "prior, no data", "TNPD": "TNP-D"}
    rows = []
    for name in ("exact", "prior", "CNP", "CANP", "ConvCNP", "TNPD"):
        cells = []
        for kernel in ("rbf", "matern", "periodic"):
            cell = found[name][kernel]
            plain = "log_likelihood" in cell
            cells.append(number(cell["log_likelihood"], 2) if plain else shown(cell, 2))
        rows.append([labels.get(name, name), *cells])
    return markdown(["", "RBF", "Matérn 5/2", "periodic"], rows)


@table("plasticity")
def plasticity() -> str:
    """Associations learned within an episode."""
    found = read("plasticity")["figures"]
    sizes = (2, 5, 10, 20)
    names = ("plastic", "plastic, Oja", "plastic, modulated", "twin without plasticity",
             "wide twin without plasticity")  # fmt: skip
    rows = [
        [name, str(found[name]["parameters"]), *(found[name][f"{n} patterns"] for n in sizes)]
        for name in names
    ]
    return markdown(["network", "parameters", "2 patterns", *map(str, sizes[1:])], rows)


@table("bandits")
def bandits() -> str:
    """Reward on bandits never seen."""
    found = read("meta-rl")["figures"]
    kinds = ("10 pulls", "100 pulls")
    methods = found["5 arms, 10 pulls"]
    rows = [[name, *(found[f"5 arms, {kind}"][name]["total reward"] for kind in kinds)] for name in methods]
    return markdown(["", *kinds], rows)


@table("learner-choice")
def learner_choice() -> str:
    """Regret of ways to choose a configuration."""
    found = read("learner-choice")["figures"]["strategies"]
    rows = [[name, cell["regret over families"]] for name, cell in found.items()]
    return markdown(["strategy", "regret"], rows)


@table("task-column")
def task_column() -> str:
    """Errors on new tasks by the number of known rows."""
    found = read("task-column")["figures"]
    labels = {"chicks": "chicks, weight in g", "motor": "Parkinsons, motor UPDRS",
              "total": "Parkinsons, total UPDRS", "school": "School, score"}  # fmt: skip
    called = {"mixed, slopes": "mixed model, slopes", "mixed, levels": "mixed model, levels"}
    rows = []
    for name in labels:
        for size, cell in found[name].items():
            if not size.endswith(" rows"):
                continue
            rival = cell["best rival"]
            ridge = "own ridge" if rival.startswith("own") else called.get(rival, rival)
            theirs = rival if rival == "pooled" else f"{number(interval(cell[rival])[0], 2)} ({ridge})"
            rows.append([
                labels[name],
                size.removesuffix(" rows"),
                *(number(interval(cell[way])[0], 2) for way in ("model", "pooled")),
                theirs,
                shown(cell["model less rival"], 2),
                number(cell["standard error of the rival"], 2),
            ])  # fmt: skip
    header = [
        "new tasks",
        "rows given",
        "this model",
        "pooled",
        "best rival",
        "difference",
        "one standard error",
    ]
    return markdown(header, rows)
