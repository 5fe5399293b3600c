"""What the site adds to Sphinx: pages made from the package, links, formulas, a check of what is in it."""
