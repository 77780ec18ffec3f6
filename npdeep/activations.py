"""The table of activation functions: names, parameters, formulas, and the kernels that compute them.

`nd.Activation("elu", alpha=1.0)` is the layer; this table is what it looks its name up in. PReLU, Maxout, RReLU and GLU are
layers of their own, because they have weights, randomness or another width. A custom activation is a `Rule`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from npdeep.common import checks, custom
from npdeep.common.events import Formula
from npdeep.common.expressions import check, names_in
from npdeep.common.foreign_names import ACTIVATIONS, expanded, squeeze
from npdeep.common.hinting import asked, is_function, offered
from npdeep.common.notation import as_formula
from npdeep.kernels.activations import exponentials, piecewise, rectifiers, rows, sigmoids, smooth
from npdeep.kernels.activations.exponentials import SELU_ALPHA, SELU_SCALE
from npdeep.kernels.arrays import Array

REQUIRED: Any = "required"
"""Stands where a parameter has no default."""
BUFFERS = ("rows", "mask", "column")
OF_ITS_EXPRESSION = Formula("")
RULES: "dict[str, Rule]" = {}


@dataclass(frozen=True, eq=False)
class Rule:
    """An activation: its two functions, and what is known about it. `nd.Activation(rule)` is the layer.

    Attributes:
        name: what `nd.Activation` takes; of a custom activation a name that is not taken.
        forward: called as forward(z, a, *workspace, *parameters); returns f(z), in `a` or in a new array.
        backward: called as backward(z, a, *workspace, da, dz, *parameters); returns da·f'(z), in `dz` or in a new array.
        value, slope: f(z) and f'(z) as Python expressions in z, a and the parameters, if there are any; they are what
            `explain` works out, and give `formula` and `derivative`.
        parameters: names and defaults, in the order of the functions' arguments.
        limits: for each parameter the keywords of `checks.number` that say which values make sense.
        workspace: what the functions need besides: "rows" and "mask" are arrays like z (mask: bool), "column" is (n, 1).
        squashes: the slope dies out far from 0 on both sides (it can saturate).
        whole_row: an output depends on the whole row of inputs, not on one alone.
        constants: numbers in the expressions that are not the user's to choose.
        formula, derivative: a = f(z) and f'(z) in text and LaTeX, where they are to look nicer than the expressions do.

    >>> RULES["elu"].formula, RULES["elu"].parameters
    ('a = z where z > 0, else α(eᶻ − 1)', {'alpha': 1.0})
    >>> cube = Rule("cube", lambda z, a: z**3, lambda z, a, da, dz: 3 * z**2 * da, "z**3", "3*z**2")
    >>> value_and_slope(cube, [2.0])
    (array([8.]), array([12.]))
    """

    name: str
    forward: Callable[..., Array]
    backward: Callable[..., Array]
    value: str = ""
    slope: str = ""
    parameters: dict[str, float] = field(default_factory=dict)
    limits: dict[str, dict[str, Any]] = field(default_factory=dict)
    workspace: tuple[str, ...] = ()
    squashes: bool = False
    whole_row: bool = False
    constants: dict[str, float] = field(default_factory=dict)
    formula: Formula = OF_ITS_EXPRESSION
    derivative: Formula = OF_ITS_EXPRESSION

    def __post_init__(self) -> None:
        """Check what was given; make the formulas of the expressions."""
        if not isinstance(self.name, str) or not self.name.isidentifier():
            raise ValueError(f"Rule: name must be a word such as 'bent', got {checks.describe(self.name)}")
        if squeeze(self.name) in {squeeze(taken) for taken in (*RULES, *ALIASES, *OWN_LAYERS)}:
            raise ValueError(f"Rule: {self.name!r} is npdeep's; choose another name")
        owner = f"Rule({self.name!r})"
        for what in ("forward", "backward"):
            if not is_function(getattr(self, what)):
                raise TypeError(f"{owner}: {what} must be a function, got {checks.describe(getattr(self, what))}")
        room, given = tuple(self.workspace), tuple(self.parameters)
        custom.check_takes(owner, "forward", self.forward, ("z", "a", *room, *given))
        custom.check_takes(owner, "backward", self.backward, ("z", "a", *room, "da", "dz", *given))
        if wrong := [kind for kind in self.workspace if kind not in BUFFERS]:
            raise ValueError(f"{owner}: workspace holds {wrong[0]!r}; it can hold {', '.join(map(repr, BUFFERS))}")
        for what, formula, start in (("value", "formula", "a = "), ("slope", "derivative", "")):
            expression = getattr(self, what) and check(f"{owner}: {what}", getattr(self, what))
            if expression and not getattr(self, formula):
                object.__setattr__(self, formula, as_formula(expression, start))
            known = {"z", "a", *self.parameters, *self.constants}
            if expression and (unknown := names_in(expression) - known):
                raise ValueError(f"{owner}: {what} names {sorted(unknown)[0]!r}; it can name {', '.join(sorted(known))}")
        if not self.formula:
            object.__setattr__(self, "formula", Formula(f"a = {self.name}(z)", rf"a = \mathrm{{{self.name}}}(z)"))
        if not self.derivative:
            object.__setattr__(self, "derivative", Formula(f"{self.name}'(z)", rf"\mathrm{{{self.name}}}'(z)"))

    def __deepcopy__(self, memo: dict[int, Any]) -> "Rule":
        """A rule never changes."""
        return self


ALIASES = {"identity": "linear", "logistic": "sigmoid", "swish": "silu", "hard_swish": "hard_silu"}
HINTS = expanded(ACTIVATIONS)
OWN_LAYERS = {"prelu": "nd.PReLU()", "rrelu": "nd.RReLU()", "maxout": "nd.Maxout(units)", "glu": "nd.GLU()"}

NOT_NEGATIVE = {"minimum": 0.0}
POSITIVE = {"above": 0.0}


def _rule(name: str, kernels: Any, value: str, slope: str, *, like: str = "", **about: Any) -> None:
    """A row of the table: the module of its kernels, f(z) and f'(z); the kernels are called like the activation."""
    kernel = like or name
    forward, backward = getattr(kernels, f"{kernel}_forward"), getattr(kernels, f"{kernel}_backward")
    RULES[name] = Rule(name, forward, backward, value, slope, **about)


