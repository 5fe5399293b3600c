"""Planted mistakes that the tests must notice: ``make mutants``.

How it works. `sample` draws places in the source for the operators of cosmic-ray, the same number from every
room; a place is known by its function's qualified name and its line's text, so a move changes nothing.
`coverage_map` runs the tests once and notes which test enters which function. Each mutant is then imported
in a process of its own, where only the tests that enter its function run, until one fails. `planted` has
mistakes that once survived, by hand. What no test can notice stands in ``equivalent.json``, with the reason.
"""
