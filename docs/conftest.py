"""The pages' examples are tested; what builds the site, and what it makes, are not read by pytest."""

collect_ignore_glob = ["conf.py", "pictures/*", "_ext/*", "api/*", "methods/*", "gallery/*"]
