"""Pictures. Each function takes `ax=None` and returns the Axes, or the Figure where it has several; none calls show."""

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from npdeep.common.foreign_names import PLOTS, expanded
from npdeep.common.hinting import asked
from npdeep.plots.activations import activation, activation_histograms, activations
from npdeep.plots.animation import animate_training
from npdeep.plots.classes import confusion_matrix, decision_boundary, misclassified
from npdeep.plots.curves import learning_curves, learning_rate_range, schedules
from npdeep.plots.gradient_checks import epsilon_sweep, gradient_agreement
from npdeep.plots.gradients import gradient_flow, gradient_heat_map, gradient_history, update_ratios
from npdeep.plots.images import contact_sheet, weight_images
from npdeep.plots.labels import label_lines
from npdeep.plots.layers import layer_histograms, saturation
from npdeep.plots.networks import network
from npdeep.plots.style import SLIDE, in_house_style, layer_ticks, look, new_axes, new_grid, save, style
from npdeep.plots.surfaces import optimizer_paths
from npdeep.plots.walk_page import walk_page

__all__ = [
    "SLIDE",
    "Figure",
    "activation",
    "activation_histograms",
    "activations",
    "animate_training",
    "confusion_matrix",
    "contact_sheet",
    "decision_boundary",
    "epsilon_sweep",
    "gradient_agreement",
    "gradient_flow",
    "gradient_heat_map",
    "gradient_history",
    "in_house_style",
    "label_lines",
    "layer_histograms",
    "layer_ticks",
    "learning_curves",
    "learning_rate_range",
    "look",
    "misclassified",
    "network",
    "new_axes",
    "new_grid",
    "optimizer_paths",
    "saturation",
    "save",
    "schedules",
    "style",
    "update_ratios",
    "walk_page",
    "weight_images",
]
if not TYPE_CHECKING:
    __getattr__ = asked(__name__, expanded(PLOTS), {name: globals()[name] for name in __all__})
