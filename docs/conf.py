"""How the site is built: `make docs`."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
os.environ.setdefault("OMP_NUM_THREADS", "1")  # also of the cells that are executed

from polytask.version import __version__  # noqa: E402 - after the path

project = "polytask"
author = "the authors of polytask"
copyright = "the authors of polytask, Apache-2.0"
release = version = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_gallery.gen_gallery",
    "sphinx_copybutton",
    "myst_nb",
    "_ext.mathml",
    "_ext.links",
    "_ext.api",
    "_ext.methods",
    "_ext.repository",
]
exclude_patterns = [
    "_ext",
    "**/*.ipynb",
    "pictures",
    "gallery/*.py",
    "sg_execution_times.rst",
    "**/sg_execution_times.rst",
]
suppress_warnings = [
    "toc.empty_glob",  # a part of the site may be still to come
    "config.cache",  # sphinx-gallery keeps functions in its configuration
]
nitpicky = True
nitpick_ignore_regex = [
    (r"py:.*", r"(?!polytask).*")
]  # names of other packages are no links: nothing is fetched

# --- Docstrings ---------------------------------------------------------------------------------------------
default_role = "polytask-name"
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_custom_sections = ["When to use"]
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"
html_math_renderer = "mathml"

# --- Pages and cells ----------------------------------------------------------------------------------------
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "attrs_inline"]
myst_heading_anchors = 4
nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE.parent / ".jupyter_cache")
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_merge_streams = True

# --- The gallery --------------------------------------------------------------------------------------------
sphinx_gallery_conf = {
    "examples_dirs": [str(HERE.parent / "examples")],
    "gallery_dirs": ["gallery"],
    "filename_pattern": r"\.py$",
    "within_subsection_order": "_ext.gallery.AsListed",
    "remove_config_comments": True,
    "show_memory": False,
    "min_reported_time": 5,
    "abort_on_example_error": True,
    "download_all_examples": False,
    "image_scrapers": ("matplotlib",),
    "inspect_global_variables": False,
    "reset_modules": ("matplotlib", "_ext.gallery.reset"),
}

# --- How it looks -------------------------------------------------------------------------------------------
html_theme = "furo"
html_title = "polytask"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

linkcheck_timeout = 20
linkcheck_retries = 2
linkcheck_anchors = False
linkcheck_ignore = [r"https?://localhost.*", r"http://127\.0\.0\.1.*"]
