"""What to write instead: habits of other libraries, and the names that npdeep has for them."""

import inspect
from typing import Any

KEYWORDS = {
    "activation": "put an activation layer behind it: nd.Dense(10), nd.Activation('relu')",
    "lr": "the learning rate is called learning_rate, and comes first: nd.optimizers.Adam(1e-3)",
    "alpha": "a learning rate is called learning_rate; a slope is negative_slope",
    "input_shape": "the width of the examples is said to the model: nd.Sequential([...], input_size=784)",
    "input_dim": "the width of the examples is said to the model: nd.Sequential([...], input_size=784)",
    "in_features": "the width of the examples is said to the model: nd.Sequential([...], input_size=784)",
    "out_features": "the width of a layer is its first argument: nd.Dense(10)",
    "bias": "write use_bias=False to leave the bias out",
    "keep_prob": "npdeep asks how many are dropped: rate = 1 - keep_prob",
    "p": "npdeep calls the share that is dropped rate",
    "axis": "npdeep's examples are rows: batch normalization works on each column",
    "decay": "weight decay is an argument of AdamW; a falling learning rate is a schedule: nd.schedules.ExponentialDecay(...)",
    "nesterov": "use nd.optimizers.Nesterov",
    "betas": "they are called beta_1 and beta_2",
    "eps": "it is called epsilon",
    "weight_decay": "use nd.optimizers.AdamW, or kernel_regularizer=nd.regularizers.L2(...) in the layers",
    "clipnorm": "clipping is an argument of the Trainer: clipping=nd.clipping.ClipByNorm(1.0)",
    "global_clipnorm": "clipping is an argument of the Trainer: clipping=nd.clipping.ClipByGlobalNorm(1.0)",
    "clipvalue": "clipping is an argument of the Trainer: clipping=nd.clipping.ClipByValue(1.0)",
    "validation_split": "hand in the examples themselves: validation_data=(x, y)",
    "nb_epoch": "it is called epochs",
    "n_epochs": "it is called epochs",
    "class_weight": "weigh the examples: sample_weight = weights[y]",
    "momentum": "use nd.optimizers.Momentum(learning_rate, momentum=0.9)",
    "from_logits": "npdeep's softmax and sigmoid losses always take logits",
    "random_state": "it is called seed",
}
"""Arguments that other libraries have, and what npdeep has in their place."""

MODEL_ATTRIBUTES = {
    "fit": "training is done by a trainer: trainer = nd.Trainer(model, loss, optimizer); trainer.fit(x, y)",
    "compile": "loss, optimizer and metrics are handed to a trainer: nd.Trainer(model, loss, optimizer, metrics=[...])",
    "evaluate": "a trainer evaluates, because it knows the loss: nd.Trainer(model, loss).evaluate(x, y)",
    "train": "training is done by a trainer; a single pass in training mode is model.forward(x, training=True)",
    "eval": "model.predict(x) never trains; there is no mode to switch",
    "add": "all layers are handed in at once: nd.Sequential([...], input_size=784); model.with_layers(...) puts new ones on it",
    "weights": "model.variables() lists them",
    "trainable_weights": "model.trainable_variables() lists them",
    "get_layer": "it is called layer: model.layer('hidden1')",
    "state_dict": "model.save(path) and model.load_weights(path) keep and restore the weights",
    "load": "nd.load_model(path) makes the model of a file, model.load_weights(path) takes its weights",
    "predict_classes": "model.predict(x).argmax(axis=1)",
}
"""What other libraries ask a model for."""

TRAINER_ATTRIBUTES = {
    "predict": "the model predicts: trainer.model.predict(x)",
    "forward": "the model goes forward: trainer.model.forward(x, training=True)",
    "compile": "loss, optimizer and metrics are handed over when it is made: nd.Trainer(model, loss, optimizer, metrics=[...])",
    "train": "it is called fit, and step for a single batch",
    "train_on_batch": "it is called step",
    "zero_grad": "gradients need no clearing: every step writes them anew",
    "load": "nd.Trainer.restore(path) goes on with a saved trainer",
}
"""What other libraries ask of what trains."""

