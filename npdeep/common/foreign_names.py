"""What other libraries call losses, layers, optimizers and the like, and what npdeep calls them."""

import re
from collections.abc import Iterable, Mapping

DATASETS = {
    "mnist": "load_mnist mnist_data get_mnist fetch_mnist fetch_openml read_data_sets load_data",
    "use nd.datasets.mnist(folder, check=False), with its four files in the folder": "fashion_mnist load_fashion_mnist",
    "mnist_sample": "load_digits digits sample",
    "moons": "make_moons two_moons",
    "circles": "make_circles",
    "spirals": "spiral make_spiral make_spirals spiral_data",
    "idx": "load_idx read_idx idx_file",
    "batches": "data_loader tensor_dataset dataset",
}
"""What other libraries call data."""

PLOTS = {
    "learning_curves": "plot_history history plot_learning_curves learning_curve plot_loss loss_curve plot_metrics "
    "plot_training",
    "confusion_matrix": "plot_confusion_matrix confusion_matrix_display",
    "decision_boundary": "plot_decision_boundary decision_regions plot_decision_regions",
    "contact_sheet": "imshow show_images plot_images images image_grid plot_digits",
    "weight_images": "plot_weights weights",
    "network": "plot_model model plot_network",
    "learning_rate_range": "lr_find lr_finder plot_lr lr_range",
    "activations": "plot_activations",
    "gradient_flow": "plot_grad_flow plot_gradient_flow",
    "misclassified": "plot_misclassified errors mistakes",
}
"""What other libraries call pictures."""

NO_LOSS = "npdeep has none like it; pass an object with forward(outputs, targets) and backward()"
NO_LAYER = "npdeep has none like it; derive a custom layer from nd.layers.Layer"
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
    "use nd.callbacks.CSVLogger, or nd.callbacks.LambdaCallback": "wandb_logger remote_monitor mlflow",
    "use nd.callbacks.ProgressBar": "progbar_logger tqdm tqdm_progress_bar",
    "use nd.callbacks.ExponentialAverage": "swap_ema_weights ema moving_average average_model weight_averaging ema_weights",
    "use nd.callbacks.TensorBoard": "tensor_board_logger summary_writer",
    "npdeep has none like it; derive your own from nd.callbacks.Callback": "base_logger model_summary timer",
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
    "use nd.optimizers": "optim",
    "layers are here, nd.Dense(units); losses and optimizers in nd.losses and nd.optimizers": "nn keras",
    "use nd.datasets": "data",
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
    "use the argument seed of nd.Sequential": "manual_seed set_random_seed seed set_seed random_state random",
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