# ── straight lines ────────────────────────────────────────────────────────────────────────────────────────────────────
_rule("linear", piecewise, "z", "1")
_rule("scaled", piecewise, "slope*z + offset", "slope", parameters={"slope": 1.0, "offset": 0.0})
_rule("relu", rectifiers, "max(z, 0)", "1 if z > 0 else 0")
_rule(
    "leaky_relu",
    rectifiers,
    "max(negative_slope*z, z)",
    "1 if z > 0 else negative_slope",
    parameters={"negative_slope": 0.01},
    limits={"negative_slope": {"minimum": 0.0, "maximum": 1.0}},
)
_rule(
    "threshold",
    rectifiers,
    "z if z > threshold else value",
    "1 if z > threshold else 0",
    parameters={"threshold": REQUIRED, "value": REQUIRED},
    workspace=("mask",),
)
AT_THRESHOLD = "negative_slope if z < threshold else (1 if abs(threshold) > 0 else negative_slope)"
_rule(
    "general_relu",
    rectifiers,
    "maximum if z >= maximum else (z if z >= threshold else negative_slope*(z - threshold))",
    f"0 if z >= maximum else (1 if z > threshold else ({AT_THRESHOLD}))",
    parameters={"negative_slope": 0.0, "maximum": float("inf"), "threshold": 0.0},
    limits={"maximum": {"infinite": True}},
    workspace=("mask",),
)
for _name, (_slope, _offset, _minimum, _maximum), _squashes in (
    ("relu6", (1.0, 0.0, 0.0, 6.0), False),
    ("clipped_linear", (1.0, 0.0, 0.0, 1.0), True),
    ("hard_tanh", (1.0, 0.0, -1.0, 1.0), True),
    ("hard_sigmoid", (1 / 6, 0.5, 0.0, 1.0), True),
    ("sparse_sigmoid", (0.5, 0.5, 0.0, 1.0), True),
):
    _rule(
        _name,
        piecewise,
        "min(max(slope*z + offset, minimum), maximum)",
        "slope if minimum < slope*z + offset < maximum else 0",
        like="clipped_linear",
        parameters={"slope": _slope, "offset": _offset, "minimum": _minimum, "maximum": _maximum},
        workspace=("rows",),
        squashes=_squashes,
    )
