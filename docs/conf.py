"""The documentation as a site: `make docs` builds it from these pages, the C++ headers and the Python package."""

project = "fvhooks"
author = "the fvhooks developers"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["vectors"]
html_theme = "furo"
html_title = "fvhooks"
html_copy_source = False
myst_heading_anchors = 3
# The pages are also read in the repository, where links lead to sources that the site does not have.
suppress_warnings = ["myst.xref_missing"]
autodoc_member_order = "bysource"
