"""A wrong part of the user's is caught at its first use: its name, what came, and the cure; no weight has changed."""

import abc

import numpy as np
import pytest

import npdeep as nd

CLASSES = 3
X = np.random.default_rng(0).normal(size=(12, 5)).astype(np.float32)
LABELS = np.arange(12) % CLASSES
BASES = {
    "layer": nd.layers.Layer,
    "loss": nd.losses.Loss,
    "optimizer": nd.optimizers.Optimizer,
    "schedule": nd.schedules.Schedule,
    "metric": nd.metrics.Metric,
    "callback": nd.callbacks.Callback,
}


def mine(kind, **members):
    """An object of a class Mine with these methods."""
    return type("Mine", (BASES.get(kind, object),), members)()


def layer(**members):
    identity = {"forward": lambda self, x, training=False: x, "backward": lambda self, g: g}
    return {"layer": lambda: mine("layer", **identity | members)}


def activation(forward=lambda z, a: z.copy(), backward=lambda z, a, da, dz: da.copy(), **about):
    return {"layer": lambda: nd.Activation(nd.activations.Rule("mine", forward, backward, **about), name="mine")}


def duck_loss(forward=lambda self, z, y: 1.0, backward=lambda self: np.zeros((6, CLASSES))):
    return {"loss": lambda: mine("", forward=forward, backward=backward)}


def loss(**members):
    def losses(self, z, y):
        return np.square(z, out=self.loss)

    def derivatives(self, z, y):
        np.multiply(z, 2, out=self.grad_outputs)

    targets = {"check_targets": lambda self, targets, *rest: targets}
    return {"loss": lambda: mine("loss", losses=losses, derivatives=derivatives, **targets) if not members else
            mine("loss", **{"losses": losses, "derivatives": derivatives, **targets, **members})}


def optimizer(update_piece=None, rate=0.01, **members):
    members |= {"update_piece": update_piece} if update_piece else {}
    given = [] if "__init__" in members else [rate]
    return {"optimizer": lambda: type("Mine", (nd.optimizers.Optimizer,), members)(*given)}


def schedule(call):
    return {"optimizer": lambda: nd.optimizers.SGD(mine("schedule", __call__=call))}


def metric(compute):
    return {"metrics": lambda: [mine("metric", name="share", compute=compute)]}


def function(share):
    share.__name__ = "share"
    return {"metrics": lambda: [share]}


def callback(**members):
    return {"callbacks": lambda: [mine("callback", **members)]}


def nothing(self):
    """An __init__ that calls none."""


def hold_a_dense(self):
    nd.layers.Layer.__init__(self)
    vars(self)["inner"] = self.hold([nd.Dense(4)])


def width(self, n):
    return self.inner.build(n)


def declare_w(self, n):
    self.w = self.add_parameter("w", (n,), "ones")
    return n


def holder(build=width, **members):
    """A layer that holds a Dense, with a chain to go through."""

    through = {
        "forward": lambda self, x, training=False: self.inner.forward(x, training),
        "backward": lambda self, g: self.inner.backward(g),
    }
    return {"layer": lambda: mine("layer", __init__=hold_a_dense, build=build, **through | members)}


def declares(method, *kinds, calls=""):
    """A layer that declares parameters in a method, and passes its input on."""

    def declare(self, *args):
        for kind in kinds:
            self.add_parameter(kind, (4,), "ones")
        return args[0]

    def __init__(self):
        nd.layers.Layer.__init__(self)
        declare(self, None)

    return layer(**{method: __init__ if method == "__init__" else declare})


def in_place(array, *rest):
    array *= 2
    return array


def twice(self, x, training=False):
    return self.inner.forward(self.inner.forward(x, training), training)