HARD_GATE = "min(max(slope*z + offset, 0), 1)"
_rule(
    "hard_silu",
    piecewise,
    f"z*{HARD_GATE}",
    f"{HARD_GATE} + (z*slope if 0 < slope*z + offset < 1 else 0)",
    parameters={"slope": 1 / 6, "offset": 0.5},
    workspace=("rows", "rows"),
)
_rule(
    "sparse_plus",
    piecewise,
    "0 if z <= -1 else ((z + 1)**2/4 if z < 1 else z)",
    "(min(max(z, -1), 1) + 1)/2",
    workspace=("rows",),
)
SHRINK = "1 if abs(z) > threshold else (1 if threshold <= 0 else 0)"
for _name, _value in (
    ("soft_shrink", "z - min(max(z, -threshold), threshold)"),
    ("hard_shrink", "z if abs(z) > threshold else 0"),
):
    _rule(_name, piecewise, _value, SHRINK, parameters={"threshold": 0.5}, limits={"threshold": NOT_NEGATIVE})

# ── exponentials on the left ──────────────────────────────────────────────────────────────────────────────────────────
for _name, _value, _slope_text in (
    ("elu", "z if z > 0 else alpha*expm1(z)", "1 if z > 0 else a + alpha"),
    ("celu", "z if z > 0 else alpha*expm1(z/alpha)", "1 if z > 0 else a/alpha + 1"),
):
    _rule(
        _name, exponentials, _value, _slope_text, parameters={"alpha": 1.0}, limits={"alpha": POSITIVE}, workspace=("rows",)
    )
_rule(
    "selu",
    exponentials,
    "lambda_*z if z > 0 else lambda_*alpha*expm1(z)",
    "lambda_ if z > 0 else a + lambda_*alpha",
    workspace=("rows",),
    constants={"lambda_": SELU_SCALE, "alpha": SELU_ALPHA},
)
_rule("exponential", exponentials, "exp(z)", "a")

# ── S-shaped ──────────────────────────────────────────────────────────────────────────────────────────────────────────
_rule("sigmoid", sigmoids, "1/(1 + exp(-z))", "a*(1 - a)", workspace=("rows",), squashes=True)
_rule("tanh", sigmoids, "tanh(z)", "1 - a**2", squashes=True)
_rule("softsign", sigmoids, "z/(1 + abs(z))", "1/(1 + abs(z))**2", workspace=("rows",), squashes=True)
_rule(
    "log_sigmoid",
    sigmoids,
    "min(z, 0) - log1p(exp(-abs(z)))",
    "1 - exp(a)",
    workspace=("rows",),
    formula=Formula("a = −log(1 + e⁻ᶻ)", r"a = -\log(1 + e^{-z})"),
)
_rule("tanh_shrink", sigmoids, "z - tanh(z)", "tanh(z)**2", workspace=("rows", "rows", "rows"))

# ── smooth rectifiers ─────────────────────────────────────────────────────────────────────────────────────────────────
_rule(
    "softplus",
    smooth,
    "max(z, 0) + log1p(exp(-beta*abs(z)))/beta",
    "1 - exp(-(beta*a))",
    parameters={"beta": 1.0},
    limits={"beta": POSITIVE},
    workspace=("rows",),
    formula=Formula("a = log(1 + e^(βz))/β", r"a = \log(1 + e^{\beta z})/\beta"),
)
_rule(
    "squareplus",
    smooth,
    "(z + sqrt(z**2 + b))/2",
    "a/sqrt(z**2 + b)",
    parameters={"b": 4.0},
    limits={"b": POSITIVE},
    workspace=("rows", "rows"),
)
GATE = "1/(1 + exp(-beta*z))"
for _name, _beta in (("silu", 1.0), ("gelu_sigmoid", 1.702)):
    _rule(
        _name,
        smooth,
        "z/(1 + exp(-beta*z))",
        f"{GATE} + beta*a*(1 - {GATE})",
        like="silu",
        parameters={"beta": _beta},
        workspace=("rows", "rows"),
        formula=Formula("a = z·s, s = σ(βz)", r"a = z s,\ s = \sigma(\beta z)"),
        derivative=Formula("s + βa(1 − s)", r"s + \beta a (1 - s)"),
    )
