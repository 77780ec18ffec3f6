"""A network: layers one behind the other, all their numbers in one arena."""

import copy
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from npdeep.common import checks, scaling, seeds
from npdeep.common.guards import deep_copy, quiet
from npdeep.common.hinting import Hinted, settle
from npdeep.common.hints import MODEL, by_name
from npdeep.common.tables import Table
from npdeep.files import encoding, npz, schema
from npdeep.files.load_weights import LoadReport, restore_weights
from npdeep.kernels.arrays import Array
from npdeep.layers.base import Layer, check_layers
from npdeep.layers.batch_normalization import BatchNormalization
from npdeep.layers.chain import Chain
from npdeep.layers.layer_normalization import LayerNormalization
from npdeep.models import looks
from npdeep.models.names import check_names, select
from npdeep.parameters import Arena, Parameter, allocate


class Sequential(Hinted):
    """A stack of layers. All shapes are known and all parameters made when it is made.

    Args:
        layers: the layers, lowest first. A layer serves one model.
        input_size: the width of the examples, for example 784.
        seed: a whole number for the same weights and the same noise every time; None for others each time.
        dtype: "float32", or "float64" for gradient checks and proofs.
        name: a name for printing.

    Attributes:
        layers: the layers, each with its name; layers without one are numbered dense, dense_1, …
        parameters: all parameters and moving statistics, in layer order.
        arena: where their numbers are.
        passes: how many forward passes have used the buffers.
        lock: held during each pass and each training step, so that several threads can use the model. `with model.lock:` keeps
            several calls together, for example forward and backward, or a pickle of a model that is being trained.
        scale: what the last fit multiplied x by, and predict and evaluate do by default; None where it was left as it is.

    Raises ValueError or TypeError where the layers, their names or their widths do not fit together.

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Dense(3), nd.Activation("relu"), nd.Dense(2, name="outputs")], input_size=4, seed=42)
    >>> [layer.name for layer in model.layers]
    ['dense', 'activation', 'outputs']
    >>> model.predict(np.zeros((5, 4))).shape
    (5, 2)
    """

    scale: float | None = None
    foreign = by_name(MODEL)

    def __init__(
        self,
        layers: Iterable[Layer],
        input_size: int,
        seed: int | None = None,
        dtype: Any = "float32",
        name: str | None = None,
    ) -> None:
        self._make(layers, input_size, seed, dtype, name)

    def _make(
        self, layers: Any, input_size: Any, seed: Any, dtype: Any, name: Any, stored: Mapping[str, Array] | None = None
    ) -> None:
        """Check the arguments and make everything; stored: numbers to begin with, in the place of initial weights."""
        self.layers = Chain(check_layers("Sequential", layers))
        if not self.layers:
            raise ValueError("Sequential: the list of layers is empty")
        self.input_size = checks.whole("Sequential", "input_size", input_size)
        self.seed = seeds.check_seed("Sequential", seed)
        self.dtype = check_dtype(dtype)
        self.name = checks.label("Sequential", "name", "sequential" if name is None else name)
        try:
            self._build(stored)
        except Exception:
            for layer in self.layers:         # they stay free for the next try
                layer.detach()
            raise
        self.passes = 0
        self.went_forward = 0                 # the thread whose pass backward may go back through
        self.gradients_of: Any = None         # the trainer that computed the gradients, until they are used
        self.lock = threading.RLock()         # for one pass, or one training step, at a time
        self.prepared: tuple[int, bool] | None = None
        self.planned: tuple[int, bool] | None = None

    def _build(self, stored: Mapping[str, Array] | None) -> None:
        self.output_size = self.layers.build(self.input_size)
        for layer in self.everything():
            if isinstance(layer, BatchNormalization | LayerNormalization):
                checks.epsilon(type(layer).__name__, layer.epsilon, self.dtype, "equal numbers, of variance 0, would give 0/0")
        self.parameters: list[Parameter] = [p for layer in self.everything() for p in layer.parameters]
        if stored is not None:                # before memory is taken for them: they come out of a file
            schema.check_variables(self.parameters, stored)
        self.arena: Arena = allocate(self.parameters, self.dtype)
        for index, layer in enumerate(self.layers):
            if stored is None:
                layer.initialize(self.seed, index)
            else:
                layer.start_noise(self.seed, index)
        if stored is not None:
            for p in self.parameters:
                p.value = stored[p.name]

    # ── passes ────────────────────────────────────────────────────────────────────────────────────────────────────────
    def forward(self, x: Any, training: bool = False) -> Array:
        """The outputs for the rows of x: a live buffer that the next pass overwrites, in whatever thread it is made.

        training: True uses batch statistics and noise. A backward pass is possible after both.
        In several threads use `predict`, whose array is fresh, or keep the pass to yourself: `with model.lock:` around forward
        and whatever belongs to it.
        Raises ValueError or TypeError where x is no array of finite numbers of shape (n, input_size).
        """
        x, training = self.check_examples("forward", "x", x), checks.flag("forward", "training", training)
        with self.lock:
            outputs = self.run(x, training)
            self.went_forward = threading.get_ident()
        return outputs

    def run(self, x: Array, training: bool = False) -> Array:
        """`forward` on rows that are checked and in the model's dtype."""
        with self.lock:
            self.prepare(len(x), training)
            self.passes += 1
            self.went_forward = 0             # predict and evaluate go through here too
            return self.layers.forward(x, training)

    def backward(self, grad_output: Any, input_gradient: bool = False) -> Array | None:
        """Assign the gradients of all trainable parameters, given ∂loss/∂outputs of the last forward pass.

        After a pass with training=False they are those of the network in use: without noise, and with the moving statistics of
        batch normalization as constants.

        Returns ∂loss/∂x where input_gradient is True, else None. The pass stops at the lowest layer with something to train.
        Raises ValueError where there was no forward pass of this thread before it, or for a wrong shape.
        """
        input_gradient = checks.flag("backward", "input_gradient", input_gradient)
        with self.lock:
            if self.went_forward != threading.get_ident():
                raise ValueError(looks.OTHER_THREAD if self.went_forward else looks.NO_FORWARD)
            gradient: Any = looks.check_upstream("backward", grad_output, self.layers[-1].output)
            self.plan(input_gradient)
            self.prepare(len(gradient), training=True)
            gradient = self.layers.backward(gradient)
        return gradient if input_gradient else None

    # ── looking without touching ──────────────────────────────────────────────────────────────────────────────────────
    def input_gradient(self, x: Any, grad_output: Any = None, *, loss: Any = None, y: Any = None) -> Array:
        """∂L/∂x as a fresh array, of the network in use: without noise, batch normalization by its moving statistics.

        Nothing of the model changes, a pass in progress neither: it goes through a copy.

        Args:
            x: rows (n, input_size), scaled already. One row is x[None, :].
            grad_output: ∂L/∂outputs (n, output_size); for the slope of output k a 1 in column k.
            loss, y: in its place a loss, by name or object, and its targets. L is then the mean over the rows, without
                penalties, which do not depend on x.

        Raises ValueError or TypeError for invalid arguments.
        Source: Simonyan et al. (2014), *Deep inside convolutional networks* (saliency maps).

        >>> import npdeep as nd
        >>> model = nd.Sequential([nd.Dense(1, kernel_initializer="ones"), nd.Dropout(0.5)], input_size=2)
        >>> model.input_gradient([[3.0, 4.0]], [[1.0]])
        array([[1., 1.]], dtype=float32)
        """
        return looks.input_gradient(self, x, grad_output, loss, y)

    def sample(self, x: Any, n: int, seed: int | None = None) -> Array:
        """The outputs of n passes with noise (dropout and the like) as a fresh array (n, rows, output_size).

        Batch normalization uses its moving statistics. Nothing of the model changes: it goes through a copy, so that the same
        call gives the same numbers; seed: for others.
        Source: Gal & Ghahramani (2016), *Dropout as a Bayesian approximation*.

        >>> import npdeep as nd
        >>> model = nd.Sequential([nd.Dropout(0.5)], input_size=1, seed=0)
        >>> samples = model.sample([[1.0]], n=1000)
        >>> samples.shape, sorted(set(samples.ravel().tolist()))
        ((1000, 1, 1), [0.0, 2.0])
        """
        return looks.sample(self, x, n, seed)

    @property
    def flat_values(self) -> Array:
        """The values of all parameters with a gradient, in layer order, in one live array: writing into it changes them.

        `p.span` is the place of a parameter `p` in it, row by row; frozen parameters keep theirs, moving statistics have none.

        >>> import npdeep as nd
        >>> model = nd.Sequential([nd.Dense(2, name="a"), nd.BatchNormalization(name="b")], input_size=1)
        >>> [(p.name, p.span.start, p.span.stop) for p in model.parameters if p.has_grad]
        [('a/kernel', 0, 2), ('a/bias', 2, 4), ('b/gamma', 4, 6), ('b/beta', 6, 8)]
        >>> model.flat_values[:2] = [3, 5]
        >>> model.layer("a").kernel.value
        array([[3., 5.]], dtype=float32)
        """
        return self.arena.values[: self.arena.grads.size]

    @property
    def flat_gradients(self) -> Array:
        """Their gradients, live, in the same places: what clipping and optimizer work on. 0 where a parameter is frozen.

        >>> import npdeep as nd
        >>> model = nd.Sequential([nd.Dense(1, kernel_initializer="ones")], input_size=2)
        >>> _ = model.forward([[3.0, 4.0]], training=True)
        >>> model.backward([[1.0]])
        >>> model.flat_gradients
        array([3., 4., 1.], dtype=float32)
        """
        return self.arena.grads

    def predict(self, x: Any, batch_size: int = 1000, scale: float | None = None) -> Array:
        """The outputs for the rows of x as a fresh array (n, output_size), computed batch_size rows at a time.

        scale: x is multiplied by it, batch by batch; by default by the scale of the last `fit`, so that predict takes the
            rows that fit took. 1 leaves x as it is.

        A single row of shape (input_size,) is taken as one example.
        Raises ValueError or TypeError where x is no array of finite numbers of shape (n, input_size).
        """
        batch_size = checks.whole("predict", "batch_size", batch_size)
        x = checks.real_array("predict", "x", x)
        if x.ndim == 1 and len(x) == self.input_size:
            x = x[None, :]
        x = checks.examples("predict", "x", x, self.input_size)
        checks.finite("predict", "x", x)
        factor = self.scale_for("predict", x, scale)
        outputs = np.empty((len(x), self.output_size), self.dtype)
        with quiet():                         # weights of a run that has diverged
            for start in range(0, len(x), batch_size):
                rows = scaling.cast_scaled("predict", x[start : start + batch_size], factor, self.dtype)
                with self.lock:               # a pass in another thread would write into the same buffers
                    outputs[start : start + len(rows)] = self.run(rows)
        return outputs

    def scale_for(self, owner: str, x: Array, scale: float | None) -> Any:
        """What these rows are multiplied by: the given scale, else that of the last fit; None where they stay as they are."""
        factor = scaling.scale(owner, self.scale if scale is None else scale, self.dtype)
        scaling.fitting_scale(owner, x, factor)
        return factor

    def check_examples(self, owner: str, name: str, x: Any) -> Array:
        """x as finite rows of the model's width and dtype, scaled already: whole numbers are refused where fit had a scale."""
        x = checks.examples(owner, name, x, self.input_size)
        if self.scale is not None and x.dtype.kind in "iub":
            raise ValueError(
                f"{owner}: {name} holds {x.dtype} numbers, but the network was trained with scale={self.scale:.6g}, and "
                f"{owner} takes rows that are scaled already: {name} * {self.scale:.6g}"
            )
        checks.finite(owner, name, x)
        return checks.cast(owner, name, x, self.dtype)

    def prepare(self, rows: int, training: bool) -> None:
        """Make the buffers for so many rows, or take the first rows of larger ones. Free where nothing has changed."""
        if self.planned is None or self.planned[0] != self.arena.version:
            self.plan()
        if self.prepared != (rows, training):
            for layer in self.layers:
                layer.allocate(rows, training, self.dtype)
            self.prepared = (rows, training)

    def plan(self, input_gradient: bool = False) -> None:
        """Decide how far down a backward pass goes: to the lowest layer with something to train, or to the input."""
        if self.planned == (self.arena.version, input_gradient):
            return
        self.layers.plan(input_gradient)
        self.planned = (self.arena.version, input_gradient)
        self.prepared = None

    def everything(self) -> list[Layer]:
        """Every layer, those inside others too, in the order of the forward pass: what a layer holds comes before it.

        >>> import npdeep as nd
        >>> model = nd.Sequential([nd.Residual([nd.Dense(2)], name="block1"), nd.Dense(1, name="out")], input_size=2)
        >>> [layer.name for layer in model.everything()]
        ['block1/dense', 'block1', 'out']
        """
        return list(self.layers.everything())

    # ── parameters ────────────────────────────────────────────────────────────────────────────────────────────────────
    def layer(self, name: str) -> Any:
        """The layer of this name. Raises ValueError, with the nearest name, where there is none."""
        names = {layer.name: layer for layer in self.everything()}
        return names[checks.choice("Sequential", "layer", name, [str(n) for n in names])]

    def variables(self, scope: str | None = None) -> list[Parameter]:
        """All parameters and moving statistics whose names match the regular expression `scope` at their start.

        Raises ValueError, listing the names, where nothing matches.

        >>> import npdeep as nd
        >>> nd.Sequential([nd.Dense(1, name="a"), nd.Dense(1, name="b")], input_size=1).variables("a/")
        [<Parameter a/kernel (1, 1) float32>, <Parameter a/bias (1,) float32>]
        """
        return select("variables", self.parameters, scope)

    def trainable_variables(self, scope: str | None = None) -> list[Parameter]:
        """As `variables`, but only what is being trained: no moving statistics, nothing frozen."""
        return select("trainable_variables", [p for p in self.parameters if p.trainable], scope)

    def freeze(self, scope: str) -> list[Parameter]:
        """Stop training the parameters whose names match; return them.

        Batch normalization whose parameters are all frozen uses its moving statistics and leaves them alone; so it does where
        they are frozen one by one: p.trainable = False.
        Raises ValueError, listing the names, where nothing matches.

        >>> import npdeep as nd
        >>> model = nd.Sequential([nd.Dense(1, name="a"), nd.Dense(1, name="b")], input_size=1)
        >>> model.freeze("a"), model.trainable_variables()
        ([<Parameter a/kernel (1, 1) float32, frozen>, <Parameter a/bias (1,) float32, frozen>], \
[<Parameter b/kernel (1, 1) float32>, <Parameter b/bias (1,) float32>])
        """
        chosen = select("freeze", self.parameters, scope)
        self._refuse_statistics("freeze", scope, chosen)
        return self._set_trainable(chosen, False)

    def unfreeze(self, scope: str | None = None) -> list[Parameter]:
        """Train the matching parameters again (None: all); return them. Raises ValueError where nothing matches."""
        chosen = select("unfreeze", self.parameters, scope)
        self._refuse_statistics("unfreeze", scope, chosen)
        return self._set_trainable(chosen, True)

    def _refuse_statistics(self, owner: str, scope: Any, chosen: list[Parameter]) -> None:
        trained = {p.name.rpartition("/")[0] for p in self.parameters if p.has_grad}
        if all(p.name.rpartition("/")[0] in trained and not p.has_grad for p in chosen):
            shown, names = checks.shortened(repr(scope)), checks.listed(p.name for p in chosen)
            raise ValueError(
                f"{owner}: {shown} selects moving statistics alone ({names}), which are never trained; "
                f"{owner} the layer: model.{owner}({chosen[0].name.partition('/')[0]!r})"
            )

    def _set_trainable(self, chosen: list[Parameter], trainable: bool) -> list[Parameter]:
        changed = {id(p) for p in chosen}
        with self.lock:                       # between two steps
            for parameter in chosen:
                if parameter.has_grad:
                    parameter.trainable = trainable
            for layer in self.everything():
                if isinstance(layer, BatchNormalization) and any(id(p) in changed for p in layer.parameters):
                    layer.use_moving_statistics = None if layer.center or layer.scale else not trainable
            self.arena.version += 1
        return [p for p in chosen if p.has_grad]

    def frozen(self) -> dict[str, list[str]]:
        """What is frozen: names of parameters, and of the batch normalizations that use their moving statistics."""
        normalizations = [layer for layer in self.everything() if isinstance(layer, BatchNormalization)]
        return {
            "parameters": [p.name for p in self.parameters if p.has_grad and not p.trainable],
            "statistics": [str(layer.name) for layer in normalizations if layer.use_moving_statistics],
        }

    def set_frozen(self, frozen: Mapping[str, Any]) -> None:
        """Freeze exactly what `frozen` gave. Raises ValueError, before anything changes, for names that are not there."""
        trained = {p.name: p for p in self.parameters if p.has_grad}
        normalizations = {str(layer.name): layer for layer in self.everything() if isinstance(layer, BatchNormalization)}
        for kind, known in (("parameters", trained), ("statistics", normalizations)):
            check_names(f"frozen.{kind}", frozen[kind], known)
        parameters, statistics = set(frozen["parameters"]), set(frozen["statistics"])
        for name, p in trained.items():
            if p.trainable == (name in parameters):
                p.trainable = not p.trainable
        for name, layer in normalizations.items():
            layer.use_moving_statistics = None
            if layer.use_moving_statistics != (name in statistics):
                layer.use_moving_statistics = name in statistics

    def generators(self) -> dict[str, Any]:
        """The states of the generators of all layers that draw random numbers, by layer."""
        return {str(layer.name): layer.rng.bit_generator.state for layer in self.everything() if layer.draws}

    def set_generators(self, states: Mapping[str, Any]) -> None:
        """Put the states of `generators` back. Raises ValueError for a layer that draws no random numbers."""
        drawing = {str(layer.name): layer for layer in self.everything() if layer.draws}
        check_names("generators", states, drawing)
        for name, state in states.items():
            drawing[name].rng.bit_generator.state = state

    # ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────
    def save(self, path: str | Path) -> Path:
        """Write structure, weights, moving statistics and generators into a checkpoint file (.npz); return its path.

        `nd.load_model(path)` makes the model again, `load_weights` takes some of its weights. Raises ValueError for a name
        that does not end in .npz, OSError where the file cannot be written.
        """
        with self.lock:                       # not in the midst of a step
            return schema.write(path, {"model": self.description()}, {p.name: p.value for p in self.parameters})

    def load_weights(self, path: str | Path, scope: str | None = None, rename: Mapping[str, str] | None = None) -> LoadReport:
        """Restore weights and moving statistics from a checkpoint file; return a report that prints as a table.

        Args:
            path: a file written by `model.save` or `trainer.save`.
            scope: a regular expression that names *in the file* must match at their start, for example "hidden[123]/".
            rename: layer names in the file → layer names in this model, for example {"hidden1": "encoder"}; a layer of the
                file that is called "encoder" itself is then skipped.

        Without scope and rename the file must be of the same architecture: every variable of it is restored, or none, and the
        error names what does not fit; the scale of the fit that trained them comes along. With one of them what has no
        partner, or one of another shape, is reported and left alone; scope=".*" restores whatever fits. Raises ValueError,
        listing the candidates, where nothing is selected or restored, where the file is damaged or holds no finite numbers;
        then nothing has changed.

        >>> import tempfile
        >>> import npdeep as nd
        >>> old = nd.Sequential([nd.Dense(2, name="hidden1"), nd.Dense(3, name="outputs")], input_size=2, seed=0)
        >>> new = nd.Sequential([nd.Dense(2, name="encoder"), nd.Dense(5, name="outputs")], input_size=2, seed=1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     report = new.load_weights(old.save(folder + "/old.npz"), rename={"hidden1": "encoder"})
        >>> print(report)
        variable        what happened   why
        ──────────────  ──────────────  ───────────────────────────────────────────────
        encoder/kernel  restored        from hidden1/kernel
        encoder/bias    restored        from hidden1/bias
        outputs/kernel  shape mismatch  outputs/kernel is (2, 3), the model's is (2, 5)
        outputs/bias    shape mismatch  outputs/bias is (3,), the model's is (5,)
        2 restored, 2 of another shape, 0 skipped, 0 left as they were
        """
        header, arrays = schema.read(path)
        with self.lock:
            report = restore_weights(self.parameters, arrays, scope, rename, Path(path))
        if scope is None and rename is None:  # all of them: they take the rows that they were trained on
            self.scale = header.get("model", {}).get("scale", self.scale)
        return report

    def description(self) -> dict[str, Any]:
        """Everything but the numbers, as JSON can say it: layers and their arguments, what is frozen, generators."""
        return {
            "name": self.name,
            "input_size": self.input_size,
            "dtype": str(self.dtype),
            "seed": self.seed,
            "layers": [encoding.encode(layer, f"layer {layer.name!r}") for layer in self.layers],
            "scale": self.scale,
            "frozen": self.frozen(),
            "generators": self.generators(),
        }

    @classmethod
    def from_description(
        cls, description: Mapping[str, Any], arrays: Mapping[str, Array], own: Mapping[str, type]
    ) -> "Sequential":
        """The model that `description` describes, with these numbers; own: classes of the user's by name."""
        layers = [encoding.decode(layer, own, f"model.layers[{i}]") for i, layer in enumerate(description["layers"])]
        model = cls.__new__(cls)
        seed, name = description["seed"], description["name"]
        model._make(layers, description["input_size"], seed, description["dtype"], name, arrays)
        model.scale = description.get("scale")    # files that earlier versions wrote have none
        model.set_frozen(description["frozen"])
        model.set_generators(description["generators"])
        for layer in model.everything():
            if layer.draws and layer.name not in description["generators"]:
                raise ValueError(f"model.generators lacks {layer.name!r}")
        return model

    # ── copies ────────────────────────────────────────────────────────────────────────────────────────────────────────
    def copy(self, dtype: Any = None) -> "Sequential":
        """An independent copy with the same weights, statistics and generators, in another dtype if asked.

        >>> import npdeep as nd
        >>> model = nd.Sequential([nd.Dense(2)], input_size=3, seed=0)
        >>> model.copy("float64").layer("dense").kernel.value.dtype
        dtype('float64')
        """
        twin = copy.deepcopy(self)
        if dtype is not None and check_dtype(dtype) != twin.dtype:
            vars(twin)["dtype"] = check_dtype(dtype)
            old = [p.value for p in twin.parameters]
            twin.arena = allocate(twin.parameters, twin.dtype)
            for parameter, value in zip(twin.parameters, old, strict=True):
                parameter.value = value
            twin.planned = twin.prepared = None
        return twin

    def with_layers(
        self, layers: Iterable[Layer], keep: str, seed: int | None = None, name: str | None = None
    ) -> "Sequential":
        """A new model: this one's layers up to and including `keep`, with their weights, and new layers on top of them.

        Args:
            layers: the new layers, for example another output layer.
            keep: name of the highest layer that is kept.
            seed: for the new layers; by default drawn from this model's seed.
            name: of the new model.

        The kept layers are copies: weights, statistics, what is frozen, generators. This model is not changed.
        Raises ValueError where there is no layer of this name, or a new layer has the name of a kept one.

        >>> import npdeep as nd
        >>> digits = nd.Sequential([nd.Dense(3, name="hidden1"), nd.Dense(5, name="outputs")], input_size=4, seed=0)
        >>> letters = digits.with_layers([nd.Dense(26, name="letters")], keep="hidden1")
        >>> [layer.name for layer in letters.layers]
        ['hidden1', 'letters']
        >>> bool(np.all(letters.layer("hidden1").kernel.value == digits.layer("hidden1").kernel.value))
        True
        """
        if isinstance(layers, Layer):
            raise TypeError("with_layers: layers must be a list of layers; put the layer in brackets: with_layers([...], keep)")
        layers = checks.items("with_layers", "layers", layers, "layers")
        there = [str(layer.name) for layer in self.layers]
        kept = self.layers[: there.index(checks.choice("with_layers", "keep", keep, there)) + 1]
        copies = [layer.clone() for layer in kept]
        seed = seeds.derived(self.seed) if seed is None else seed
        model = Sequential([*copies, *layers], self.input_size, seed, self.dtype, name)
        model.scale = self.scale
        inside = [part for layer in kept for part in layer.everything()]
        names = {layer.name for layer in inside}
        values = {p.name: p.value for layer in inside for p in layer.parameters}
        for p in model.parameters:
            if p.name in values:
                p.value = values[p.name]
        model.set_generators({n: state for n, state in self.generators().items() if n in names})
        frozen = self.frozen()
        model.set_frozen({
            "parameters": [n for n in frozen["parameters"] if n in values],
            "statistics": [n for n in frozen["statistics"] if n in names],
        })
        return model

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles plan and prepare again: the layers leave their buffers behind."""
        idle = dict.fromkeys(("prepared", "planned", "lock", "gradients_of"))
        return {**vars(self), **idle, "went_forward": 0}

    def __deepcopy__(self, memo: dict[int, Any]) -> "Sequential":
        """A copy of one moment: a step in another thread is finished first."""
        return deep_copy(self, self.lock, memo)  # type: ignore[no-any-return]

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copy has a lock of its own."""
        vars(self).update(state, lock=threading.RLock())

    # ── for people ────────────────────────────────────────────────────────────────────────────────────────────────────
    def summary(self) -> Table:
        """A table of the layers: name, output shape, formula, parameters, trainable.

        >>> import npdeep as nd
        >>> print(nd.Sequential([nd.Dense(2), nd.Activation("relu")], input_size=3).summary())
        sequential: input (n, 3), float32
        layer       kind             output  formula        parameters  trainable
        ──────────  ───────────────  ──────  ─────────────  ──────────  ─────────
        dense       Dense            (n, 2)  z = xW + b              8          8
        activation  Activation relu  (n, 2)  a = max(z, 0)           0          0
        8 parameters: 8 trainable, 0 frozen, 0 moving statistics
        """
        rows = []
        for layer in self.everything():
            kind = type(layer).__name__ + (f" {layer.activation}" if hasattr(layer, "activation") else "")
            total = sum(p.size for p in layer.parameters)
            trainable = sum(p.size for p in layer.parameters if p.trainable)
            rows.append([layer.name, kind, f"(n, {layer.output_size})", layer.forward_formula, f"{total:,}", f"{trainable:,}"])
        trainable = sum(p.size for p in self.parameters if p.trainable)
        frozen = sum(p.size for p in self.parameters if p.has_grad and not p.trainable)
        moving = sum(p.size for p in self.parameters if not p.has_grad)
        total = trainable + frozen + moving
        note = f"{total:,} parameters: {trainable:,} trainable, {frozen:,} frozen, {moving:,} moving statistics"
        title = f"{self.name}: input (n, {self.input_size}), {self.dtype}"
        notes = [note] if self.scale is None else [note, f"fit, evaluate and predict multiply x by {self.scale:.6g} (scale)"]
        return Table(["layer", "kind", "output", "formula", "parameters", "trainable"], rows, title, notes)

    def __getitem__(self, index: Any) -> None:
        """A model has no keys: its layers have names."""
        use = f"model.layer({index!r})" if isinstance(index, str) else f"model.layers[{index!r}]"
        raise TypeError(f"a Sequential has no keys: write {use}; variables are found by model.variables('hidden1/kernel')")

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        """A model is not called: predict, or go forward."""
        raise TypeError("a Sequential is not called: use model.predict(x), or model.forward(x, training=True) to look inside")

    def __repr__(self) -> str:
        """One line."""
        shown = [layer.output_size for layer in self.layers if layer.parameters or layer.chains]
        widths = "-".join(map(str, [self.input_size, *shown]))
        return f"<Sequential {self.name} {widths} {self.dtype}>"

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()


