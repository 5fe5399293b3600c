"""The charts of reports, as inline SVG in the colours of the page."""
