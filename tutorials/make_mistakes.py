"""Forty mistakes that beginners make, what npdeep answers, and what to write instead: makes MISTAKES.md.

    python tutorials/make_mistakes.py

Every mistake is run for its answer, and every cure is run to see that it works; a test compares the page with what this makes.
"""

import contextlib
import functools
import io
import os
import tempfile
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("MISTAKES.md")

SETUP = """
import numpy as np
import npdeep as nd

(x, y), (x_test, y_test) = nd.datasets.mnist_sample()
x, y, x_test, y_test = x[:100], y[:100], x_test[:100], y_test[:100]

layers = [nd.Dense(30, name="hidden"), nd.Activation("relu"), nd.Dense(10, name="outputs")]
model = nd.Sequential(layers, input_size=784, seed=42)
trainer = nd.Trainer(model, "softmax_cross_entropy", nd.optimizers.Adam(1e-3), metrics=["accuracy"])
"""
"""What comes before each mistake and each cure."""


GENERATOR = """
def batches():
    for start in range(0, 100, 50):
        yield x[start : start + 50], y[start : start + 50]

""".lstrip()


@dataclass(frozen=True)
class Mistake:
    """One mistake: a heading, the code that is wrong, and the code that is right."""

    title: str
    wrong: str
    right: str

    def answer(self) -> str:
        """The error that the wrong code ends in, or what it prints where it is no error."""
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                run(self.wrong)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return printed.getvalue().strip()

    def cure(self) -> None:
        """Run the right code. Raises where it is not right."""
        with contextlib.redirect_stdout(io.StringIO()):
            run(self.right)


