"""The bar names what it shows, as it is spelled."""

from rich.console import Console

from polytask.train.progress import TrainingBar


def text(bar: TrainingBar) -> str:
    console = Console(width=200, force_terminal=False)
    with console.capture() as captured:
        console.print(bar._progress.get_renderable())
    return captured.get()


def test_the_bar_shows_steps_losses_and_the_best_score():
    bar = TrainingBar(9, title="speed [m/s] [/kg]", shown=True)
    bar.advance(4)
    bar.show({"mass [/kg]": 0.12345, "b": 2.0}, 1.5)
    shown = text(bar)
    assert "speed [m/s] [/kg]" in shown and "mass [/kg] 0.123  b 2.000  | best 1.50" in shown
    assert "4/9" in shown


def test_of_many_losses_six_are_shown():
    bar = TrainingBar(9)
    bar.show({str(index): float(index) for index in range(8)})
    assert "5 5.000  … 2 more" in text(bar) and "6 6.000" not in text(bar) and "best" not in text(bar)
    bar.show({str(index): float(index) for index in range(6)})
    assert "more" not in text(bar)


def test_nothing_is_drawn_where_there_is_no_terminal(capsys):
    with TrainingBar(2) as bar:
        bar.advance(1)
    assert capsys.readouterr().err == ""
