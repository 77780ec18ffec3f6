"""Update rules: how a gradient moves the weights.

Each works in place on flat pieces of equal length: w (weights), g (gradient, left as it is), the optimizer's own memory, and
the scratch t. Elements never mix, so that one call serves a whole network as well as a single weight. η is the learning rate.
"""
