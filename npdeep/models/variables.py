"""The variables of a network: chosen by their names, and frozen."""

from collections.abc import Container, Iterable, Mapping
from typing import Any

from npdeep.common import checks, scopes
from npdeep.kernels.arrays import Array
from npdeep.layers.base import Layer
from npdeep.models.passes import Passes
from npdeep.parameters import Parameter


class Variables(Passes):
    """What a network knows of its variables: those of a name, what is frozen, where its generators are."""

    offers = "layer variables trainable_variables freeze unfreeze frozen flat_values flat_gradients"

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

    def layer(self, name: str) -> Layer:
        """The layer of this name. Raises ValueError, with the nearest name, where there is none."""
        names = {layer.name: layer for layer in self.everything()}
        return names[checks.choice("Sequential", "layer", name, [str(n) for n in names])]

    def variables(self, scope: str | None = None) -> list[Parameter]:
        """All parameters and moving statistics, or those that `scope` matches, or whose layer it does.

        scope: a regular expression for whole names: of a layer ("hidden1", "hidden[123]", "block1" with all that it holds) or
            of a variable ("hidden1/kernel", ".*/bias"), here and in all that takes a scope. So "hidden1" leaves hidden10 alone;
            TensorFlow's match at the start is written "hidden1.*".

        Raises ValueError, listing the names, where nothing matches.

        >>> import npdeep as nd
        >>> nd.Sequential([nd.Dense(1, name="a"), nd.Dense(1, name="a_1")], input_size=1).variables("a")
        [<Parameter a/kernel (1, 1) float32>, <Parameter a/bias (1,) float32>]
        """
        return select("variables", self.parameters, scope)

    def trainable_variables(self, scope: str | None = None) -> list[Parameter]:
        """As `variables`, but only what is being trained: no moving statistics, nothing frozen."""
        return select("trainable_variables", [p for p in self.parameters if p.trainable], scope)

    def freeze(self, scope: str) -> list[Parameter]:
        """Stop training the parameters that scope selects, as in `variables`; return them.

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
                f"{owner} the layer: model.{owner}({chosen[0].name.rpartition('/')[0]!r})"
            )

    def _set_trainable(self, chosen: list[Parameter], trainable: bool) -> list[Parameter]:
        changed = {id(p) for p in chosen}
        with self.lock:                       # between two steps
            for parameter in chosen:
                if parameter.has_grad:
                    parameter.trainable = trainable
            for layer in self.everything():
                if layer.batch_statistics and any(id(p) in changed for p in layer.parameters):
                    layer.use_moving_statistics = None if layer.has_weights else not trainable
            self.arena.version += 1
        return [p for p in chosen if p.has_grad]

    def frozen(self) -> dict[str, list[str]]:
        """What is frozen: names of parameters, and of the batch normalizations that use their moving statistics."""
        normalizations = [layer for layer in self.everything() if layer.batch_statistics]
        return {
            "parameters": [p.name for p in self.parameters if p.has_grad and not p.trainable],
            "statistics": [str(layer.name) for layer in normalizations if layer.use_moving_statistics],
        }

    def set_frozen(self, frozen: Mapping[str, Any]) -> None:
        """Freeze exactly what `frozen` gave. Raises ValueError, before anything changes, for names that are not there."""
        trained = {p.name: p for p in self.parameters if p.has_grad}
        normalizations = {str(layer.name): layer for layer in self.everything() if layer.batch_statistics}
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


def select(owner: str, parameters: list[Parameter], scope: Any) -> list[Parameter]:
    """The parameters that the scope matches, or whose layer it does; None selects all. None at all raises and lists the names.

    >>> select("freeze", [Parameter("hidden1/kernel", (1,))], "hiden")
    Traceback (most recent call last):
    ValueError: freeze: no variable, and no layer of one, is called 'hiden' as a whole; there are hidden1/kernel
    """
    chosen = set(scopes.matching(owner, "variable", [p.name for p in parameters], scope))
    return [p for p in parameters if p.name in chosen]


def check_names(what: str, names: Iterable[str], known: Container[str]) -> None:
    """Raise ValueError where one of the names is not known.

    >>> check_names("generators", ["dropout"], {"dense": 1})
    Traceback (most recent call last):
    ValueError: generators: the model has nothing of that kind called 'dropout'
    """
    for name in names:
        if name not in known:
            raise ValueError(f"{what}: the model has nothing of that kind called {checks.shortened(repr(name))}")
