"""Pictures. Each function takes `ax=None` and returns the Axes, or the Figure where it has several; none calls show."""

from matplotlib.figure import Figure

from npdeep.plots.activations import activation, activation_histograms, activations
from npdeep.plots.animation import animate_training
from npdeep.plots.classes import confusion_matrix, decision_boundary, misclassified
from npdeep.plots.curves import learning_curves, learning_rate_range, schedules
from npdeep.plots.gradient_checks import epsilon_sweep, gradient_agreement
from npdeep.plots.gradients import gradient_flow, gradient_heat_map, gradient_history, update_ratios
from npdeep.plots.images import contact_sheet, weight_images
from npdeep.plots.layers import layer_histograms, saturation
from npdeep.plots.networks import network
from npdeep.plots.style import in_house_style, new_axes, new_grid, save
from npdeep.plots.surfaces import optimizer_paths
from npdeep.plots.walk_page import walk_page

__all__ = [
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
    "layer_histograms",
    "learning_curves",
    "learning_rate_range",
    "misclassified",
    "network",
    "new_axes",
    "new_grid",
    "optimizer_paths",
    "saturation",
    "save",
    "schedules",
    "update_ratios",
    "walk_page",
    "weight_images",
]
