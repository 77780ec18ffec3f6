"""The layers: thin objects that own parameters and buffers and call one kernel forward and one backward."""

from npdeep.layers.activation import Activation
from npdeep.layers.base import Layer
from npdeep.layers.batch_normalization import BatchNormalization
from npdeep.layers.dense import Dense
from npdeep.layers.dropout import AlphaDropout, Dropout, GaussianDropout
from npdeep.layers.gaussian_noise import GaussianNoise
from npdeep.layers.glu import GLU
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
    "Layer",
    "Maxout",
    "PReLU",
    "RReLU",
]
