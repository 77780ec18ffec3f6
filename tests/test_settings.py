"""What can be set in mid-run is checked as by the constructor and takes effect in the next step; the rest is refused."""

import copy
import inspect
import runpy

import numpy as np
import pytest

import npdeep as nd
from npdeep.common.hinting import Hinted

X, Y, W = np.random.default_rng(0).normal(size=(12, 4)), np.arange(12) % 3, np.linspace(0.5, 2, 12)
DECAY = nd.schedules.InverseTimeDecay(0.5, 2, 1.0)


def trainer(layers=(), loss="softmax_cross_entropy", optimizer="sgd", clipping=None, kernel=None, last=3):
    penalty, limit = (kernel, None) if isinstance(kernel, nd.regularizers.Regularizer) else (None, kernel)
    first = nd.Dense(4, kernel_regularizer=penalty, kernel_constraint=limit, name="first")
    model = nd.Sequential([first, *layers, nd.Dense(last, name="outputs")], input_size=4, seed=0, dtype="float64")
    return nd.Trainer(model, loss, optimizer, clipping)


def of_layer(layer):
    return trainer([layer]), lambda t: t.model.layers[1]


def of_loss(loss):
    return trainer(loss=loss), lambda t: t.loss


def of_optimizer(optimizer):
    return trainer(optimizer=optimizer), lambda t: t.optimizer


def of_schedule(schedule):
    return trainer(optimizer=nd.optimizers.SGD(schedule)), lambda t: t.optimizer.learning_rate


def of_clipping(clipping):
    return trainer(clipping=clipping), lambda t: t.clipping


def of_kernel(thing):
    regular = isinstance(thing, nd.regularizers.Regularizer)
    return trainer(kernel=thing), lambda t: getattr(t.model.layers[0], "kernel_regularizer" if regular else "kernel_constraint")


C, L, R, S = nd.constraints, nd.losses, nd.regularizers, nd.schedules
OPT = nd.optimizers
BETAS = {"beta_1": (0.5, 1.0), "beta_2": (0.9, -0.1), "epsilon": (1e-3, 0.0)}
RATE = {"learning_rate": (0.3, -0.1)}
PLACES = {
    of_layer: {
        nd.Dropout: {"rate": (0.75, 1.0)},
        nd.GaussianDropout: {"rate": (0.75, 1.0)},
        nd.AlphaDropout: {"rate": (0.75, "a half")},
        nd.GaussianNoise: {"stddev": (0.5, -1.0)},
        nd.BatchNormalization: {"momentum": (0.5, 1.5), "epsilon": (1e-2, 0.0)},
        nd.LayerNormalization: {"epsilon": (1e-2, 0.0)},
        nd.RReLU: {"lower": (0.2, 0.9), "upper": (0.9, 0.0)},
    },
    of_loss: {
        L.SoftmaxCrossEntropy: {"label_smoothing": (0.2, 1.0), "weighting": ("weights", "columns")},
    },
    of_optimizer: {
        OPT.SGD: RATE,
        OPT.Momentum: {**RATE, "momentum": (0.5, 1.5)},
        OPT.Nesterov: {**RATE, "momentum": (DECAY, 1.5)},
        OPT.AdaGrad: {**RATE, "epsilon": (1e-3, -1.0)},
        OPT.AdaDelta: {**RATE, "rho": (0.5, 1.0), "epsilon": (1e-3, 0.0)},
        OPT.Adam: {**RATE, **BETAS},
        OPT.AdamW: {**RATE, **BETAS, "weight_decay": (0.5, -1.0)},
        OPT.AdaMax: {**RATE, **BETAS},
        OPT.Nadam: {**RATE, **BETAS},
    },
    of_schedule: {
        S.Constant: {"value": (0.3, -1.0)},
        S.ExponentialDecay: {
            **{"initial": (0.3, -1.0), "decay_steps": (2, 0), "decay_rate": (2.0, 0.0), "staircase": (True, "yes")}
        },
    },
    of_clipping: {kind: {"norm": (0.01, 0.0)} for kind in (nd.clipping.ClipByNorm, nd.clipping.ClipByGlobalNorm)}
    | {nd.clipping.ClipByValue: {"value": (0.001, 0.0)}},
    of_kernel: {
        R.L1: {"scale": (0.5, -1.0)},
        R.L2: {"scale": (0.5, -1.0)},
        R.L1L2: {"l1": (0.5, -1.0), "l2": (0.5, -1.0)},
        C.MaxNorm: {"value": (0.1, 0.0), "axis": (1, 2)},
        C.MinMaxNorm: {"minimum": (0.95, 2.0), "maximum": (0.1, -1.0), "rate": (0.5, 2.0), "axis": (1, 2)},
        C.UnitNorm: {"axis": (1, 2)},
    },
}
"""Where a part is in a trainer → its class → argument: (another value, a wrong one)."""
MADE = {
    S.Constant: lambda **a: S.Constant(**{"value": 0.1, **a}),
    S.ExponentialDecay: lambda **a: S.ExponentialDecay(**{"initial": 0.1, "decay_steps": 4, "decay_rate": 0.5, **a}),
    OPT.RMSProp: lambda **a: OPT.RMSProp(**{"momentum": 0.9, **a}),
}
CASES = [(place, kind, name) for place, kinds in PLACES.items() for kind, names in kinds.items() for name in names]
CASES += [(of_optimizer, OPT.RMSProp, name) for name in ("learning_rate", "rho", "momentum", "epsilon")]
PLACES[of_optimizer][OPT.RMSProp] = {**RATE, "rho": (0.5, 1.0), "momentum": (0.5, 1.0), "epsilon": (1e-3, 0.0)}
for activation, values in {
    "leaky_relu": {"negative_slope": (0.3, 2.0)},
    "elu": {"alpha": (0.5, 0.0)},
    "softplus": {"beta": (2.0, 0.0)},
    "relu6": {"maximum": (1.0, -1.0), "minimum": (-1.0, 7.0), "slope": (2.0, "steep"), "offset": (0.1, None)},
    "general_relu": {"threshold": (0.5, np.inf)},
}.items():
    MADE[activation] = lambda activation=activation, **a: nd.Activation(activation, **a)
    PLACES[of_layer][activation] = values
    CASES += [(of_layer, activation, name) for name in values]


