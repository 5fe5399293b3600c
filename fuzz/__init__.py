"""Hostile input by the thousand: tables, bundles, resume folders and images, each case from a seed.

``python -m fuzz`` tries all of them; ``python -m fuzz tables --first 17 --cases 1`` tries one again. A module
here has one function, ``attempt(seed, folder)``, which makes a case, tries it, and says in a few words what
it was. A `PolytaskError` that escapes is a fine refusal; any other exception, a hang, or more memory than the
limit is a fault.
"""