NAN, HALF = float("nan"), lambda self, step, w, g, t: np.multiply(w, 0.5, out=w)
WRONG = {
    "layer, no super().__init__": (layer(__init__=nothing), r"the __init__ of Mine must begin with super\(\).__init__\(name\)"),
    "layer, forward without training": (layer(forward=lambda self, x: x), r"forward\(x\) is called with \(x, training\)"),
    "layer, backward takes nothing": (layer(backward=lambda self: 1), r"mine': backward\(\) is called with \(grad_output\)"),
    "layer, build takes nothing": (layer(build=lambda self: 1), r"mine': build\(\) is called with \(input_size\)"),
    "layer, forward NaN": (layer(forward=lambda self, x, training: x * NAN), r"mine': forward returned NaN at \(0, 0\)"),
    "layer, backward NaN": (layer(backward=lambda self, g: g * NAN), r"mine': backward returned NaN at \(0, 0\)"),
    "layer, forward in place": (layer(forward=lambda self, x, training: in_place(x)), "forward changed x in place, .* x = x"),
    "layer, backward in place": (layer(backward=lambda self, g: in_place(g)), "backward changed grad_output in place"),
    "layer, draws and does not say so": (
        layer(forward=lambda self, x, training: x + self.rng.normal(size=x.shape).astype(x.dtype)),
        "forward draws from self.rng; write draws = True in the class",
    ),
    "layer, a parameter twice": (declares("build", "w", "w"), r"add_parameter\('w'\) is called twice"),
    "layer, a parameter in __init__": (declares("__init__", "w"), r"Mine.*: add_parameter\('w'\) belongs in build"),
    "layer, a parameter in forward": (declares("forward", "w"), r"Mine.*: add_parameter\('w'\) belongs in build"),
    "layer, a gradient summed to one number": (
        layer(build=declare_w, backward=lambda self, g: setattr(self.w, "grad", (g * self.input).sum()) or g),
        r"grad must have the shape \(4,\), got \(\); to sum over the rows alone write .sum\(axis=0\)",
    ),
    "layer, layers in lists in a dict": (
        layer(__init__=lambda self: nd.layers.Layer.__init__(self) or setattr(self, "inner", {"a": [nd.Dense(4)]})),
        r"its attribute 'inner' holds an object of type Dense, which would not be trained or saved; take layers in with",
    ),
    "layer, forward goes twice through what it holds": (holder(forward=twice), "goes through layer '.*dense' 2 times"),
    "layer, backward leaves out what it holds": (holder(backward=lambda self, g: g), "backward must go back through layer"),
    "layer, builds not what it holds": (holder(build=lambda self, n: n), "build has not built the Dense that it holds; call"),
    "layer, builds for another width": (holder(build=lambda self, n: self.inner.build(n + 1)), "was built for a width of 5"),
    "layer, forgets training": (holder(forward=lambda self, x, training: self.inner.forward(x)), "argument: 'training'"),
    "layer, forward that is never called": (
        {"layer": lambda: type("Mine", (nd.Residual,), {"forward": lambda self, x, training=False: x})([nd.Dense(4)])},
        r"forward would never be called, since Residual has forward_steps; put the Residual into",
    ),
    "layer, an attribute in place of a method": (layer(plan=3), "mine': its attribute 'plan' takes the place"),
    "layer, an attribute of npdeep's for something else": (
        layer(__init__=lambda self: nd.layers.Layer.__init__(self) or setattr(self, "blocks", 3)),
        r"layers\[[01]\] \(Mine\): npdeep needs its attribute 'blocks'; call yours something else",
    ),
    "activation, forward in place": (activation(in_place), r"forward changed x in place"),
    "activation, backward in place": (activation(backward=lambda z, a, da, dz: in_place(da)), "changed grad_output in place"),
    "activation, forward returns nothing": (activation(lambda z, a: None), r"Activation\('mine'\) '.*mine': forward must"),
    "activation, wrong shape": (activation(lambda z, a: z.sum()), r"Activation\('mine'\) '.*mine': forward must"),
    "activation, wrong dtype": (activation(lambda z, a: z.astype("f8")), "returned float64; end with .astype"),
    "activation, backward returns nothing": (activation(backward=lambda z, a, da, dz: None), "backward must .*returned None"),
    "activation, NaN": (activation(lambda z, a: z * NAN), "forward returned NaN"),
    "activation, forward takes z alone": (activation(lambda z: z), r"Rule\('mine'\): forward\(z\) is called with \(z, a\)"),
    "activation, parameters not taken": (activation(parameters={"scale": 1.0}), r"forward\(z, a\) is called .* scale\)"),
    "activation, unknown name in the value": (activation(value="q*z"), r"Rule\('mine'\): value names 'q'; it can name a, z"),
    "activation, unknown workspace": (activation(lambda *a: 1, lambda *a: 1, workspace=("row",)), "workspace holds 'row'"),
    "loss, no super().__init__": (loss(__init__=nothing), r"the __init__ of Mine must begin with super\(\).__init__\(\)"),
    "loss, losses returns nothing": (loss(losses=lambda self, z, y: None), "Mine: losses must return .* returned None"),
    "loss, losses of another shape": (loss(losses=lambda self, z, y: z[:, :1]), r"Mine: losses must return .* \(6, 3\)"),
    "loss, losses NaN": (loss(losses=lambda self, z, y: z * NAN), "Mine: losses returned NaN"),
    "loss, derivatives writes nothing": (loss(derivatives=lambda self, z, y: None), "derivatives did not write all of"),
    "loss, derivatives NaN": (loss(derivatives=lambda self, z, y: self.grad_outputs.fill(0 * NAN)), "derivatives wrote NaN"),
    "loss, losses in place": (loss(losses=lambda self, z, y: in_place(z)), "Mine: losses changed z in place"),
    "loss, losses changes the targets": (
        loss(losses=lambda self, z, y: z * in_place(y)[:, None].astype(z.dtype)), "Mine: losses changed y in place"
    ),
    "loss, derivatives of another shape": (
        loss(derivatives=lambda self, z, y: setattr(self, "grad_outputs", z[:, :1])), "derivatives put an array of shape .6, 1"
    ),
    "loss object, in place": (duck_loss(lambda self, z, y: float(in_place(z).sum())), "forward changed outputs in place"),
    "optimizer, a slot name without a comma": (optimizer(HALF, slot_names=("m")), r"a tuple of names such as \('m',\)"),
    "optimizer, a slot name that is taken": (optimizer(HALF, slot_names=("values",)), r"none of .*values.*got \('values',\)"),
    "optimizer, an attribute in place of a method": (optimizer(HALF, plan=3), "Mine: its attribute 'plan' takes the place"),
    "callback, an attribute in place of a method": (callback(state={}), "its attribute 'state' takes the place of npdeep's"),
    "metric, in place": (metric(lambda self, z, y: in_place(z).sum()), "metric share changed outputs in place"),
    "metric function, in place": (function(lambda z, y: in_place(y).sum()), "metric share changed targets in place"),
    "loss object, an array": (duck_loss(lambda self, z, y: z**2), "loss Mine: forward must return one number, got an array"),
    "loss object, a string": (duck_loss(lambda self, z, y: "0.5"), "loss Mine: forward must return one number, got the string"),
    "loss object, NaN": (duck_loss(lambda self, z, y: NAN), "loss Mine: forward returned NaN"),
    "loss object, NaN gradient": (duck_loss(backward=lambda self: np.full((6, 3), NAN)), "loss Mine: backward returned NaN"),
    "loss object, no gradient": (duck_loss(backward=lambda self: None), r"loss Mine: backward\(\) is missing \(None\)"),
    "loss object, forward takes outputs": (duck_loss(lambda self, z: 1.0), r"forward\(z\) is called with \(outputs, targets\)"),
    "loss object, backward takes more": (duck_loss(backward=lambda self, g: g), r"Mine: backward\(g\) is called with \(\)"),
    "optimizer, no super().__init__": (optimizer(HALF, __init__=nothing), r"the __init__ of Mine must begin with"),
    "optimizer, never updates": (optimizer(lambda self, step, w, g, t: w - g), "Mine: update_piece changed no weight; .*w -= "),
    "optimizer, NaN": (optimizer(lambda self, step, w, g, t: w.fill(NAN)), "Mine: update_piece wrote into the weights NaN"),
    "optimizer, takes too little": (optimizer(lambda self, w, g: 1), r"update_piece\(w, g\) is called with \(step, w, g, t\)"),
    "optimizer, a slot not taken": (optimizer(HALF, slot_names=("m",)), r"is called with \(step, w, g, m, t\)"),
    "optimizer, the schedule as a number": (
        optimizer(lambda self, step, w, g, t: w.__isub__(self.learning_rate * g), nd.schedules.PowerDecay(0.1, 10)),
        "Mine: update_piece failed under a schedule: .* self.eta is the learning rate",
    ),
    "optimizer, no update_piece": (optimizer(), "Mine must define update_piece"),
    "schedule, nothing": (schedule(lambda self, step: None), r"Mine\(\) must give a number of at least 0 .* gave None"),
    "schedule, negative": (schedule(lambda self, step: -1.0), r"Mine\(\) must give a number of at least 0 .* gave -1"),
    "schedule, NaN": (schedule(lambda self, step: NAN), r"Mine\(\) must give a number of at least 0 .* gave nan"),
    "schedule, an array": (schedule(lambda self, step: np.ones(2)), r"Mine\(\) must give a number .* gave an array"),
    "schedule, takes nothing": (schedule(lambda self: 1.0), r"Mine: __call__\(\) is called with \(step\)"),
    "metric, a string": (metric(lambda self, z, y: "0.5"), "metric share: must return one number, got the string '0.5'"),
    "metric, nothing": (metric(lambda self, z, y: None), "metric share: must return one number, got None"),
    "metric, an array": (metric(lambda self, z, y: z), "metric share: must return one number, got an array"),
    "metric, takes too little": (metric(lambda self, z: 1.0), r"metric share: compute\(z\) is called with \(outputs"),
    "metric function, a string": (function(lambda z, y: "0.5"), "metric share: must return one number, got the string"),
    "metric function, takes too little": (function(lambda z: 1.0), r"share\(z\) is called with \(outputs, targets\)"),
    "callback, a moment that is none": (callback(on_batch_end=lambda self, t: 1), r"Mine\): on_batch_end would never be"),
    "callback, takes too much": (callback(on_epoch_end=lambda self, epoch, logs: 1), r"on_epoch_end\(epoch, logs\) is called"),
    "callback, takes nothing": (callback(on_step_end=lambda self: 1), r"on_step_end\(\) is called with \(trainer\)"),
}
IN_LAYERS = [name for name in WRONG if name.startswith(("layer", "activation"))]