def numbers(t):
    return {name: array.tobytes() for name, array in t.variables().items()}


def error_of(function):
    with pytest.raises((ValueError, TypeError)) as raised:
        function()
    return type(raised.value), str(raised.value)


@pytest.mark.parametrize(("place", "kind", "name"), CASES, ids=lambda c: getattr(c, "__name__", str(c)))
def test_it_takes_effect_in_the_next_step_and_is_checked_saved_and_restored(place, kind, name, tmp_path):
    make = MADE.get(kind, kind)
    value, wrong = PLACES[place][kind][name]
    t, find = place(make())
    for _ in range(3):
        t.step(X, Y, W)
    fresh, _ = place(make(**{name: value}))          # an object that was made with it, on the same slots
    fresh.set_state(t.state(), settings=False)
    before, shown = numbers(t), repr(find(t))
    assert error_of(lambda: setattr(find(t), name, wrong)) == error_of(lambda: make(**{name: wrong}))
    assert (numbers(t), repr(find(t))) == (before, shown)
    untouched = copy.deepcopy(t)
    setattr(find(t), name, value)
    assert repr(find(t)) == repr(find(fresh))
    restored, copied = nd.Trainer.restore(t.save(tmp_path / "t.npz")), copy.deepcopy(t)
    losses = [[each.step(X, Y, W) for _ in range(3)] for each in (t, fresh, restored, copied, untouched)]
    assert losses[0] == losses[1] == losses[2] == losses[3]
    assert numbers(t) == numbers(fresh) == numbers(restored) == numbers(copied) != numbers(untouched)


def aside(part):
    return trainer(), lambda t: part