TAIL = "erfc(-(z/sqrt(2)))/2"
_rule(
    "gelu",
    smooth,
    f"z*({TAIL})",
    f"{TAIL} + z*exp(-(z**2/2))/sqrt(2*pi)",
    workspace=("rows", "rows"),
    constants={"pi": np.pi},
    formula=Formula("a = z·Φ(z)", r"a = z\,\Phi(z)"),
    derivative=Formula("Φ(z) + z·φ(z)", r"\Phi(z) + z \varphi(z)"),
)
INNER = "sqrt(2/pi)*(z + 0.044715*z**3)"
_rule(
    "gelu_tanh",
    smooth,
    f"z*(1 + tanh({INNER}))/2",
    f"(1 + tanh({INNER}))/2 + z*(1 - tanh({INNER})**2)*sqrt(2/pi)*(1 + 0.134145*z**2)/2",
    workspace=("rows", "rows"),
    constants={"pi": np.pi},
    formula=Formula("a = ½z(1 + h), h = tanh(√(2/π)(z + 0.044715z³))",
                    r"a = \tfrac12 z (1 + h),\ h = \tanh(\sqrt{2/\pi}(z + 0.044715 z^3))"),
    derivative=Formula("½(1 + h) + ½z(1 − h²)√(2/π)(1 + 0.134145z²)",
                       r"\tfrac12(1 + h) + \tfrac12 z (1 - h^2) \sqrt{2/\pi} (1 + 0.134145 z^2)"),
)
MISH = "tanh(max(z, 0) + log1p(exp(-abs(z))))"
_rule(
    "mish",
    smooth,
    f"z*{MISH}",
    f"{MISH} + z*(1 - {MISH}**2)/(1 + exp(-z))",
    workspace=("rows", "rows"),
    formula=Formula("a = z·h, h = tanh(log(1 + eᶻ))", r"a = z h,\ h = \tanh(\log(1 + e^z))"),
    derivative=Formula("h + z(1 − h²)σ(z)", r"h + z (1 - h^2) \sigma(z)"),
)
DISH = "z/sqrt(1 + z**2)"
_rule("dish", smooth, f"z*({DISH} + 1)/2", f"1/2 + {DISH}*(1 - ({DISH})**2/2)", workspace=("rows", "rows"))

# ── whole rows: sums over the row, which the expressions do not know ──────────────────────────────────────────────────
for _name, _workspace, _formula, _derivative in (
    (
        "softmax",
        ("column",),
        Formula("aⱼ = e^zⱼ / Σₖ e^zₖ", r"a_j = e^{z_j} / \sum_k e^{z_k}"),
        Formula("dzⱼ = aⱼ(daⱼ − Σᵢ daᵢaᵢ)", r"dz_j = a_j (da_j - \sum_i da_i a_i)"),
    ),
    (
        "softmin",
        ("column",),
        Formula("aⱼ = e^−zⱼ / Σₖ e^−zₖ", r"a_j = e^{-z_j} / \sum_k e^{-z_k}"),
        Formula("dzⱼ = −aⱼ(daⱼ − Σᵢ daᵢaᵢ)", r"dz_j = -a_j (da_j - \sum_i da_i a_i)"),
    ),
    (
        "log_softmax",
        ("column", "rows"),
        Formula("aⱼ = zⱼ − log Σₖ e^zₖ", r"a_j = z_j - \log \sum_k e^{z_k}"),
        Formula("dzⱼ = daⱼ − e^aⱼ·Σᵢ daᵢ", r"dz_j = da_j - e^{a_j} \sum_i da_i"),
    ),
    (
        "sparsemax",
        ("column", "rows", "rows"),
        Formula("a = max(z − τ, 0), τ such that Σ a = 1", r"a = \max(z - \tau, 0),\ \sum_j a_j = 1"),
        Formula("dzⱼ = daⱼ − mean of da over the support, where aⱼ > 0", r"dz_j = [a_j > 0](da_j - \overline{da}_S)"),
    ),
):
    _rule(_name, rows, "", "", workspace=_workspace, whole_row=True, formula=_formula, derivative=_derivative)

if not TYPE_CHECKING:
    __getattr__ = asked(__name__, {**HINTS, **{squeeze(n): f"use nd.Activation({n!r})" for n in (*RULES, *ALIASES)}}, {})
    __dir__ = offered(__name__, "RULES", "Rule", "value_and_slope")


