"""Bars, read from the picture."""

import re

from polytask.report.charts.bars import Bar, bars


def test_a_long_name_and_what_is_measured_take_two_lines():
    rows = [
        Bar(name="oracle (ridge on the true factors)", value=0.25, text="0.25", plain=True),
        Bar(name="short", value=0.875, text="0.875"),
    ]
    plot = bars(rows, title="t", measured="right answers on held-out rows, mean of four questions, %")
    shown = [text.strip() for text in re.findall(r"<(?:text|tspan)[^>]*>([^<]+)<", plot.svg)]
    for line in (
        "oracle (ridge on the",
        "true factors)",
        "short",
        "0.25",
        "0.875",
        "mean of four questions, %",
    ):
        assert line in shown, shown