REFUSED = [
    *((of_layer(nd.Dense(4)), name, value) for name, value in (
        ("units", 5), ("use_bias", False), ("kernel_initializer", "zeros"), ("bias_initializer", "ones"),
        ("kernel_regularizer", "l2"), ("bias_regularizer", "l2"), ("kernel_constraint", "max_norm"),
        ("bias_constraint", "non_negative"), ("name", "other"))),
    *((of_layer(nd.Maxout(4)), name, value) for name, value in (("units", 5), ("pieces", 3), ("kernel_initializer", "zeros"))),
    *((of_layer(nd.GLU()), "name", "x"), (of_layer(nd.PReLU()), "alpha_initializer", "ones")),
    *((of_layer(nd.BatchNormalization()), name, False) for name in ("center", "scale")),
    *((of_layer(nd.LayerNormalization()), name, False) for name in ("center", "scale")),
    *((of_layer(nd.Residual([nd.Dense(4)])), name, value) for name, value in (("layers", []), ("projection", True))),
    *((of_layer(nd.Parallel([nd.Dense(4), []])), n, v) for n, v in (("branches", []), ("split", (2, 2)), ("merge", "add"))),
    (of_layer(nd.Activation("relu")), "activation", "elu"),
    *((of_optimizer(OPT.AdaGrad()), "initial_accumulator_value", 0.5), (of_optimizer(OPT.Adam()), "amsgrad", True)),
    *((of_optimizer(OPT.AdamW(amsgrad=True)), "amsgrad", False), (of_optimizer(OPT.RMSProp()), "momentum", 0.9)),
    *((of_optimizer(OPT.RMSProp(momentum=0.9)), "momentum", 0.0), (of_optimizer(OPT.RMSProp()), "centered", True)),
    *(((trainer(), lambda t: t), name, value) for name, value in (
        ("model", None), ("loss", "hinge"), ("optimizer", "adam"), ("clipping", None), ("metrics", []), ("seed", 1))),
    *(((trainer(), lambda t: t.model), name, value) for name, value in (
        ("layers", []), ("input_size", 3), ("seed", 1), ("dtype", "float32"), ("name", "x"), ("lock", None), ("arena", None),
        ("parameters", []), ("output_size", 3))),
    (((trainer(), lambda t: t), "history", nd.History())),
    *(((trainer(), lambda t: t.optimizer), name, ()) for name in ("slots", "pieces", "arena", "slot_names")),
    *((aside(nd.initializers.VarianceScaling()), name, value) for name, value in (("scale", 2.0), ("mode", "fan_out"))),
    *((aside(nd.metrics.TopKAccuracy(2)), "k", 3), (aside(nd.metrics.F1()), "average", None)),
    *((aside(nd.callbacks.EarlyStopping()), name, "x") for name in ("monitor", "mode")),
    *((aside(nd.callbacks.RecordLayers(X, Y)), name, 5) for name in ("x", "y", "bins")),
    *((aside(nd.callbacks.Checkpoint("run")), "folder", "x"), (aside(nd.callbacks.CSVLogger("a.csv")), "path", "x")),
    (aside(nd.callbacks.TensorBoard("run")), "folder", "x"),
    (aside(nd.callbacks.ExponentialAverage()), "bias_correction", False),
    (aside(nd.augmentation.Flip(rng=0)), "rng", 1),
]
"""What cannot be changed, or not any more: (trainer, part), argument, value."""


@pytest.mark.parametrize(("where", "name", "value"), REFUSED)
def test_what_cannot_be_changed_in_mid_run_is_refused_by_name_with_what_to_do(where, name, value):
    t, find = where
    part = find(t)
    before, shown = numbers(t), repr(part)
    with pytest.raises((AttributeError, ValueError), match=f"(?s){name}.*(make a new|write|model\\.copy|fit)"):
        setattr(part, name, value)
    assert (numbers(t), repr(part)) == (before, shown)


# ── every public class ────────────────────────────────────────────────────────────────────────────────────────────────
def public_classes():
    modules = (nd, nd.initializers, C, L, OPT, R, S, nd.clipping, nd.callbacks, nd.metrics, nd.augmentation, nd.layers)
    found = {value for module in modules for value in vars(module).values() if isinstance(value, type)}
    public = {kind for kind in found if issubclass(kind, Hinted) and not kind.__name__.startswith(("_", "Own", "Described"))}
    return sorted(public, key=lambda kind: kind.__name__)


