"""Where ways meet: the sum of a block and its shortcut, and parallel branches side by side or added.

A plain network sends the gradient back through a product of Jacobians, one factor per layer. A shortcut adds the identity to
each factor, so that the product does not vanish where the factors are small.

Source: He, Zhang, Ren, Sun (2016), *Deep residual learning for image recognition* and *Identity mappings in deep residual
networks*.
"""

from collections.abc import Sequence

import numpy as np

from npdeep.kernels.arrays import Array


def add(parts: Sequence[Array], y: Array) -> Array:
    """y = Σ_k p_k, for parts p_k and y of the shape (n, units). With p_0 = f(x) and p_1 = x: y = f(x) + x.

    The way back is a sum too, because x goes into every branch. y = Σ_k f_k(x) feels x_i through every f_k:

        ∂L/∂x_i = Σ_k Σ_j dy_j ∂f_kj/∂x_i     dx = Σ_k J_kᵀ dy

    Each branch has computed its J_kᵀ dy already; `add` of these is dx. For a shortcut J is the identity and its share is dy
    itself: the gradient comes through it as it is, whatever f does.

    >>> add([np.array([[1.0, 2.0]]), np.array([[10.0, 20.0]])], np.empty((1, 2)))
    array([[11., 22.]])
    """
    np.copyto(y, parts[0])
    for part in parts[1:]:
        y += part                             # (n, units)
    return y


def concatenate(parts: Sequence[Array], y: Array) -> Array:
    """y = [p_0, p_1, …] side by side: parts (n, units_k), y (n, Σ units_k). `split` is its way back.

    >>> concatenate([np.array([[1.0]]), np.array([[2.0, 3.0]])], np.empty((1, 3)))
    array([[1., 2., 3.]])
    """
    start = 0
    for part in parts:
        y[:, start : start + part.shape[1]] = part
        start += part.shape[1]
    return y


def split(y: Array, parts: Sequence[Array]) -> Sequence[Array]:
    """The way back of `concatenate`: y_j is element j of one part alone, so that the part takes these columns of dy.

    Forward it gives each branch columns of its own, and then `concatenate` is the way back.
    y (n, Σ units_k); parts (n, units_k), written in place.

    >>> split(np.array([[1.0, 2.0, 3.0]]), [np.empty((1, 1)), np.empty((1, 2))])
    [array([[1.]]), array([[2., 3.]])]
    """
    start = 0
    for part in parts:
        np.copyto(part, y[:, start : start + part.shape[1]])
        start += part.shape[1]
    return parts