@pytest.mark.parametrize(("name", "nested"), [*((name, False) for name in WRONG), *((name, True) for name in IN_LAYERS)])
def test_it_is_named_with_the_cure_and_no_weight_has_changed(name, nested):
    parts, message = WRONG[name]
    models = []

    def use():
        given = {key: make() for key, make in parts.items()}
        part = [given.pop("layer")] if "layer" in given else []
        callbacks = given.pop("callbacks", [])
        part = [nd.Residual(part)] if nested else part
        model = nd.Sequential([nd.Dense(4), *part, nd.Dense(CLASSES)], input_size=5, seed=0)
        models.append((model, model.flat_values.tobytes()))
        trainer = nd.Trainer(model, given.pop("loss", "softmax_cross_entropy"), given.pop("optimizer", "sgd"), **given)
        if not parts.keys() & {"metrics", "callbacks"}:
            trainer.step(X[:6], LABELS[:6])
        trainer.fit(X, LABELS, batch_size=6, callbacks=callbacks, verbose=False)

    with pytest.raises((TypeError, ValueError, NotImplementedError), match=message):
        use()
    if not parts.keys() & {"metrics"}:        # a metric is asked at the end of an epoch
        assert all(model.flat_values.tobytes() == before for model, before in models)


def test_a_layer_that_is_wrong_outside_training_is_named_there():
    wrong = layer(forward=lambda self, x, training: x if training else x[:, :1])["layer"]()
    trainer = nd.Trainer(nd.Sequential([wrong, nd.Dense(CLASSES)], 5, seed=0), "softmax_cross_entropy")
    trainer.step(X, LABELS)
    with pytest.raises(ValueError, match=r"Mine 'mine': forward must return an array of shape \(12, 5\)"):
        trainer.evaluate(X, LABELS)


