"""Pictures. Each function takes `ax=None` and returns the Axes, or the Figure where it has several; none calls show."""

from matplotlib.figure import Figure

from npdeep.plots.activations import activation, activation_histograms, activations
from npdeep.plots.curves import learning_curves, learning_rate_range
from npdeep.plots.gradient_checks import epsilon_sweep, gradient_agreement
from npdeep.plots.gradients import gradient_flow, gradient_history
from npdeep.plots.images import contact_sheet
from npdeep.plots.networks import network
from npdeep.plots.style import in_house_style, new_axes, new_grid, save
from npdeep.plots.walk_page import walk_page

__all__ = [
    "Figure",
    "activation",
    "activation_histograms",
    "activations",
    "contact_sheet",
    "epsilon_sweep",
    "gradient_agreement",
    "gradient_flow",
    "gradient_history",
    "in_house_style",
    "learning_curves",
    "learning_rate_range",
    "network",
    "new_axes",
    "new_grid",
    "save",
    "walk_page",
]