CHAPTERS = {
    "The data": [
        Mistake("Images not flattened", "model.predict(x.reshape(-1, 28, 28))", "model.predict(x.reshape(len(x), -1))"),
        Mistake("Examples in columns", "columns = x.T\nmodel.predict(columns)", "columns = x.T\nmodel.predict(columns.T)"),
        Mistake("One example without its axis", "trainer.step(x[0], y[:1])", "trainer.step(x[0][None, :], y[:1])"),
        Mistake("Another width than the model's", "model.predict(x[:, :100])", "model.predict(x)"),
        Mistake(
            "Not a number among the data",
            "x[3, 7] = np.nan\ntrainer.fit(x, y)",
            "x[3, 7] = np.nan\ngood = np.isfinite(x).all(axis=1)\ntrainer.fit(x[good], y[good])",
        ),
        Mistake(
            "A column of words",
            'x = [["1.5", "red"], ["2.5", "blue"]]\nnd.Sequential([nd.Dense(2)], input_size=2).predict(x)',
            'colour = np.unique(["red", "blue"], return_inverse=True)[1]\n'
            "nd.Sequential([nd.Dense(2)], input_size=2).predict(np.column_stack([[1.5, 2.5], colour]))",
        ),
        Mistake(
            "Numbers that were read as text",
            "trainer.fit(x.astype(str), y)",
            'trainer.fit(x.astype(str).astype("float32"), y)',
        ),
        Mistake(
            "Labels that are words",
            'animals = np.array(["cat", "dog"])[y % 2]\ntrainer.fit(x, animals)',
            'animals = np.array(["cat", "dog"])[y % 2]\ntrainer.fit(x, np.unique(animals, return_inverse=True)[1])',
        ),
        Mistake(
            "Labels that begin at 1",
            "labels = y + 1\ntrainer.fit(x, labels)",
            "labels = y + 1\ntrainer.fit(x, labels - 1)",
        ),
        Mistake(
            "Labels as a column",
            "column = y[:, None]\ntrainer.fit(x, column)",
            "column = y[:, None]\ntrainer.fit(x, column[:, 0])",
        ),
        Mistake("Fewer labels than examples", "trainer.fit(x, y[:99])", "trainer.fit(x[:99], y[:99])"),
        Mistake(
            "-1 and 1 for two classes",
            'even = nd.Trainer(nd.Sequential([nd.Dense(1)], input_size=784), "binary_cross_entropy")\n'
            "even.fit(x, 1 - 2 * (y % 2))",
            'even = nd.Trainer(nd.Sequential([nd.Dense(1)], input_size=784), "binary_cross_entropy")\n'
            "targets = 1 - 2 * (y % 2)\neven.fit(x, (targets + 1) / 2)",
        ),
        Mistake(
            "Labels under a squared error",
            'nd.Trainer(model, "mean_squared_error").fit(x, y)',
            'nd.Trainer(model, "mean_squared_error").fit(x, np.eye(10)[y])',
        ),
        Mistake(
            "One target per row under a squared error",
            'mean = nd.Trainer(nd.Sequential([nd.Dense(1)], input_size=784), "mean_squared_error")\n'
            "mean.fit(x, x.mean(axis=1))",
            'mean = nd.Trainer(nd.Sequential([nd.Dense(1)], input_size=784), "mean_squared_error")\n'
            "targets = x.mean(axis=1)\nmean.fit(x, targets[:, None])",
        ),
    ],
    "The network": [
        Mistake(
            "Inputs and outputs in one layer",
            "nd.Sequential([nd.Dense(784, 30)], input_size=784)",
            "nd.Sequential([nd.Dense(30)], input_size=784)",
        ),
        Mistake(
            "An activation inside a layer",
            'nd.Sequential([nd.Dense(30, activation="relu")], input_size=784)',
            'nd.Sequential([nd.Dense(30), nd.Activation("relu")], input_size=784)',
        ),
        Mistake(
            "An activation by its name alone",
            'nd.Sequential([nd.Dense(30), "relu"], input_size=784)',
            'nd.Sequential([nd.Dense(30), nd.Activation("relu")], input_size=784)',
        ),
        Mistake("A function for an activation", "nd.Activation(np.tanh)", 'nd.Activation("tanh")'),
        Mistake("A layer that npdeep does not have", "nd.Conv2D(32, 3)", "nd.Dense(32)"),
        Mistake(
            "An initializer by another name",
            'nd.Dense(30, kernel_initializer="xavier")',
            'nd.Dense(30, kernel_initializer="glorot_uniform")',
        ),
        Mistake("Dropout in per cent", "nd.Dropout(50)", "nd.Dropout(0.5)"),
        Mistake(
            "The shape of an image for its size",
            "nd.Sequential([nd.Dense(30)], input_size=(28, 28))",
            "nd.Sequential([nd.Dense(30)], input_size=784)",
        ),
        Mistake(
            "One layer in two networks",
            "nd.Sequential(layers, input_size=784)",
            "nd.Sequential([nd.Dense(30), nd.Dense(10)], input_size=784)",
        ),
        Mistake(
            "Softmax twice",
            'model = nd.Sequential([nd.Dense(10), nd.Activation("softmax")], input_size=784)\n'
            'nd.Trainer(model, "softmax_cross_entropy")',
            'model = nd.Sequential([nd.Dense(10)], input_size=784)\nnd.Trainer(model, "softmax_cross_entropy")',
        ),
        Mistake(
            "Softmax of a single output",
            'model = nd.Sequential([nd.Dense(1)], input_size=784)\nnd.Trainer(model, "softmax_cross_entropy").fit(x, y % 2)',
            'model = nd.Sequential([nd.Dense(2)], input_size=784)\nnd.Trainer(model, "softmax_cross_entropy").fit(x, y % 2)',
        ),
    ],
    "Training": [
        Mistake("Fitting the model", "model.fit(x, y)", "trainer.fit(x, y)"),
        Mistake("Epochs by position", "trainer.fit(x, y, 10)", "trainer.fit(x, y, epochs=10)"),
        Mistake("A learning rate by another name", "nd.optimizers.Adam(lr=0.001)", "nd.optimizers.Adam(learning_rate=0.001)"),
        Mistake(
            "A loss by another name",
            'nd.Trainer(model, "CrossEntropyLoss")',
            'nd.Trainer(model, "softmax_cross_entropy")',
        ),
        Mistake(
            "A metric that is not a list",
            'nd.Trainer(model, "softmax_cross_entropy", metrics="accuracy")',
            'nd.Trainer(model, "softmax_cross_entropy", metrics=["accuracy"])',
        ),
        Mistake(
            "A share of the data for validation",
            "trainer.fit(x, y, validation_split=0.2)",
            "trainer.fit(x[:80], y[:80], validation_data=(x[80:], y[80:]))",
        ),
        Mistake(
            "A generator that has run dry",
            GENERATOR + "trainer.fit(batches(), epochs=2)",
            GENERATOR + "trainer.fit(batches, epochs=2)",
        ),
        Mistake(
            "A callback of Keras's form",
            "class Report(nd.callbacks.Callback):\n    def on_epoch_end(self, epoch, logs):\n"
            "        print(epoch, logs['loss'])\n\ntrainer.fit(x, y, callbacks=[Report()])",
            "class Report(nd.callbacks.Callback):\n    def on_epoch_end(self, trainer, record):\n"
            "        print(trainer.epoch, record['loss'])\n\ntrainer.fit(x, y, callbacks=[Report()])",
        ),
        Mistake(
            "Early stopping without anything to stop by",
            "trainer.fit(x, y, callbacks=[nd.callbacks.EarlyStopping()])",
            "trainer.fit(x, y, validation_data=(x_test, y_test), callbacks=[nd.callbacks.EarlyStopping()])",
        ),
    ],
    "Afterwards": [
        Mistake(
            "A dict for a pair",
            "loss, accuracy = trainer.evaluate(x_test, y_test)",
            "loss, accuracy = trainer.evaluate(x_test, y_test).values()",
        ),
        Mistake(
            "A layer frozen by an attribute",
            'model.layer("hidden").trainable = False',
            'model.freeze("hidden")',
        ),
        Mistake(
            "A kernel replaced",
            'model.layer("hidden").kernel = np.zeros((784, 30))',
            'model.layer("hidden").kernel.value = np.zeros((784, 30))',
        ),
        Mistake("A learning rate set by another name", "trainer.optimizer.lr = 0.01", "trainer.optimizer.learning_rate = 0.01"),
        Mistake(
            "A custom loss that forgets a factor",
            "class Squares:\n    def forward(self, outputs, targets):\n        self.difference = outputs - targets\n"
            "        return np.mean(self.difference**2)\n\n    def backward(self):\n        return 2 * self.difference\n\n"
            "print(nd.debug.gradient_check(model, Squares(), x[:8], np.eye(10)[y[:8]]).summary())",
            "class Squares:\n    def forward(self, outputs, targets):\n        self.difference = outputs - targets\n"
            "        return np.mean(self.difference**2)\n\n    def backward(self):\n"
            "        return 2 * self.difference / self.difference.size\n\n"
            "assert nd.debug.gradient_check(model, Squares(), x[:8], np.eye(10)[y[:8]])",
        ),
        Mistake("A file of another kind", 'model.save("model.h5")', 'model.save("model.npz")'),
    ],
}