def test_an_error_within_a_property_is_not_taken_for_a_property_that_is_not_there():
    mine_ = type("Mine", (nd.layers.Layer,), {"twice": property(lambda self: 2 * self.factor)})()
    with pytest.raises(AttributeError, match="Mine has no 'factor'"):
        mine_.twice


def test_a_class_of_the_users_may_be_abstract_and_pass_keywords_on(tmp_path):
    class Scorer(nd.Dense, abc.ABC):
        def __init__(self, units, **kwargs):
            super().__init__(units, use_bias=False, **kwargs)
            self.kwargs = kwargs

    model = nd.Sequential([Scorer(3, kernel_initializer="ones", name="mine")], input_size=2)
    assert model.layers[0].arguments() == {"units": 3, "kernel_initializer": "ones", "name": "mine"}
    twin = nd.load_model(model.save(tmp_path / "m.npz"), own=[Scorer])
    np.testing.assert_array_equal(twin.predict(np.eye(2)), np.ones((2, 3)))
    assert model.with_layers([nd.Dense(1)], keep="mine").layers[0].use_bias is False


def test_an_argument_that_is_kept_nowhere_is_named_with_the_line_to_write_wherever_a_copy_is_made(tmp_path):
    class Scorer(nd.Dense):
        def __init__(self, units, **others):
            super().__init__(units, **others)

    model = nd.Sequential([Scorer(3, name="mine")], input_size=2)
    for use in (lambda: model.with_layers([nd.Dense(1)], keep="mine"), lambda: model.save(tmp_path / "m.npz"),
                model.layers[0].clone):
        with pytest.raises((AttributeError, TypeError), match=r"Scorer has no 'others': keep each .* self.others = others"):
            use()