EXAMPLES = {
    "Sequential": lambda: trainer().model,
    "Trainer": trainer,
    "Maxout": lambda: nd.Maxout(2),
    "Dense": lambda: nd.Dense(2),
    "Activation": lambda: nd.Activation("elu"),
    "Residual": lambda: nd.Residual([nd.Dense(2)]),
    "Parallel": lambda: nd.Parallel([nd.Dense(2), []]),
    "ExponentialDecay": lambda: S.ExponentialDecay(0.1, 10, 0.5),
    "PiecewiseConstant": lambda: S.PiecewiseConstant([10], [0.1, 0.01]),
    "Compose": lambda: nd.augmentation.Compose([nd.augmentation.Flip()]),
    "Checkpoint": lambda: nd.callbacks.Checkpoint("run"),
    "CSVLogger": lambda: nd.callbacks.CSVLogger("h.csv"),
    "RecordLayers": lambda: nd.callbacks.RecordLayers(X, Y),
    "TensorBoard": lambda: nd.callbacks.TensorBoard("run"),
    "Warmup": lambda: S.Warmup(0.1, 10),
}


def example(kind):
    if kind.__name__ in EXAMPLES:
        return EXAMPLES[kind.__name__]()
    needed = [p for p in inspect.signature(kind).parameters.values() if p.default is p.empty]
    return kind(*[0.1 if "initial" in p.name or "value" in p.name or "rate" in p.name else 2 for p in needed])


@pytest.mark.parametrize("kind", public_classes(), ids=lambda kind: kind.__name__)
def test_a_name_that_is_not_there_cannot_be_set_on_any_public_class(kind):
    part = example(kind)
    before = dict(vars(part))
    for name in ("xyzzy", "trainabel", *(f"{argument}_x" for argument in inspect.signature(kind).parameters)):
        with pytest.raises(AttributeError, match=f"has no '{name}' that could be set"):
            setattr(part, name, 1)
    for argument, parameter in inspect.signature(kind).parameters.items():
        if parameter.kind is not parameter.VAR_KEYWORD and len(argument) > 3 and argument[-1] != argument[-2]:
            with pytest.raises(AttributeError, match=r"did you mean '\w+'"):
                setattr(part, argument[:-2] + argument[-1] + argument[-2], 1)    # two letters swapped
    assert vars(part) == before


@pytest.mark.parametrize("kind", public_classes(), ids=lambda kind: kind.__name__)
def test_a_wrong_value_of_any_argument_is_refused_and_changes_nothing(kind):
    part = example(kind)
    before = repr(part)
    for name, parameter in inspect.signature(kind).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD or (kind.__name__, name) in UNCHECKED:
            continue
        with pytest.raises((AttributeError, ValueError, TypeError)):
            setattr(part, name, object())
    assert repr(part) == before


UNCHECKED = {("History", "records")}


def in_use():
    layers = [nd.BatchNormalization(), nd.Residual([nd.Dense(4), Custom()]), nd.Activation("elu"), nd.Dropout(0.5)]
    t = trainer(layers, optimizer=OPT.Adam(), clipping=nd.clipping.ClipByGlobalNorm(1.0))
    t.fit(X, Y, verbose=False)
    t.model.layers[2].layers[1].own = 5       # what a class brings itself is its own affair
    return [t, t.model, t.loss, t.optimizer, t.clipping, *t.model.everything()]


class Custom(nd.layers.Layer):
    """A layer with an attribute and an argument of its own."""

    def __init__(self, mine=1, name=None):
        super().__init__(name)
        self.mine, self.own = mine, 2

    def forward(self, x, training=False):
        return x * self.mine

    def backward(self, grad_output):
        return grad_output * self.mine


