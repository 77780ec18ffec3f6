"""TensorFlow as the book uses it: a graph, a session, and batches fed to it."""

from functools import partial
from typing import Any

import numpy as np
import tensorflow

from frameworks import workloads
from frameworks.base import Peer

tf = tensorflow.compat.v1
ACTIVATIONS = {"relu": tf.nn.relu, "leaky_relu": partial(tf.nn.leaky_relu, alpha=workloads.SLOPE), "elu": tf.nn.elu}


class Session(Peer):
    """`session.run(training_op, feed_dict=…)`; moving averages along with it, max-norm in a run of its own after it."""

    def start(self, kernels: list[np.ndarray]) -> None:
        if not hasattr(self, "session"):
            tf.disable_eager_execution()
            self.build()
            self.session = tf.Session(config=tf.ConfigProto(intra_op_parallelism_threads=self.threads))
        self.session.run(tf.global_variables_initializer())
        for kernel, value in zip(self.kernels, kernels, strict=True):
            kernel.load(value, self.session)

    def build(self) -> None:
        workload = self.workload
        self.inputs, self.labels = tf.placeholder(tf.float32, (None, self.workload.inputs)), tf.placeholder(tf.int64, (None,))
        self.kernels: list[Any] = []
        self.averages: list[Any] = []
        a: Any = self.inputs
        for kind, i in workload.layers():
            n, m = workload.sizes[i]
            if kind == "dropout":
                a = tf.nn.dropout(a, rate=workload.dropout)
            elif kind == "dense":
                self.kernels.append(tf.Variable(tf.zeros((n, m))))
                a = tf.matmul(a, self.kernels[-1])
                if not workload.has_normalization(i):
                    a = tf.nn.bias_add(a, tf.Variable(tf.zeros(m)))
            elif kind == "normalization":
                a = self.normalized(a, m)
            else:
                a = ACTIVATIONS[workload.activation](a)
        cross_entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=self.labels, logits=a)
        self.loss = tf.reduce_mean(cross_entropy)
        if workload.l1:
            self.loss += workload.l1 * tf.add_n([tf.reduce_sum(tf.abs(kernel)) for kernel in self.kernels])
        self.training = [self.make_optimizer().minimize(self.loss), *self.averages]
        limited = [kernel for i, kernel in enumerate(self.kernels) if workload.limited(i)]
        axis = [workload.max_norm_axis]
        self.limits = [tf.assign(kernel, tf.clip_by_norm(kernel, workload.max_norm, axes=axis)) for kernel in limited]

    def normalized(self, a: Any, units: int) -> Any:
        """Batch normalization in training."""
        gamma, beta = tf.Variable(tf.ones(units)), tf.Variable(tf.zeros(units))
        mean, variance = tf.nn.moments(a, axes=[0])
        for value, start in ((mean, tf.zeros(units)), (variance, tf.ones(units))):
            moving = tf.Variable(start, trainable=False)
            self.averages.append(tf.assign_sub(moving, (moving - value) * (1 - workloads.MOMENTUM)))
        return tf.nn.batch_normalization(a, mean, variance, beta, gamma, workloads.EPSILON)

    def make_optimizer(self) -> Any:
        rate = self.workload.rate
        if self.workload.optimizer == "sgd":
            return tf.train.GradientDescentOptimizer(rate)
        if self.workload.optimizer == "momentum":
            return tf.train.MomentumOptimizer(rate, workloads.MOMENTUM)
        return tf.train.AdamOptimizer(rate, workloads.BETA_1, workloads.BETA_2, workloads.ADAM_EPSILON)

    def step(self, x: np.ndarray, y: np.ndarray) -> Any:
        *_, loss = self.session.run([*self.training, self.loss], {self.inputs: x, self.labels: y})
        if self.limits:
            self.session.run(self.limits)
        return loss