def test_a_layer_may_use_what_it_holds_in_training_alone(tmp_path):
    """An auxiliary noise; a pass of prediction may be the first."""

    class Noisy(nd.layers.Layer):
        def __init__(self, name=None):
            super().__init__(name)
            self.inner = self.hold([nd.Dropout(0.1)])

        def build(self, input_size):
            return self.inner.build(input_size)

        def forward(self, x, training=False):
            return self.inner.forward(x, training) if training else x

        def backward(self, grad_output):
            return self.inner.backward(grad_output)

    trainer = nd.Trainer(nd.Sequential([Noisy(), nd.Dense(CLASSES)], 5, seed=0), "softmax_cross_entropy")
    outputs = trainer.model.predict(X)
    trainer.fit(X, LABELS, verbose=False)
    assert not np.array_equal(trainer.model.predict(X), outputs)
    twin = nd.load_model(trainer.model.save(tmp_path / "m.npz"), own=[Noisy])
    np.testing.assert_array_equal(twin.predict(X), trainer.model.predict(X))


def test_a_constraint_that_returns_in_place_of_changing_is_named():
    class Box(nd.constraints.Constraint):
        def __init__(self, in_place):
            self.in_place = in_place

        def apply(self, w, scratch):
            return np.clip(w, -0.1, 0.1, out=w if self.in_place else None)

    for in_place in (True, False):
        model = nd.Sequential([nd.Residual([nd.Dense(5, kernel_constraint=Box(in_place))])], input_size=5, seed=0)
        trainer = nd.Trainer(model, "mean_squared_error")
        if in_place:
            trainer.step(X, X)
            assert abs(model.layer("residual/dense").kernel.value).max() <= np.float32(0.1)
        else:
            with pytest.raises(TypeError, match=r"Box: apply must change w in place, .* returned an array .* residual/dense/k"):
                trainer.step(X, X)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_initializer_that_gives_no_numbers_is_named(bad):
    wrong = type("Mine", (nd.initializers.Initializer,), {"__call__": lambda self, shape, *rest: np.full(shape, bad)})
    with pytest.raises(ValueError, match="dense': what the initializer Mine returned for kernel holds NaN or inf"):
        nd.Sequential([nd.Residual([nd.Dense(5, kernel_initializer=wrong())])], input_size=5)


def test_an_own_loss_that_takes_no_weights_says_so_when_the_first_come():
    class Squares:
        def forward(self, outputs, targets):
            self.error = outputs - targets
            return float((self.error**2).mean())

        def backward(self):
            return 2 * self.error / self.error.size

    trainer = nd.Trainer(nd.Sequential([nd.Dense(5)], input_size=5, seed=0), Squares())
    trainer.step(X, X)
    before = trainer.model.flat_values.copy()
    with pytest.raises(TypeError, match=r"loss Squares: forward\(outputs, targets\) is called with .* sample_weight\)"):
        trainer.step(X, X, sample_weight=np.ones(12))
    np.testing.assert_array_equal(trainer.model.flat_values, before)


def test_a_layer_of_the_users_may_have_slots():
    passes = {"forward": lambda self, x, training=False: x * self.factor, "backward": lambda self, g: g * self.factor}
    slotted = type("Mine", (nd.layers.Layer,), {"__slots__": ("factor",), **passes})()
    object.__setattr__(slotted, "factor", 3)
    model = nd.Sequential([slotted, nd.Dense(2)], 5, seed=0)
    np.testing.assert_array_equal(model.copy().predict(X), model.predict(X))


def test_the_event_of_a_loss_shows_what_losses_returned():
    fresh = loss(losses=lambda self, z, y: z**2)["loss"]()
    trainer = nd.Trainer(nd.Sequential([nd.Dense(CLASSES)], 5, seed=0), fresh)
    shown = [event.arrays["losses"].copy() for event in trainer.walk(X, LABELS) if event.stage == "loss"]
    np.testing.assert_array_equal(shown[0], fresh.outputs**2)


