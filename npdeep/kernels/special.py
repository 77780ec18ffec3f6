"""Special functions that NumPy lacks, or lacks in speed, and what keeps digits far out, where plain formulas overflow."""

import math
import sys

import numpy as np

from npdeep.kernels.arrays import Array

# log(e^{x²} erfc(x)/t) as a polynomial in u = 2t − 1, for t = 2/(2 + x), x ≥ 0: the Chebyshev series of that function,
# cut where the dtype can see no more and written out in powers of u, lowest first. Every x from 0 to infinity becomes
# one u in (−1, 1], hence one polynomial and no branches. tests/golden/make_erfc_coefficients.py computes these numbers.
# Source of the method: Press et al., *Numerical Recipes* (2007), section 6.2.2.
COEFFICIENTS_FLOAT64 = (
    -0.6717940840566922, 0.6726432239776583, 0.047343306841863525, -0.04689561023132892, -0.009872689364099222,
    0.008824938561312326, 0.0017589335074028032, -0.002345812552995894, -0.00014624628742128406,
    0.0006736791352568864, -9.373894767667295e-05, -0.00017430412986925938, 7.141810433422301e-05,
    3.174693542327236e-05, -3.023784054007137e-05, 1.3989370477611051e-07, 8.662535397475538e-06,
    -2.963484230959699e-06, -1.409445991433531e-06, 1.283394915356199e-06, -4.146853754663641e-08,
    -2.895626567435524e-07, 7.745572408758512e-08, 2.980513364515168e-08, -1.2776086554968677e-08,
)  # fmt: skip
COEFFICIENTS_FLOAT32 = (
    -0.6717940916807759, 0.6726422171554879, 0.047343887612987114, -0.04687488817886134, -0.009880019324020219,
    0.008703812035218805, 0.0017940662497394012, -0.002048734760496573, -0.00022791096599906392,
    0.00033373589390861395, 8.000738161697865e-06,
)  # fmt: skip

# NumPy computes float32 expm1 in vectors on Linux with AVX-512 alone, which it calls X86_V4, AVX512_SKX before version 2.4.
VECTOR_INSTRUCTIONS = np.show_config(mode="dicts").get("SIMD Extensions", {}).get("found", [])
EXPM1_IN_VECTORS = sys.platform == "linux" and not {"AVX512_SKX", "X86_V4"}.isdisjoint(VECTOR_INSTRUCTIONS)


def expm1(z: Array, out: Array, t: Array) -> Array:
    """out = e^z − 1 for z ≤ 0, with the digits near 0 that exp(z) − 1 throws away. out may be z; t: scratch.

    NumPy's own, in float32 only where NumPy computes it in vectors: elsewhere the way over tanh is the faster one, with AVX2
    three to four times.

    >>> expm1(np.array([-1e-9, -1.0]), np.empty(2), np.empty(2)).round(12)
    array([-1.00000000e-09, -6.32120559e-01])
    """
    if z.dtype != np.float32 or EXPM1_IN_VECTORS:
        return np.expm1(z, out=out)
    return expm1_by_tanh(z, out, t)


def expm1_by_tanh(z: Array, out: Array, t: Array) -> Array:
    """e^z − 1 for z ≤ 0 by way of h = tanh(z/2), which NumPy computes in vectors where the processor has AVX2.

    (e^z − 1)/(e^z + 1) = h, so that e^z (1 − h) = 1 + h and e^z − 1 = 2h/(1 − h). Here 1 − h lies between 1 and 2:
    nothing cancels, and the error is below 3 units in the last place.

    >>> expm1_by_tanh(np.array([-1e-9, -1.0], np.float32), np.empty(2, np.float32), np.empty(2, np.float32)).round(12)
    array([-1.000000e-09, -6.321206e-01], dtype=float32)
    """
    np.multiply(z, 0.5, out=out)
    np.tanh(out, out=out)                     # h
    np.subtract(1, out, out=t)
    out /= t
    out *= 2
    return out


def finite(z: Array, out: Array) -> Array:
    """z with ±∞ replaced by the largest numbers there are, because ∞/∞ is NaN where the quotient has a limit. NaN stays.

    >>> finite(np.array([np.inf, -2.0, np.nan]), np.empty(3))
    array([ 1.79769313e+308, -2.00000000e+000,              nan])
    """
    largest = np.finfo(z.dtype).max
    return np.clip(z, -largest, largest, out=out)


def gated(z: Array, s: Array, out: Array, closed: float) -> Array:
    """out = z·s for a gate s that is shut (0) at −∞ if closed < 0, at +∞ if closed > 0: there 0, where ∞·0 would be NaN.

    out must be neither z nor s.

    >>> gated(np.array([-np.inf, np.inf]), np.array([0.0, 1.0]), np.empty(2), closed=-1)
    array([-0., inf])
    """
    largest = np.finfo(z.dtype).max
    if closed < 0:
        out.fill(-largest)                    # two arrays are compared faster than an array and a number
        np.maximum(z, out, out=out)
    else:
        out.fill(largest)
        np.minimum(z, out, out=out)
    out *= s
    return out


def root(z: Array, b: float, out: Array, t: Array) -> Array:
    """out = √(z² + b), also where z² would overflow: it is at least |z|, and far out the two are the same number.

    np.hypot does that too, and takes several times as long. t is written too: |z|.

    >>> root(np.array([3.0, -1e200]), 16.0, np.empty(2), np.empty(2))
    array([5.e+000, 1.e+200])
    """
    largest = math.sqrt(np.finfo(z.dtype).max) / 2
    np.clip(z, -largest, largest, out=out)
    out *= out
    out += b
    np.sqrt(out, out=out)
    np.abs(z, out=t)
    return np.maximum(out, t, out=out)


