"""The layers: thin objects that own parameters and buffers and call one kernel forward and one backward."""

from typing import TYPE_CHECKING

from npdeep.common.foreign_names import LAYERS, expanded
from npdeep.common.hinting import asked, offered
from npdeep.layers.activation import Activation
from npdeep.layers.base import Layer as Layer
from npdeep.layers.batch_normalization import BatchNormalization
from npdeep.layers.composite import Parallel, Residual
from npdeep.layers.dense import Dense
from npdeep.layers.dropout import AlphaDropout, Dropout, GaussianDropout
from npdeep.layers.gaussian_noise import GaussianNoise
from npdeep.layers.glu import GLU
from npdeep.layers.layer_normalization import LayerNormalization
from npdeep.layers.maxout import Maxout
from npdeep.layers.prelu import PReLU
from npdeep.layers.rrelu import RReLU

__all__ = [
    "GLU",
    "Activation",
    "AlphaDropout",
    "BatchNormalization",
    "Dense",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "LayerNormalization",
    "Maxout",
    "PReLU",
    "Parallel",
    "RReLU",
    "Residual",
]
"""All kinds of layers; npdeep itself has them too, and files know them by these names."""

if not TYPE_CHECKING:
    __getattr__ = asked(__name__, expanded(LAYERS), {name: globals()[name] for name in (*__all__, "Layer")})
    __dir__ = offered(__name__)
