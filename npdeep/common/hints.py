"""What to write instead: habits of other libraries, and the names that npdeep has for them."""

import re
from collections.abc import Iterable, Mapping
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
    "set_weights load_state_dict": "for p, w in zip(model.variables(), weights): p.value = w; or model.load_weights(path)",
    "trainable_weights": "model.trainable_variables() lists them",
    "trainable requires_grad requires_grad_": "model.freeze('hidden1') freezes a layer, model.unfreeze() trains all again",
    "get_layer": "it is called layer: model.layer('hidden1')",
    "state_dict": "model.save(path) and model.load_weights(path) keep and restore the weights",
    "save_weights save_model": "model.save(path) keeps structure and weights",
    "load": "nd.load_model(path) makes the model of a file, model.load_weights(path) takes its weights",
    "predict_classes": "model.predict(x).argmax(axis=1)",
    "predict_proba": "of logits: model.with_layers([nd.Activation('softmax')], keep=model.layers[-1].name).predict(x)",
    "predict_on_batch": "it is called predict",
    "to cuda cpu": "npdeep computes on the processor alone; the dtype is an argument: nd.Sequential(..., dtype='float64')",
    "zero_grad": "gradients need no clearing: every step writes them anew",
    "input_shape output_shape": "model.input_size and model.output_size are the widths",
    "count_params": "sum(p.size for p in model.variables()); model.summary() shows it",
}
"""What other libraries ask a model for, and what they set there."""

TRAINER = {
    "predict predict_proba": "the model predicts: trainer.model.predict(x)",
    "score": "trainer.evaluate(x, y) gives the loss and the metrics",
    "forward": "the model goes forward: trainer.model.forward(x, training=True)",
    "compile": "loss, optimizer and metrics are given when it is made: nd.Trainer(model, loss, optimizer, metrics=[...])",
    "train": "it is called fit, and step for a single batch",
    "train_on_batch partial_fit train_step training_step": "it is called step: trainer.step(x, y)",
    "zero_grad": "gradients need no clearing: every step writes them anew",
    "load load_state_dict": "nd.Trainer.restore(path) continues a saved trainer",
    "state_dict save_checkpoint": "trainer.save(path) writes everything, nd.Trainer.restore(path) continues from it",
    "learning_rate lr": "the optimizer has it: trainer.optimizer.learning_rate = 0.01",
    "layers layer": "the model has them: trainer.model.layers",
    "epochs batch_size callbacks verbose shuffle augment sample_weight": "it is an argument of fit: trainer.fit(x, y, "
    "epochs=5, ...)",
    "parameters weights": "trainer.variables() lists them by name",
    "accuracy": "trainer.evaluate(x, y)['accuracy'], with metrics=['accuracy']",
}
"""What other libraries ask of what trains, and what they set there."""

LAYER = {
    "trainable requires_grad": "freeze it by its model: model.freeze('hidden1'), or one parameter: "
    "layer.kernel.trainable = False",
    "W weight w weights": "the weights are layer.kernel.value; write layer.kernel.value = array",
    "b": "the bias is layer.bias.value; write layer.bias.value = array",
    "get_weights": "[p.value.copy() for p in layer.parameters]",
    "set_weights": "for p, w in zip(layer.parameters, weights): p.value = w",
    "variables trainable_variables trainable_weights": "layer.parameters lists them; model.variables('hidden1') too",
    "activation": "an activation is a layer of its own: nd.Dense(10), nd.Activation('relu')",
    "training": "it is an argument: model.forward(x, training=True)",
    "in_features input_shape input_dim": "it is called input_size",
    "out_features output_shape": "it is called output_size",
    "p keep_prob": "the share that is dropped is called rate",
    "running_mean": "it is called moving_mean: layer.moving_mean.value",
    "running_var": "it is called moving_variance: layer.moving_variance.value",
    "dropout": "dropout is a layer of its own: nd.Dropout(0.5)",
    "learning_rate lr": "the optimizer has it: trainer.optimizer.learning_rate",
    "regularizer": "it belongs to a parameter, and is given to the layer: nd.Dense(10, kernel_regularizer='l2')",
}
"""What other libraries ask a layer for, and what they set there."""