def test_a_layer_may_leave_out_what_it_holds():
    """Stochastic depth: in a pass without them the layers inside have the gradient 0, not the one of the pass before."""

    def forward(self, x, training=False):
        self.left_out = training and self.rng.random() < 0.5
        return x if self.left_out else self.inner.forward(x, training)

    def backward(self, g):
        return g if self.left_out else self.inner.backward(g)

    depth = type("Mine", (nd.layers.Layer,), {"draws": True, "__init__": lambda self, make: make(self), "build": width,
                                              "forward": forward, "backward": backward})
    seen = set()
    for seed in range(3):
        model = nd.Sequential([nd.Dense(4), depth(hold_a_dense), nd.Dense(CLASSES)], input_size=5, seed=seed)
        trainer = nd.Trainer(model, "softmax_cross_entropy")
        for _ in range(6):
            names = [event.name for event in trainer.walk(X, LABELS)]
            left_out = model.layer("mine").left_out
            assert names.count("mine/dense") == (0 if left_out else 2)
            assert model.layer("mine/dense").kernel.grad.any() == (not left_out)
            seen.add(left_out)
        assert nd.debug.gradient_check(model, "softmax_cross_entropy", X, LABELS)
    assert seen == {True, False}


def test_what_is_right_but_looks_odd_is_left_alone():
    """An optimizer that only collects in its first steps, a rate of 0, a gradient of 0."""

    class EveryOther(nd.optimizers.Optimizer):
        slot_names = ("sum",)

        def update_piece(self, step, w, g, total, t):
            total += g
            if step % 2:
                w -= self.eta * total
                total[...] = 0

    class Still(nd.optimizers.Optimizer):
        def update_piece(self, step, w, g, t):
            w -= self.eta * g

    for optimizer in (EveryOther(0.1), Still(0.0)):
        model = nd.Sequential([nd.Dense(CLASSES)], input_size=5, seed=0)
        trainer = nd.Trainer(model, "softmax_cross_entropy", optimizer)
        before = model.flat_values.copy()
        trainer.step(X, LABELS)
        np.testing.assert_array_equal(model.flat_values, before)
        trainer.step(X, LABELS)
        assert (model.flat_values != before).any() == (optimizer.learning_rate > 0)


# ── expressions that cannot be worked out are refused when the part is defined ────────────────────────────────────────
BAD = [
    "", "z**", "z = 3", "sin(z)", "z.mean()", "z[0]", "[z]", "'z'", "True", "z @ z", "not z", "exp(z, z)", "max(z)",
    "lambda: z", 3,
]  # fmt: skip
"""No expressions, or what has no value here; an empty one is none where another is needed."""


def defined(kind, expression):
    if kind == "optimizer":
        type("Mine", (nd.optimizers.Optimizer,), {"rule": (("m", "0.9*m + g"), ("w", expression))})
    elif kind == "loss":
        type("Mine", (nd.losses.Loss,), {"expression": "(z - y)**2", "derivative": expression})
    elif kind == "activation":
        nd.activations.Rule("mine", lambda z, a: z, lambda z, a, da, dz: da, expression, "1")


@pytest.mark.parametrize("kind", ["optimizer", "loss", "activation"])
@pytest.mark.parametrize("expression", BAD, ids=repr)
def test_an_expression_that_cannot_be_worked_out_is_refused_with_the_part(kind, expression):
    if kind == "activation" and expression == "":    # it may have none
        return
    with pytest.raises(ValueError, match=r"[Mm]ine.*(is not an expression such as|cannot be worked out)") as error:
        defined(kind, expression)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize("rule", ["w - eta*g", ("w", "w - eta*g"), (("m", "m"),), ((3, "w"),), {"w": "w"}])
def test_a_rule_that_is_no_list_of_pairs_is_refused(rule):
    with pytest.raises(ValueError, match="Mine: rule must be pairs of a name and an expression, the last of them w"):
        type("Mine", (nd.optimizers.Optimizer,), {"rule": rule})


def test_sign_is_a_function_of_expressions():
    rule = (("m", "0.9*m + 0.1*g"), ("w", "w - learning_rate*sign(m)"))
    lion = type("Lion", (nd.optimizers.Optimizer,), {"rule": rule, "slot_names": ("m",), "update_piece": lion_step})
    trainer = nd.Trainer(nd.Sequential([nd.Dense(2, name="out")], 3, seed=0), "mean_squared_error", lion(0.1))
    for event in trainer.walk(np.ones((4, 3)), np.zeros((4, 2))):
        if event.stage == "backward":
            told = str(nd.debug.explain_update(trainer, "out/kernel", (0, 0)))
    assert "sign(" in told
    assert f"= {trainer.model.layer('out').kernel.value[0, 0]:.4g}"[:8] in told


def lion_step(self, step, w, g, m, t):
    m *= 0.9
    m += 0.1 * g
    w -= self.eta * np.sign(m)