NAMES = {
    "ReLU": "nd.Activation('relu')",
    "LeakyReLU": "nd.Activation('leaky_relu', negative_slope=0.01)",
    "ELU": "nd.Activation('elu')",
    "SELU": "nd.Activation('selu')",
    "GELU": "nd.Activation('gelu')",
    "Sigmoid": "nd.Activation('sigmoid')",
    "Tanh": "nd.Activation('tanh')",
    "Softmax": "nd.Activation('softmax') (not under the loss softmax_cross_entropy, which brings its own)",
    "Linear": "nd.Dense(units)",
    "BatchNorm1d": "nd.BatchNormalization()",
    "Flatten": "x.reshape(len(x), -1) before the data goes in",
    "Input": "the argument input_size of nd.Sequential",
    "Model": "nd.Sequential",
    "CrossEntropyLoss": "nd.losses.SoftmaxCrossEntropy()",
    "load": "nd.load_model(path) or nd.Trainer.restore(path)",
}
"""What other libraries have at their top level."""


def no_attribute(owner: str, name: str, instead: dict[str, str]) -> AttributeError:
    """The error for an attribute that is not there, with what npdeep has in its place.

    >>> no_attribute("Trainer", "train_on_batch", TRAINER_ATTRIBUTES)
    AttributeError("Trainer has no 'train_on_batch': it is called step")
    """
    hint = f": {instead[name]}" if name in instead else ""
    return AttributeError(f"{owner} has no {name!r}{hint}")


class Hinting(type):
    """The class of npdeep's public classes: where they are called with unfit arguments, the error says what to write.

    >>> class Dense(metaclass=Hinting):
    ...     def __init__(self, units, *, name=None): pass
    >>> Dense(10, activation="relu")
    Traceback (most recent call last):
    TypeError: Dense: unknown argument 'activation'; put an activation layer behind it: nd.Dense(10), nd.Activation('relu')
    """

    @property
    def __signature__(cls) -> inspect.Signature:
        """The arguments of __init__, for help() and editors: what stands in for them here takes anything."""
        init: Any = cls.__init__              # type: ignore[misc]
        if init is object.__init__:
            return inspect.Signature()
        signature = inspect.signature(init)
        return signature.replace(parameters=list(signature.parameters.values())[1:])

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """Make an object; explain what does not fit."""
        signature = cls.__signature__
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(explain(cls.__name__, signature, args, kwargs, str(error))) from None
        return super().__call__(*args, **kwargs)


def explain(name: str, signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any], error: str) -> str:
    """Why these arguments do not fit, and what to write instead.

    >>> explain("SGD", inspect.signature(lambda learning_rate=0.01: None), (), {"lr": 0.1}, "")
    "SGD: unknown argument 'lr'; the learning rate is called learning_rate, and comes first: nd.optimizers.Adam(1e-3)"
    """
    parameters = list(signature.parameters.values())
    known = [p.name for p in parameters if p.kind is not p.VAR_KEYWORD]
    unknown = [keyword for keyword in kwargs if keyword not in known]
    if unknown:
        hint = KEYWORDS.get(unknown[0], f"its arguments are {', '.join(known) or 'none'}")
        return f"{name}: unknown argument {unknown[0]!r}; {hint}"
    positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(args) > len(positional):
        named = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
        by_name = f"; write the others by name: {', '.join(named)}" if named else ""
        allowed = f"{len(positional)} by position ({', '.join(positional)})" if positional else "no arguments by position"
        return f"{name}: takes {allowed}, got {len(args)}{by_name}"
    needed = [p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    missing = [p for p in needed if p not in kwargs and p not in positional[: len(args)]]
    if missing:
        return f"{name}: {missing[0]} is missing; its arguments are {', '.join(known)}"
    return f"{name}: {error}"


def unknown_keywords(owner: str, unknown: dict[str, Any], known: str) -> None:
    """Raise for the first unknown keyword of a method, with a hint.

    >>> unknown_keywords("fit", {"nb_epoch": 5}, "epochs, batch_size")
    Traceback (most recent call last):
    TypeError: fit: unknown argument 'nb_epoch'; it is called epochs
    """
    for keyword in unknown:
        hint = KEYWORDS.get(keyword, f"its arguments are {known}")
        raise TypeError(f"{owner}: unknown argument {keyword!r}; {hint}")
