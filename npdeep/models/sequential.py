"""A network: layers one after the other, all their numbers in one arena."""

import copy
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from npdeep.common import checks, scaling, seeds
from npdeep.common.guards import deep_copy
from npdeep.common.hints import MODEL, by_name
from npdeep.common.tables import Table
from npdeep.files import encoding, npz, schema
from npdeep.files.load_weights import LoadReport, restore_weights
from npdeep.kernels.arrays import Array
from npdeep.layers.base import Layer
from npdeep.models import looks, state
from npdeep.models.passes import check_dtype
from npdeep.models.variables import Variables
from npdeep.parameters import allocate


class Sequential(Variables):
    """A stack of layers. All shapes are known and all parameters made when it is made.

    Args:
        layers: the layers, lowest first. A layer serves one model.
        input_size: the width of the examples, for example 784.
        seed: an integer for the same weights and the same noise every time; None for others each time.
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

    >>> import numpy as np
    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Dense(3), nd.Activation("relu"), nd.Dense(2, name="outputs")], input_size=4, seed=42)
    >>> [layer.name for layer in model.layers]
    ['dense', 'activation', 'outputs']
    >>> model.predict(np.zeros((5, 4))).shape
    (5, 2)
    """

    foreign = by_name(MODEL)
    offers = "input_gradient sample state_dict load_state_dict save load_weights copy with_layers summary"
    settled = by_name({
        "layers input_size seed": "the parameters were made to fit it; make a new Sequential",
        "dtype": "the parameters were made to fit it; model.copy('float64') has another",
        "name": "it is in files and tables already; make a new Sequential, with its weights: load_weights",
        "flat_values flat_gradients": "it is where the numbers are; write into it: model.{name}[:] = array",
        "arena parameters output_size lock": "all layers were made with it; make a new Sequential",
    })
    checked: ClassVar[Any] = {"scale": lambda model, value: scaling.remembered("Sequential", value, model.dtype)}

    def __init__(
        self,
        layers: Iterable[Layer],
        input_size: int,
        seed: int | None = None,
        dtype: Any = "float32",
        name: str | None = None,
    ) -> None:
        self._make(layers, input_size, seed, dtype, name)

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

    # ── the numbers by name ───────────────────────────────────────────────────────────────────────────────────────────
    def state_dict(self) -> dict[str, Array]:
        """All parameters and moving statistics: names → fresh arrays, which later training leaves alone.

        What is frozen, the generators and `scale` are not among them: `save` keeps these too.

        >>> import npdeep as nd
        >>> model = nd.Sequential([nd.Dense(2, kernel_initializer="ones", name="a")], input_size=1)
        >>> model.state_dict()
        {'a/kernel': array([[1., 1.]], dtype=float32), 'a/bias': array([0., 0.], dtype=float32)}
        """
        return state.state_dict(self)

    def load_state_dict(self, mapping: Mapping[str, Any]) -> None:
        """Write arrays into the parameters and moving statistics of the same names, as `state_dict` gave them.

        mapping: one array for every name of `state_dict`, of the same shape, in any dtype of real numbers.

        Raises ValueError or TypeError for names that are missing or unknown, for other shapes, and for what is not finite;
        then nothing has changed.

        >>> import npdeep as nd
        >>> old, new = (nd.Sequential([nd.Dense(2)], input_size=1, seed=seed) for seed in (0, 1))
        >>> new.load_state_dict(old.state_dict())
        >>> bool((new.layer("dense").kernel.value == old.layer("dense").kernel.value).all())
        True
        """
        state.load_state_dict(self, mapping)

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
            scope: a regular expression for whole names *in the file*, as in `variables`, for example "hidden[123]".
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
        encoding.check_names(self.everything())
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
        """The model that `description` describes, with these numbers; own: custom classes by name."""
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
            twin.dtype = check_dtype(dtype)
            for layer in twin.everything():
                layer.take_precision(twin.dtype)
            old = [p.value for p in twin.parameters]
            twin.arena = allocate(twin.parameters, twin.dtype)
            for parameter, value in zip(twin.parameters, old, strict=True):
                parameter.value = value
            twin.planned = -1
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

        >>> import numpy as np
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
        """Copies and pickles plan again: the layers leave their buffers behind."""
        idle = {"planned": -1, "lock": None, "gradients_of": None, "went_forward": 0}
        return {**vars(self), **idle}

    def __deepcopy__(self, memo: dict[int, Any]) -> "Sequential":
        """A copy of one moment: a step in another thread is finished first."""
        return deep_copy(self, self.lock, memo)  # type: ignore[no-any-return]

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copy has a lock of its own."""
        vars(self).update(state, lock=threading.RLock())

    # ── display ───────────────────────────────────────────────────────────────────────────────────────────────────────
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

    def __repr__(self) -> str:
        """One line."""
        shown = [layer.output_size for layer in self.layers if layer.parameters or layer.chains]
        widths = "-".join(map(str, [self.input_size, *shown]))
        return f"<Sequential {self.name} {widths} {self.dtype}>"

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()


def load_model(path: str | Path, own: Any = None) -> Sequential:
    """The model in a checkpoint file: structure, weights, moving statistics, what is frozen, generators.

    Args:
        path: a file written by `model.save` or `trainer.save`.
        own: custom classes that the model uses (layers, initializers, …), as a list or by name.

    Raises FileNotFoundError, or ValueError, naming the file and the fault, where it is damaged or no checkpoint.

    >>> import tempfile
    >>> import numpy as np
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
