"""What other libraries ask of objects, their arguments and attributes, and what to write instead."""

from collections.abc import Mapping
from typing import Any

KEYWORDS = {
    "activation": "put an activation layer after it: nd.Dense(10), nd.Activation('relu')",
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
    "decay": "weight decay is an argument of AdamW; a falling learning rate is a schedule: "
    "nd.schedules.ExponentialDecay(...)",
    "nesterov": "use nd.optimizers.Nesterov",
    "betas": "they are called beta_1 and beta_2",
    "eps": "it is called epsilon",
    "weight_decay": "use nd.optimizers.AdamW, or kernel_regularizer=nd.regularizers.L2(...) in the layers",
    "clipnorm": "clipping is an argument of the Trainer: clipping=nd.clipping.ClipByNorm(1.0)",
    "global_clipnorm": "clipping is an argument of the Trainer: clipping=nd.clipping.ClipByGlobalNorm(1.0)",
    "clipvalue": "clipping is an argument of the Trainer: clipping=nd.clipping.ClipByValue(1.0)",
    "validation_split": "pass the examples themselves: validation_data=(x, y)",
    "steps_per_epoch": "an epoch is one pass through the batches; of a generator without an end take the first ones: "
    "fit(lambda: itertools.islice(generator(), 100))",
    "log_dir": "it is called folder, and comes first",
    "logdir": "it is called folder, and comes first",
    "nb_epoch": "it is called epochs",
    "n_epochs": "it is called epochs",
    "class_weight": "weigh the examples: sample_weight = weights[y]",
    "momentum": "use nd.optimizers.Momentum(learning_rate, momentum=0.9)",
    "from_logits": "npdeep's softmax and sigmoid losses always take logits",
    "random_state": "it is called seed",
    "learning_rate": "the optimizer has it: nd.optimizers.Adam(1e-3)",
    "epochs": "it is an argument of fit: trainer.fit(x, y, epochs=5)",
    "batch_size": "it is an argument of fit: trainer.fit(x, y, batch_size=50)",
    "callbacks": "it is an argument of fit: trainer.fit(x, y, callbacks=[...])",
    "num_epochs": "it is called epochs",
    "max_iter": "it is called epochs",
    "epoch": "it is called epochs",
    "callback": "it is called callbacks, a list",
    "metric": "it is called metrics, a list",
    "initializer": "it is called kernel_initializer",
    "kernel_init": "it is called kernel_initializer",
    "regularizer": "it is called kernel_regularizer",
    "beta1": "it is called beta_1",
    "beta2": "it is called beta_2",
    "dropout": "dropout is a layer of its own: nd.Dropout(0.5)",
    "hidden_layer_sizes": "a list of layers says it: nd.Sequential([nd.Dense(100), nd.Activation('relu'), ...], input_size)",
    "validation_set": "it is called validation_data: (x, y)",
    "train_size": "cut the rows yourself: x[:1000], y[:1000]",
}
"""Arguments that other libraries have, and what npdeep has in their place."""

MODEL = {
    "()": "use model.predict(x), or model.forward(x, training=True) to look inside",
    "fit fit_generator": "training is done by a trainer: nd.Trainer(model, loss, optimizer).fit(x, y)",
    "compile": "loss, optimizer and metrics are given to a trainer: nd.Trainer(model, loss, optimizer, metrics=[...])",
    "optimizer loss metrics learning_rate lr": "a trainer has it: trainer = nd.Trainer(model, loss, optimizer)",
    "evaluate score test": "a trainer evaluates, because it knows the loss: nd.Trainer(model, loss).evaluate(x, y)",
    "train partial_fit train_on_batch": "a trainer trains: nd.Trainer(model, loss, optimizer), then fit(x, y), or "
    "step(x, y) for one batch",
    "training": "it is an argument: model.forward(x, training=True); predict never trains",
    "eval": "model.predict(x) never trains; there is no mode to switch",
    "add append": "all layers are given at once: nd.Sequential([...], input_size=784); model.with_layers(...) puts "
    "new ones on it",
    "pop": "nd.Sequential([...]) takes the layers at once; model.with_layers([], keep='hidden1') leaves out those "
    "after hidden1",
    "weights named_parameters": "model.variables() lists them",
    "get_weights coefs_ intercepts_": "[p.value.copy() for p in model.variables()]",
    "set_weights": "for p, w in zip(model.variables(), weights): p.value = w; by name: model.load_state_dict(mapping)",
    "trainable_weights": "model.trainable_variables() lists them",
    "trainable requires_grad requires_grad_": "model.freeze('hidden1') freezes a layer, model.unfreeze() trains all again",
    "get_layer": "it is called layer: model.layer('hidden1')",
    "save_weights save_model": "model.save(path) keeps structure and weights",
    "load": "nd.load_model(path) makes the model of a file, model.load_weights(path) takes its weights",
    "predict_classes": "model.predict(x).argmax(axis=1)",
    "predict_proba": "of logits: model.with_layers([nd.Activation('softmax')], keep=model.layers[-1].name).predict(x)",
    "predict_on_batch": "it is called predict",
    "to cuda cpu": "npdeep computes on the processor alone; the dtype is an argument: nd.Sequential(..., dtype='float64')",
    "zero_grad": "gradients need no clearing: every step overwrites them",
    "input_shape output_shape": "model.input_size and model.output_size are the widths",
    "to_torch torch_source as_module": "the doors are functions: nd.interop.torch.{name}(model)",
    "to_keras keras_source": "the doors are functions: nd.interop.keras.{name}(model)",
    "from_torch from_keras from_mlp": "that makes a new model: nd.interop.torch.from_torch(net, input_size), "
    "nd.interop.keras.from_keras(net), nd.interop.sklearn.from_mlp(mlp)",
    "to_onnx export export_onnx": "nd.interop.onnx.export(model, path) writes it as ONNX",
    "save_safetensors to_safetensors": "nd.interop.safetensors.save(model, path) writes the weights",
    "count_params": "sum(p.size for p in model.variables()); model.summary() shows it",
}
"""What other libraries ask a model for, and what they set there."""