def minus_tanh(z: Array, h: Array, out: Array, t: Array, u: Array) -> Array:
    """out = z − h for h = tanh z, with the digits near 0 (z³/3) that the difference throws away. t, u: scratch.

    With c = z clamped to [−1, 1] it is (c − tanh c) + (z − c) − (tanh z − tanh c): the last two are 0 for |z| ≤ 1, and for
    the others nothing cancels any more. Lambert's continued fraction tanh c = c/(1 + q), q = c²/(3 + c²/(5 + …)), gives
    c − tanh c = q tanh c. Source: NIST Handbook of Mathematical Functions (2010), 4.39.1.

    >>> z = np.array([1e-5, 20.0]); minus_tanh(z, np.tanh(z), *np.empty((3, 2)))
    array([3.33333333e-16, 1.90000000e+01])
    """
    np.clip(z, -1, 1, out=u)                  # c
    np.multiply(u, u, out=t)
    out.fill(0)
    for k in (19, 17, 15, 13, 11, 9, 7, 5, 3):
        out += k
        np.divide(t, out, out=out)            # q at last
    np.subtract(z, u, out=t)
    np.tanh(u, out=u)
    out *= u                                  # c − tanh c
    t -= h
    t += u                                    # (z − c) − (tanh z − tanh c)
    out += t
    return out


def log_cosh(e: Array, out: Array, d: Array) -> Array:
    """out = log cosh e, with the digits near 0 (e²/2) that |e| + log(1 + e^{−2|e|}) − log 2 throws away. e is overwritten.

    With c = min(|e|, 1) and d = |e| − c:  cosh(c + d) e^{−d} = cosh c + ½ e^{−c}(e^{−2d} − 1), where the second term is 0
    unless c = 1. With h = tanh(c/2), cosh c − 1 = 2h²/(1 − h²). So log cosh e = d + log(1 + 2h²/(1 − h²) + (e^{−2d} − 1)/(2e)).
    (The e of the powers is Euler's number.) d: scratch.

    >>> log_cosh(np.array([1e-9, -1e4]), np.empty(2), np.empty(2))
    array([5.00000000e-19, 9.99930685e+03])
    """
    np.abs(e, out=d)
    np.minimum(d, 1, out=out)                 # c
    d -= out
    out *= 0.5
    np.tanh(out, out=out)
    out *= out                                # h²
    np.subtract(1, out, out=e)
    out /= e
    out *= 2                                  # cosh c − 1
    np.multiply(d, -2, out=e)
    np.exp(e, out=e)
    e -= 1
    e *= 0.5 / math.e
    out += e
    np.log1p(out, out=out)
    out += d
    return out


def weighted_differences(z: Array, top: Array, q: Array, t: Array, out: Array) -> Array:
    """out_i = Σ_k q_ik t_ik, where t holds the differences z_ik − top_i. z, q, t (n, classes) · top, out (n, 1).

    A difference that is too large for a float is −∞, and 0 · ∞ is NaN, where a q of 0 should leave it out and one of 0.01
    bring it back: then the sum is taken of halves, which never overflow.

    >>> z, top = np.array([[1e308, -1e308]]), np.array([[1e308]])
    >>> weighted_differences(z, top, np.array([[0.75, 0.25]]), np.array([[0.0, -np.inf]]), np.empty((1, 1)))
    array([[-5.e+307]])
    """
    np.vecdot(q, t, out=out[:, 0])
    flat = out.reshape(-1)
    if not math.isfinite(np.vecdot(flat, flat)):    # what is not finite, or near it, shows in the sum of squares
        np.multiply(z, 0.5, out=t)
        t -= 0.5 * top
        np.vecdot(q, t, out=out[:, 0])
        out *= 2
    return out


def rates(z: Array, y: Array, epsilon: float, out: Array, t: Array) -> Array:
    """out = z + ε, but for ε = 0 it is 1 where z and the count y are 0: there y log z and y/z shall be 0, not NaN. t: scratch.

    >>> rates(np.array([0.0, 0.0, 2.0]), np.array([0.0, 3.0, 0.0]), 0.0, np.empty(3), np.empty(3))
    array([1., 0., 2.])
    """
    np.add(z, epsilon, out=out)
    if z.dtype.type(epsilon) == 0:
        np.logical_or(out, y, out=t)
        np.subtract(1, t, out=t)
        out += t
    return out


def normal_tail(z: Array, q: Array, s: Array, t: Array) -> Array:
    """q = Φ(−|z|) = ½ erfc(x) with x = |z|/√2: how much of N(0, 1) lies beyond |z|. s, t: scratch like z.

    ½ erfc(x) = ½ t e^{p(u) − x²} with t = 2/(2 + x) and the polynomial p(u) above, summed by Horner's rule. Absolute
    error below 3e-16 in float64 and below 2e-7 in float32.

    >>> normal_tail(np.array([0.0, -1.0, 2.0]), np.empty(3), np.empty(3), np.empty(3)).round(7)
    array([0.5      , 0.1586553, 0.0227501])
    """
    coefficients = COEFFICIENTS_FLOAT32 if z.dtype == np.float32 else COEFFICIENTS_FLOAT64
    np.abs(z, out=t)
    t *= 1 / math.sqrt(2)
    t += 2
    np.divide(2, t, out=t)                    # t = 2/(2 + x)
    np.multiply(t, 2, out=s)
    s -= 1                                    # u
    q.fill(coefficients[-1])
    for c in coefficients[-2::-1]:            # Horner: p = (…(c_n u + c_{n−1}) u + …) u + c_0
        q *= s
        q += c
    np.multiply(z, z, out=s)
    s *= 0.5                                  # x²
    q -= s
    np.exp(q, out=q)
    q *= t
    q *= 0.5
    return q
