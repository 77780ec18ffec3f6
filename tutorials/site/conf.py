"""Sphinx's settings. `build.py` copies them beside the pages that it gathers, and runs Sphinx there."""

import reference

import npdeep

project, author, release = "npdeep", "the authors of npdeep", npdeep.__version__
copyright = author
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "sphinx.ext.mathjax"]
nb_execution_mode = "off"                     # the outputs that are stored
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
myst_update_mathjax = False
mathjax_path = "mathjax/tex-chtml.js"
default_role = "literal"
add_module_names = False
toc_object_entries = False                    # headings do; and the menu of every page is made of what is there
autodoc_typehints = "none"
autodoc_member_order = "bysource"
python_maximum_signature_line_length = 90
napoleon_use_rtype = napoleon_use_param = False
napoleon_custom_sections = [("Attributes", "params_style")]
nitpicky = True
html_theme = "furo"
html_title = "npdeep"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_favicon = "static/icon.svg"
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True, "top_of_page_buttons": []}


def with_formula(app, what, name, thing, options, lines):
    """Put a class's formula before its docstring, and take the docstring's letters as they are."""
    text = reference.prepared("\n".join(lines))
    start = ["..", ""] if what == "property" else []    # or napoleon would take what is before a colon for a type
    lines[:] = [*start, *reference.math(reference.shown_formulas(thing)), *text.splitlines()]


def setup(app):
    """Before napoleon, which makes fields of what docstrings say of arguments."""
    app.connect("autodoc-process-docstring", with_formula, priority=400)