TRAINER = {
    "()": "trainer.fit(x, y) trains, trainer.model.predict(x) predicts",
    "predict predict_proba": "the model predicts: trainer.model.predict(x)",
    "score": "trainer.evaluate(x, y) gives the loss and the metrics",
    "forward": "the model goes forward: trainer.model.forward(x, training=True)",
    "compile": "loss, optimizer and metrics are given when it is made: nd.Trainer(model, loss, optimizer, metrics=[...])",
    "train": "it is called fit, and step for a single batch",
    "train_on_batch partial_fit train_step training_step": "it is called step: trainer.step(x, y)",
    "zero_grad": "gradients need no clearing: every step overwrites them",
    "load load_state_dict": "nd.Trainer.restore(path) continues a saved trainer",
    "state_dict save_checkpoint": "trainer.save(path) writes everything, nd.Trainer.restore(path) continues from it",
    "learning_rate lr": "the optimizer has it: trainer.optimizer.learning_rate = 0.01",
    "layers layer": "the model has them: trainer.model.layers",
    "epochs batch_size callbacks verbose shuffle augment sample_weight": "it is an argument of fit: trainer.fit(x, y, "
    "epochs=5, ...)",
    "parameters weights": "trainer.variables() lists them by name",
    "accuracy": "trainer.evaluate(x, y)['accuracy'], with metrics=['accuracy']",
    "on_event": "nd.debug.break_when(trainer, condition) looks at every operation",
    "on_gradients": "a callback has on_gradients(trainer): trainer.fit(..., callbacks=[...])",
}
"""What other libraries ask of what trains, and what they set there."""

LAYER = {
    "()": "a model of layers takes the rows: nd.Sequential([nd.Dense(3), ...], input_size).predict(x); a custom layer "
    "that holds others calls chain.forward(x, training)",
    "trainable requires_grad": "freeze it by its model: model.freeze(layer.name), or one parameter: "
    "layer.kernel.trainable = False",
    "W weight w weights": "the weights are layer.kernel.value; write layer.kernel.value = array",
    "b": "the bias is layer.bias.value; write layer.bias.value = array",
    "get_weights": "[p.value.copy() for p in layer.parameters]",
    "set_weights": "for p, w in zip(layer.parameters, weights): p.value = w",
    "variables trainable_variables trainable_weights": "layer.parameters lists them; model.variables(layer.name) too",
    "activation": "an activation is a layer of its own: nd.Dense(10), nd.Activation('relu')",
    "training": "it is an argument: model.forward(x, training=True)",
    "in_features input_shape input_dim": "it is called input_size",
    "out_features output_shape": "it is called output_size",
    "parameters": "a custom layer declares them in build: self.add_parameter(...)",
    "rng": "the noise comes from the seed of the model: nd.Sequential([...], input_size, seed=1)",
    "p keep_prob": "the share that is dropped is called rate",
    "running_mean": "it is called moving_mean: layer.moving_mean.value",
    "running_var": "it is called moving_variance: layer.moving_variance.value",
    "dropout": "dropout is a layer of its own: nd.Dropout(0.5)",
    "learning_rate lr": "the optimizer has it: trainer.optimizer.learning_rate",
    "regularizer": "it belongs to a parameter, and is given to the layer: nd.Dense(10, kernel_regularizer='l2')",
}
"""What other libraries ask a layer for, and what they set there."""

