"""Pictures with their description, which tells the numbers that they show."""

from benchmarks.figures.tables.joint import SETS
from benchmarks.figures.tables.registry import table
from benchmarks.figures.values import interval, leaves, number, read


@table("picture")
def picture(language: str = "en") -> str:
    """The picture of the README; `docs/pictures/results.py` draws it from the same results."""
    gains = [interval(read(f"joint-{name}")["figures"]["methods"]["equal"]["delta_m"])[0] for name in SETS]
    most, least = (number(end(gains), digits) for end, digits in ((max, 0), (min, 1)))
    errors = {
        start: [leaf["mean"] for leaf in leaves(read("sinusoid"), ["*", start, "error", "10"])]
        for start in ("MAML", "joint pre-training")
    }
    ours = number(max(errors["MAML"]), 2)
    pretrained = number(sum(errors["joint pre-training"]) / len(errors["joint pre-training"]), 1)
    described = {
        "en": f"Left: mean gain of training together on seven problems, from {most} % to {least} %, "
        "with 95 % intervals. Right: error on a new sinusoid from ten points; "
        f"MAML falls to {ours}, joint pre-training to {pretrained}.",
        "zh": f"左：七个问题上一起训练的平均增益，从 {most}% 到 {least}%，附 95% 区间。"
        f"右：用十个点学一条新正弦曲线的误差；MAML 降到 {ours}，联合预训练为 {pretrained}。",
    }[language]
    return f"![{described}](docs/pictures/results.svg)"