def run(code: str) -> None:
    """Run the code after the setup, in names and a folder of its own."""
    names: dict[str, Any] = {"__name__": "mistakes"}
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            exec(compiled(SETUP), names)
            exec(compiled(code), names)
        finally:
            os.chdir(before)


@functools.cache
def compiled(code: str) -> Any:
    """The code, compiled once."""
    return compile(code, "<mistake>", "exec")


def page() -> str:
    """The page: what every mistake is answered with, and what to write instead."""
    count = sum(map(len, CHAPTERS.values()))
    lines = [
        "# What beginners write, and what npdeep answers",
        "",
        f"{count} mistakes, each with npdeep's answer and the code that works. This page is written by",
        "`python tutorials/make_mistakes.py`, which runs all of them; a test runs them again. Each begins after these lines:",
        "",
        "```python",
        SETUP.strip(),
        "```",
    ]
    number = 0
    for chapter, mistakes in CHAPTERS.items():
        lines += ["", f"## {chapter}"]
        for mistake in mistakes:
            number += 1
            answer = textwrap.wrap(mistake.answer(), 110, break_long_words=False, break_on_hyphens=False)
            lines += ["", f"### {number}. {mistake.title}", "", "```python", mistake.wrong, "```", ""]
            lines += ["```text", *answer, "```", "", "Instead:", "", "```python", mistake.right, "```"]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the page, and try every cure."""
    for mistakes in CHAPTERS.values():
        for mistake in mistakes:
            mistake.cure()
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.name}: {sum(map(len, CHAPTERS.values()))} mistakes")


if __name__ == "__main__":
    main()