OPTIMIZER = {
    "()": "it is an argument of nd.Trainer(model, loss, optimizer)",
    "lr learning_rate_init": "it is called learning_rate: optimizer.learning_rate = 0.01",
    "beta1 beta_one": "it is called beta_1",
    "beta2 beta_two": "it is called beta_2",
    "betas": "they are called beta_1 and beta_2",
    "eps": "it is called epsilon",
    "param_groups": "one optimizer serves a whole model; its rate is optimizer.learning_rate",
    "step": "trainer.step(x, y) makes a whole step; optimizer.update(trainer.iteration) the update alone",
    "zero_grad": "gradients need no clearing: every step overwrites them",
    "minimize apply_gradients": "trainer.step(x, y) makes a whole step",
    "state_dict": "trainer.save(path) keeps the optimizer too",
    "decay lr_decay": "give a schedule as learning_rate: nd.schedules.ExponentialDecay(...)",
    "clipnorm global_clipnorm clipvalue": "clipping is an argument of the Trainer: "
    "clipping=nd.clipping.ClipByGlobalNorm(1.0)",
    "nesterov": "use nd.optimizers.Nesterov",
    "iterations": "trainer.iteration counts the updates",
    "momentum": "use nd.optimizers.Momentum(learning_rate, momentum=0.9)",
    "weight_decay": "use nd.optimizers.AdamW, or kernel_regularizer=nd.regularizers.L2(...) in the layers",
}
"""What other libraries ask an optimizer for, and what they set there."""

PARAMETER = {
    "data numpy array detach item tolist": "its numbers are parameter.value, a NumPy array",
    "gradient": "it is called grad",
    "requires_grad": "it is called trainable",
    "assign copy_": "write parameter.value = array",
    "T mean std sum min max reshape copy dtype ndim": "its numbers are parameter.value, a NumPy array: write "
    "parameter.value.{name}",
}
"""What other libraries ask a variable for."""

HISTORY = {
    "history": 'a History is asked directly: history["loss"] is a list, one number per epoch',
    "plot": "nd.plots.learning_curves(history) draws it",
    "epochs": 'history["epoch"] is a list; len(history) counts the epochs',
    "params model": "the trainer has it: trainer.model",
    "items values": "write dict(history).{name}()",
    "to_pandas df dataframe to_dataframe": "history.to_frame() is a DataFrame of pandas",
    "save": "history.to_csv(path) or history.to_json(path) writes it",
}
"""What other libraries ask a record of training for; a quantity is found by its key, not as an attribute."""

MOMENTS = {
    "on_train_begin on_train_start on_training_start": "it is called on_fit_begin(self, trainer)",
    "on_train_end on_training_end": "it is called on_fit_end(self, trainer)",
    "on_batch_end on_train_batch_end on_iteration_end on_optimizer_step": "it is called on_step_end(self, trainer)",
    "on_batch_begin on_train_batch_begin on_train_batch_start": "there is on_step_end(self, trainer), after each update",
    "on_epoch_start on_train_epoch_start": "it is called on_epoch_begin(self, trainer)",
    "on_train_epoch_end on_validation_end on_validation_epoch_end on_test_end": "there is on_epoch_end(self, trainer, "
    "record)",
}
"""What other libraries call the moments of a callback."""

LOSS = {
    "()": "loss.forward(outputs, targets) computes it, loss.backward() its gradient",
    "item": "loss.forward(outputs, targets) is a plain number",
}
"""What other libraries ask a loss for."""


def by_name(table: dict[str, str]) -> dict[str, str]:
    """A table of attributes, `name name …: hint`, with a line for every name."""
    return {name: hint for names, hint in table.items() for name in names.split()}


def no_attribute(owner: str, name: str, instead: Mapping[str, str], obj: Any = None) -> AttributeError:
    """The error for an attribute that is not there, with what npdeep has in its place.

    >>> no_attribute("Trainer", "train_on_batch", by_name(TRAINER))
    AttributeError("Trainer has no 'train_on_batch': it is called step: trainer.step(x, y)")
    """
    hint = f": {instead[name].format(name=name)}" if name in instead else ""
    return AttributeError(f"{owner} has no {name!r}{hint}", name=name, obj=None if hint else obj)


def unknown_keywords(owner: str, unknown: Mapping[str, Any], known: str) -> None:
    """Raise for the first unknown keyword of a function that takes any, with a hint.

    >>> unknown_keywords("fit", {"nb_epoch": 5}, "epochs, batch_size")
    Traceback (most recent call last):
    TypeError: fit: unknown argument 'nb_epoch'; it is called epochs
    """
    for keyword in unknown:
        hint = KEYWORDS.get(keyword, f"its arguments are {known}")
        raise TypeError(f"{owner}: unknown argument {keyword!r}; {hint}")