settle(Sequential, ("layers", "input_size", "seed"), "the parameters were made to fit it; make a new Sequential")
settle(Sequential, ("dtype",), "the parameters were made to fit it; model.copy('float64') has another")


def load_model(path: str | Path, own: Any = None) -> Sequential:
    """The model in a checkpoint file: structure, weights, moving statistics, what is frozen, generators.

    Args:
        path: a file written by `model.save` or `trainer.save`.
        own: classes of yours that the model uses (layers, initializers, …), as a list or by name.

    Raises FileNotFoundError, or ValueError, naming the file and the fault, where it is damaged or no checkpoint.

    >>> import tempfile
    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Dense(2, name="outputs")], input_size=3, seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     twin = load_model(model.save(folder + "/model.npz"))
    >>> bool(np.all(twin.predict(np.eye(3)) == model.predict(np.eye(3))))
    True
    """
    own = encoding.check_own("load_model", own)
    header, arrays = schema.read(path)
    with npz.naming(path):
        return Sequential.from_description(header["model"], arrays, own)


def check_dtype(dtype: Any) -> Any:
    """float32 or float64 as a NumPy dtype.

    >>> check_dtype("float16")
    Traceback (most recent call last):
    ValueError: Sequential: dtype must be "float32" or "float64", got 'float16'
    """
    try:
        name = None if dtype is None else np.dtype(dtype).name    # NumPy takes None for float64
    except TypeError:
        name = None
    if name not in ("float32", "float64"):
        raise ValueError(f'Sequential: dtype must be "float32" or "float64", got {checks.shortened(repr(dtype))}')
    return np.dtype(name)