OPTIMIZER = {
    "lr learning_rate_init": "it is called learning_rate: optimizer.learning_rate = 0.01",
    "beta1 beta_one": "it is called beta_1",
    "beta2 beta_two": "it is called beta_2",
    "betas": "they are called beta_1 and beta_2",
    "eps": "it is called epsilon",
    "param_groups": "one optimizer serves a whole model; its rate is optimizer.learning_rate",
    "step": "trainer.step(x, y) makes a whole step; optimizer.update(trainer.iteration) the update alone",
    "zero_grad": "gradients need no clearing: every step writes them anew",
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
    "history": 'a History is asked directly: history["loss"] is a list, one number an epoch',
    "plot": "nd.plots.learning_curves(history) draws it",
    "epochs": 'history["epoch"] is a list; len(history) counts the epochs',
    "params model": "the trainer has it: trainer.model",
    "items values": "write dict(history).{name}()",
    "to_frame to_pandas df": "pandas.DataFrame(history.records)",
    "to_json": "json.dumps(history.records)",
    "save": "history.to_csv(path) writes it",
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

NO_LOSS = "npdeep has none like it; pass an object with forward(outputs, targets) and backward()"
NO_LAYER = "npdeep has none like it; derive a layer of your own from nd.layers.Layer"
LOSSES = {
    "softmax_cross_entropy": "cross_entropy crossentropy categorical_crossentropy sparse_categorical_crossentropy "
    "sparse_softmax_cross_entropy softmax_cross_entropy_with_logits sparse_softmax_cross_entropy_with_logits softmax "
    "softmax_cross_entropy_with_logits_v2 categorical_cross_entropy multinomial_logistic",
    "binary_cross_entropy": "binary_crossentropy bce bce_with_logits sigmoid_cross_entropy sigmoid_cross_entropy_with_logits "
    "binary_cross_entropy_with_logits log_loss logistic multi_label_soft_margin sigmoid_binary_cross_entropy",
    "mean_squared_error": "mse l2 squared mean_squared squared_error quadratic least_squares mean_square",
    "mean_absolute_error": "mae l1 absolute_error absolute mean_absolute",
    "huber": "smooth_l1",
    "kl_divergence": "kld kl_div kl kullback_leibler kullback_leibler_divergence",
    "poisson": "poisson_nll",
    "log_cosh": "logcosh log_cosh_error",
    "take softmax_cross_entropy, and leave the softmax out": "nll negative_log_likelihood",
    "take mean_squared_error: both are smallest at the same weights": "rmse root_mean_squared_error root_mean_square",
    "for several classes take softmax_cross_entropy": "categorical_hinge multi_margin crammer_singer",
    NO_LOSS: "cosine_similarity cosine_embedding cosine_proximity cosine_distance triplet_margin triplet "
    "margin_ranking ctc focal "
    "gaussian_nll binary_focal_crossentropy categorical_focal_crossentropy dice jaccard iou quantile pinball msle "
    "mape tversky "
    "mean_squared_logarithmic_error mean_absolute_percentage_error wasserstein contrastive hinge_embedding soft_margin "
    "modified_huber epsilon_insensitive squared_epsilon_insensitive perceptron multi_label_margin gamma tweedie "
    "circle info_nce nt_xent mean_bias squared_log sigmoid_focal mean_squared_log",
}
"""Our losses, and what others call them. Names are compared without case, _ and the word "loss"."""

NO_OPTIMIZER = "npdeep has none like it; derive your own from nd.optimizers.Optimizer"
OPTIMIZERS = {
    "sgd": "gd gradient_descent stochastic_gradient_descent",
    "momentum": "sgdm sgd_momentum momentum_sgd heavy_ball",
    "nesterov": "nag nesterov_momentum sgd_nesterov nesterov_accelerated_gradient",
    "use nd.optimizers.Adam(amsgrad=True)": "amsgrad",
    NO_OPTIMIZER: "rprop radam lamb lars lion ftrl adabelief adafactor adan yogi lbfgs l_bfgs asgd sparse_adam muon "
    "shampoo sophia "
    "adamp adamod qhadam sgdp madgrad adai prodigy soap sign_sgd signum sgdw nadamw ranger novograd adabound "
    "adagrad_da proximal_adagrad proximal_gradient_descent loss_scale adahessian "
    "conjugate",
}
ACTIVATIONS = {
    "linear": "none",
    "relu": "rectifier rectified_linear relu_layer",
    "leaky_relu": "lrelu",
    "gelu_tanh": "gelu_new gelu_approximate gelu_fast gelu_pytorch_tanh",
    "gelu_sigmoid": "quick_gelu",
    "exponential": "exp",
    NO_LAYER: "crelu snake sin sine cos gaussian elish hard_elish phish lisht serf step heaviside sign swiglu geglu "
    "reglu relu2 squared_relu "
    "isru isrlu arctan atan softmax2d gumbel_softmax bent_identity srelu logit sqnl aria star_relu srs hermite",
}
INITIALIZERS = {
    "glorot_uniform": "xavier xavier_uniform glorot",
    "glorot_normal": "xavier_normal",
    "he_uniform": "kaiming_uniform",
    "he_normal": "he kaiming_normal kaiming msra",
    "lecun_normal": "lecun",
    "random_normal": "normal gaussian",
    "random_uniform": "uniform",
    "truncated_normal": "trunc_normal",
    "variance_scaling": "scaled",
    "identity": "eye",
    "zeros": "zero",
    "ones": "one",
    "npdeep has none like it; derive your own from nd.initializers.Initializer": "dirac sparse delta_orthogonal stft "
    "convolution_aware",
}
METRICS = {
    "accuracy": "acc categorical_accuracy sparse_categorical_accuracy multiclass_accuracy",
    "binary_accuracy": "binary_acc",
    "mean_squared_error": "mse",
    "mean_absolute_error": "mae",
    "top_k_accuracy": "top_k_categorical_accuracy sparse_top_k_categorical_accuracy top_k top5 top_5 top_5_accuracy "
    "top5_accuracy",
    "f1": "f1_score",
    "roc_auc": "auc auroc roc_auc_score",
    "take mean_squared_error and its root": "rmse root_mean_squared_error",
    "npdeep has none like it; pass a function of outputs and targets": "r2 r2_score r_squared mean_io_u iou log_loss "
    "cosine_similarity "
    "error_rate balanced_accuracy matthews_corrcoef kappa cohen_kappa hinge pr_auc average_precision specificity sensitivity "
    "categorical_crossentropy mape msle explained_variance jaccard dice perplexity mean_absolute_percentage_error",
}
REGULARIZERS = {"l2": "ridge weight_decay", "l1": "lasso", "l1_l2": "elastic_net l1_and_l2"}
CONSTRAINTS = {"non_negative": "non_neg", "max_norm": "norm max_norm_constraint", "unit_norm": "unit_norm_constraint"}
CLIPPING = {
    "clip_by_global_norm": "clip_grad_norm clip_grad_norm_ global_clipnorm global_norm clip_global_norm",
    "clip_by_value": "clip_grad_value clip_grad_value_ clipvalue value",
    "clip_by_norm": "clipnorm",
    "npdeep has none like it; derive your own from nd.clipping.Clipping": "adaptive agc adaptive_grad_clip",
}
SCHEDULES = {
    "piecewise_constant": "step_lr multi_step_lr piecewise_constant_decay multi_step",
    "exponential_decay": "exponential_lr exponential",
    "cosine_decay": "cosine_annealing_lr cosine_annealing cosine_annealing_warm_restarts cosine_decay_restarts",
    "one_cycle": "one_cycle_lr",
    "polynomial_decay": "polynomial_lr linear_lr",
    "warmup": "linear_warmup",
    "use nd.callbacks.ReduceLROnPlateau": "reduce_lr_on_plateau plateau",
    "derive your own from nd.schedules.Schedule": "lambda_lr learning_rate_scheduler learning_rate_schedule "
    "lr_scheduler cyclic_lr noam",
}
CALLBACKS = {
    "use nd.callbacks.Checkpoint": "model_checkpoint backup_and_restore",
    "give the optimizer an object of nd.schedules as learning_rate": "learning_rate_scheduler lr_scheduler",
    "fit returns it: history = trainer.fit(...)": "history",
    "use nd.callbacks.CSVLogger, or nd.callbacks.LambdaCallback": "tensor_board wandb_logger remote_monitor mlflow",
    "use nd.callbacks.ProgressBar": "progbar_logger tqdm tqdm_progress_bar",
    "npdeep has none like it; derive your own from nd.callbacks.Callback": "base_logger swap_ema_weights model_summary timer",
}
DENSE_ONLY = "npdeep stacks layers on rows of numbers: write nd.Dense(units), or derive a layer from nd.layers.Layer"
LAYERS = {
    "use nd.Dense(units)": "linear fully_connected affine inner_product fc lazy_linear",
    "use nd.BatchNormalization()": "batch_norm batch_norm1d batch_norm_1d sync_batch_normalization batch_norm2d",
    "use nd.Activation('relu')": "relu re_lu",
    "use nd.Activation('leaky_relu', negative_slope=0.01)": "leaky_relu",
    "use nd.Activation('elu')": "elu",
    "use nd.Activation('selu')": "selu",
    "use nd.Activation('gelu')": "gelu",
    "use nd.Activation('sigmoid')": "sigmoid",
    "use nd.Activation('tanh')": "tanh",
    "use nd.Activation('silu')": "silu swish",
    "use nd.Activation('softplus')": "softplus",
    "use nd.Activation('softmax') (not under the loss softmax_cross_entropy, which brings its own)": "softmax",
    "write x.reshape(len(x), -1) before the data goes in": "flatten reshape",
    "use the argument input_size of nd.Sequential": "input input_layer",
    "use nd.Sequential": "model module functional",
    "use nd.Sequential, and nd.Trainer to train it": "mlp_classifier mlp_regressor mlp neural_network perceptron",
    "multiply before the data goes in, or use scale=1/255 in fit, evaluate and predict": "rescaling normalization "
    "standard_scaler",
    "write np.unique(y, return_inverse=True)[1]": "label_encoder string_lookup label_binarizer",
    "labels serve as they are (loss softmax_cross_entropy); one-hot rows are np.eye(classes)[y]": "to_categorical one_hot",
    "use nd.batches(x, y, ...)": "data_loader tensor_dataset dataset dataloader",
    "shuffle the rows and cut: order = np.random.default_rng(0).permutation(len(x))": "train_test_split random_split",
    "use nd.load_model(path) or nd.Trainer.restore(path)": "load restore load_checkpoint",
    "use model.save(path) or trainer.save(path)": "save save_model",
    "use an argument of the layer: kernel_regularizer=nd.regularizers.L2(1e-4)": "weight_decay activity_regularization",
    "use the argument seed of nd.Sequential": "manual_seed set_random_seed seed set_seed random_state",
    "arrays of NumPy serve as they are": "tensor array variable as_tensor from_numpy to_tensor",
    "npdeep works out gradients by hand: trainer.step(x, y), then layer.kernel.grad": "grad gradient_tape autograd "
    "backward no_grad",
    DENSE_ONLY: "conv1d conv2d conv3d conv_2d convolution2d max_pool2d max_pooling2d average_pooling2d avg_pool2d "
    "lstm gru rnn "
    "simple_rnn embedding attention multi_head_attention multihead_attention transformer layer_norm group_norm instance_norm "
    "bidirectional zero_padding2d up_sampling2d concatenate add multiply lambda masking time_distributed "
    "global_average_pooling2d "
    "transformer_encoder separable_conv2d depthwise_conv2d conv_transpose2d conv2d_transpose adaptive_avg_pool2d",
}
"""What other libraries have at their top level and among their layers."""


def expanded(table: dict[str, str]) -> dict[str, str]:
    """A table of `ours: theirs theirs …` turned round: each of theirs, squeezed, and ours.

    >>> expanded({"zeros": "zero all_zero"})
    {'zero': 'zeros', 'allzero': 'zeros'}
    """
    return {squeeze(their): ours for ours, names in table.items() for their in names.split()}


def squeeze(name: str) -> str:
    """A name as it is compared: without case and separators.

    >>> squeeze("BCEWithLogitsLoss"), squeeze("he-normal")
    ('bcewithlogitsloss', 'henormal')
    """
    return re.sub(r"[^a-z0-9]", "", name.lower())


def instead(name: str, known: Iterable[str], table: Mapping[str, str]) -> str:
    """Which of the known names is meant by the name of another library, or a remark; "" where that is not certain.

    A word that says what kind of thing it is ("loss", "optimizer") makes no difference.

    >>> instead("MSELoss", ["mean_squared_error"], {"mse": "mean_squared_error"})
    'mean_squared_error'
    """
    ours = {squeeze(one): one for one in known}
    whole = squeeze(name)
    for key in (whole, re.sub(r"(loss|optimizer|initializer|regularizer|constraint|metric|function|lr)$", "", whole)):
        found = ours.get(key) or table.get(key, "")
        if found in ours.values() or " " in found:
            return found
    return ""


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