@pytest.mark.parametrize("make", [in_use, *(lambda kind=kind: [example(kind)] for kind in public_classes())])
def test_what_npdeep_sets_for_itself_can_only_be_read(make):
    for part in make():
        kinds, arguments = type(part).__mro__, set(inspect.signature(type(part)).parameters)
        free = {*arguments, *getattr(part, "further_arguments", ()), *part.checked, "use_moving_statistics", "order", "own"}
        free |= {*getattr(part, "extra", ()), *getattr(part, "blocks", ())}    # buffers
        properties = {name for kind in kinds for name, member in vars(kind).items() if isinstance(member, property)}
        before = dict(vars(part))
        for name in {*before, *properties} - free:
            if not name.startswith("__") and not (name == "eta" or isinstance(before.get(name), nd.parameters.Parameter)):
                with pytest.raises(AttributeError, match=f"{name} (can only be read|is computed|cannot be (set|replaced))"):
                    setattr(part, name, None)
        assert all(vars(part)[name] is value for name, value in before.items())


class Thermostat(nd.optimizers.Optimizer):
    """Gives itself attributes in its methods, in a comprehension and by setattr too."""

    def __init__(self, learning_rate=0.1, target=1.0):
        super().__init__(learning_rate)
        self.target, self.trainable = target, True
        [setattr(self, name, 0) for name in ("lr", "counts")]

    def update_piece(self, step, w, g, t):
        self.last_step = step
        w -= self.eta * g


@pytest.mark.parametrize(("part", "name", "right", "wrong"), [
    ("trainer", "iteration", [0, 7], [-1, 2.5, "x", None, True]),
    ("trainer", "epoch", [0, 7], [-1, 2.5, "x", None, True]),
    ("model", "scale", [None, 0.5], [0, -1, float("nan"), "x", np.ones(2)]),
])
def test_what_fit_keeps_is_checked_where_a_user_sets_it(part, name, right, wrong):
    t = trainer()
    owner = t if part == "trainer" else t.model
    for value in right:
        setattr(owner, name, value)
        assert getattr(owner, name) == value
    for value in wrong:
        with pytest.raises((ValueError, TypeError), match=name):
            setattr(owner, name, value)
        assert getattr(owner, name) == right[-1]


def test_a_class_of_the_users_sets_what_it_likes_in_its_own_methods_and_nobody_else_does():
    t = trainer(optimizer=Thermostat())
    t.step(X, Y)
    assert (t.optimizer.last_step, t.optimizer.lr, t.optimizer.trainable) == (0, 0, True)
    t.optimizer.target = 2.0
    assert t.optimizer.target == 2.0
    with pytest.raises(ValueError, match="learning_rate must be"):
        t.optimizer.learning_rate = -1.0
    with pytest.raises(AttributeError, match="has no 'tagret' that could be set; did you mean 'target'"):
        t.optimizer.tagret = 3.0

    def set_from_a_function(trainer):
        trainer.epcohs = 3

    with pytest.raises(AttributeError, match=r"did you mean .epochs.\? it is an argument of fit"):
        set_from_a_function(t)


def test_a_setting_that_float32_cannot_hold_is_refused_as_when_the_model_is_made():
    layer = nd.BatchNormalization()
    nd.Sequential([layer], input_size=2)
    with pytest.raises(ValueError, match="epsilon=1e-50 is as good as 0 in float32"):
        layer.epsilon = 1e-50
    assert layer.epsilon == 1e-5


def test_what_was_set_in_mid_run_is_in_the_unrolled_step(tmp_path):
    clipping, layers = nd.clipping.ClipByGlobalNorm(1.0), [nd.Dropout(0.5), nd.Activation("elu"), nd.BatchNormalization()]
    t = trainer(layers, nd.losses.SoftmaxCrossEntropy(), OPT.Momentum(0.1), clipping, R.L2(0.1))
    t.step(X, Y)
    t.model.layers[1].rate, t.model.layers[2].alpha, t.model.layers[3].momentum = 0.25, 0.5, 0.7
    t.optimizer.momentum, t.clipping.norm, t.loss.label_smoothing = 0.5, 0.1, 0.2
    t.model.layers[0].kernel_regularizer.scale = 0.3
    program = runpy.run_path(str(nd.debug.unroll(t, tmp_path / "step.py")))
    assert [program["step"](X, Y) for _ in range(3)] == [t.step(X, Y) for _ in range(3)]