def lookup(name: Any) -> Rule:
    """The rule of a name or of one of its other names; a rule is its own.

    >>> lookup("swish").name
    'silu'
    >>> lookup("prelu")
    Traceback (most recent call last):
    ValueError: Activation: 'prelu' is a layer of its own: use nd.PReLU()
    """
    if isinstance(name, Rule):
        return name
    if isinstance(name, str) and squeeze(name) in OWN_LAYERS:
        raise ValueError(f"Activation: {name!r} is a layer of its own: use {OWN_LAYERS[squeeze(name)]}")
    if is_function(name):
        raise TypeError(f"Activation: {_of_function(name)}, got {checks.describe(name)}")
    known = checks.choice("Activation", "name", name, [*RULES, *ALIASES], HINTS)
    return RULES[ALIASES.get(known, known)]


def _of_function(function: Any) -> str:
    """What to write in place of a function that is to be the activation."""
    same = {squeeze(known): known for known in (*RULES, *ALIASES)}
    ours = same.get(squeeze(getattr(function, "__name__", "")))
    if ours is not None:
        return f"the activation is named by a string: nd.Activation({ours!r})"
    return "a function alone has no backward pass; write nd.Activation(nd.activations.Rule('name', forward, backward))"


def check_parameters(rule: Rule, given: dict[str, Any]) -> dict[str, float]:
    """Defaults filled in, values checked; a missing or unknown parameter raises and lists the known ones.

    >>> check_parameters(RULES["leaky_relu"], {"negative_slope": 0.2})
    {'negative_slope': 0.2}
    """
    owner = f"Activation({rule.name!r})"
    for name in given:
        if name not in rule.parameters:
            raise TypeError(f"{owner}: unknown parameter {name!r}; its parameters: {', '.join(rule.parameters) or 'none'}")
    merged = {**rule.parameters, **given}
    for name, value in merged.items():
        if value is REQUIRED:
            raise TypeError(f"{owner}: {name} is required, for example Activation({rule.name!r}, {name}=1.0, ...)")
        merged[name] = checks.number(owner, name, value, **rule.limits.get(name, {}))
    if "minimum" in merged and not merged["minimum"] < merged["maximum"]:
        raise ValueError(f"{owner}: minimum must be below maximum, got {merged['minimum']:g} and {merged['maximum']:g}")
    if rule.name == "general_relu" and not merged["threshold"] < merged["maximum"]:
        raise ValueError(f"{owner}: threshold must be below maximum, got {merged['threshold']:g} and {merged['maximum']:g}")
    return merged


def make_workspace(rule: Rule, rows: int, units: int, dtype: Any) -> list[Array]:
    """The extra arrays that the kernels of this rule ask for.

    >>> [w.shape for w in make_workspace(RULES["log_softmax"], rows=5, units=3, dtype=np.float32)]
    [(5, 1), (5, 3)]
    """
    made = {"rows": (units, dtype), "mask": (units, np.bool_), "column": (1, dtype)}
    return [np.empty((rows, made[kind][0]), made[kind][1]) for kind in rule.workspace]


def value_and_slope(name: "str | Rule", z: Any, **parameters: float) -> tuple[Array, Array]:
    """f(z) and f'(z) of an elementwise activation, for plots and explanations. Where f(z) is NaN, f'(z) is.

    Raises ValueError for softmax and its variants, whose outputs depend on whole rows.

    >>> value_and_slope("relu", [-1.0, 2.0])
    (array([0., 2.]), array([0., 1.]))
    """
    rule = lookup(name)
    if rule.whole_row:
        raise ValueError(f"value_and_slope: {rule.name} works on whole rows; it has no slope of a single number")
    merged = check_parameters(rule, parameters)
    z = checks.cast("value_and_slope", "z", checks.real_array("value_and_slope", "z", z), np.float64)
    row = z.reshape(1, -1)
    workspace = make_workspace(rule, 1, row.shape[1], row.dtype)
    a = rule.forward(row, np.empty_like(row), *workspace, *merged.values())
    da = np.where(np.isnan(a), np.nan, 1.0)   # as in a network: what comes back from a NaN is NaN
    slope = rule.backward(row, a, *workspace, da, np.empty_like(row), *merged.values())
    return a.reshape(z.shape), slope.reshape(z.shape)
