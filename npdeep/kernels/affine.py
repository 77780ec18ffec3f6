"""The affine map z = xW + b: the heart of a dense layer.

Shapes: n rows (examples) of `inputs` numbers each go in, n rows of `units` numbers come out.

Source: Goodfellow, Bengio, Courville, *Deep Learning* (2016), section 6.5; Géron, *Hands-On Machine Learning*, chapter 10.
"""

import numpy as np

from npdeep.kernels.arrays import Array, product


def affine_forward(x: Array, W: Array, b: Array | None, z: Array) -> Array:
    """z = xW + b.   x (n, inputs) · W (inputs, units) · b (units,) or None · z (n, units), written in place.

    >>> x, W, b = np.array([[10.0, 11.0]]), np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), np.array([7.0, 8.0, 9.0])
    >>> affine_forward(x, W, b, z=np.empty((1, 3)))
    array([[ 61.,  83., 105.]])
    """
    product(x, W, out=z)                      # (n, units)
    if b is not None:
        z += b                                # (n, units) + (units,): every row gets the same bias
    return z


def affine_backward(
    x: Array, W: Array, dz: Array, dW: Array | None, db: Array | None, dx: Array | None
) -> Array | None:
    """The three gradients of z = xW + b, written in place; None in place of a gradient means: not wanted.

    z_ij = Σ_k x_ik W_kj + b_j, so the loss L feels

        W_kj through z_ij of every row i:   ∂L/∂W_kj = Σ_i x_ik dz_ij     dW = xᵀ dz
        b_j  likewise, with factor 1:       ∂L/∂b_j  = Σ_i dz_ij          db = Σ_rows dz
        x_ik through every unit j:          ∂L/∂x_ik = Σ_j dz_ij W_kj     dx = dz Wᵀ

    Each transpose stands where the index that is summed over asks for it; the shapes leave no other choice.
    x (n, inputs) · W (inputs, units) · dz (n, units) · dW like W · db (units,) · dx like x.

    >>> x, W, dz = np.array([[10.0, 11.0]]), np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, -1.0]])
    >>> dW, db, dx = np.empty((2, 2)), np.empty(2), np.empty((1, 2))
    >>> affine_backward(x, W, dz, dW, db, dx)
    array([[-1., -1.]])
    >>> dW
    array([[ 10., -10.],
           [ 11., -11.]])
    """
    if dW is not None:                        # None: the kernel is frozen
        np.matmul(x.T, dz, out=dW)            # (inputs, n) (n, units) = (inputs, units)
    if db is not None:                        # None: the bias is frozen, or there is none
        np.add.reduce(dz, axis=0, out=db)     # (units,)
    if dx is not None:                        # None: not needed below
        product(dz, W.T, out=dx)              # (n, units) (units, inputs) = (n, inputs)
    return dx
