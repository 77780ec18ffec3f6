"""Runs what is asked for where no thread can be started, and where sockets, SSL, subprocesses and multiprocessing are missing.

    python tests/as_in_pyodide.py library                 the main paths of npdeep
    python tests/as_in_pyodide.py NOTEBOOK.ipynb ...      the code of notebooks

Python in a browser (Pyodide) lacks the same. Modules that it does not have raise ImportError; of those that it has, what needs
an operating system raises. Prints how many pieces ran.
"""

import io
import json
import linecache
import sys
import tempfile
import types
from contextlib import redirect_stdout
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

ABSENT = ("ssl", "_ssl", "_multiprocessing", "_posixsubprocess", "fcntl", "grp", "pwd", "resource", "termios", "curses")
"""Modules that Pyodide leaves out."""
DEAD = {
    "threading": ("Thread.start",),
    "_thread": ("start_new_thread", "start_new", "start_joinable_thread"),
    "socket": ("socket.__init__", "create_connection", "getaddrinfo"),
    "subprocess": ("Popen.__init__", "run", "check_output", "call"),
    "multiprocessing": ("Process", "Pool", "Queue", "Manager"),
    "concurrent.futures": ("ThreadPoolExecutor.submit", "ProcessPoolExecutor.submit"),
    "os": ("fork", "posix_spawn", "system", "popen", "execv"),
}
"""What raises, by module."""


class Missing:
    """An import that finds nothing, as where the module is not there."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Refuse."""
        if name in ABSENT:
            raise ImportError(f"{name} is missing, as in Pyodide", name=name)


def refusal(what: str):
    """What takes the place of a function that needs an operating system."""

    def refuse(*arguments: object, **named: object) -> None:
        raise RuntimeError(f"{what} does not work, as in Pyodide")

    return refuse


def block() -> None:
    """From here on nothing works that Pyodide lacks."""
    for module, names in DEAD.items():
        there = __import__(module, fromlist=["*"])
        for name in names:
            owner, _, attribute = name.rpartition(".")
            owner = getattr(there, owner) if owner else there
            if hasattr(owner, attribute):
                setattr(owner, attribute, refusal(f"{module}.{name}"))
    for name in ABSENT:
        sys.modules.pop(name, None)
    sys.meta_path.insert(0, Missing())


def run(pieces: list[str], name: str) -> int:
    """Run pieces of code one after the other, as the cells of a notebook; how many."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    for i, piece in enumerate(pieces):
        code = "\n".join(line for line in piece.splitlines() if not line.lstrip().startswith(("%", "!")))
        place = f"<{Path(name).name}, piece {i}>"
        linecache.cache[place] = len(code), None, code.splitlines(keepends=True), place    # as a notebook does
        with redirect_stdout(io.StringIO()):
            exec(compile(code, place, "exec"), vars(module))
        plt.close("all")
    return len(pieces)


LIBRARY = (
    """
import npdeep as nd
(x, y), test = nd.datasets.mnist_sample()
x, y, test = x[:500], y[:500], (test[0][:200], test[1][:200])
layers = [nd.Dense(30, name="hidden"), nd.BatchNormalization(), nd.Activation("elu"), nd.Dropout(0.2),
          nd.Residual([nd.Dense(30), nd.LayerNormalization()]), nd.Dense(10, name="outputs")]
model = nd.Sequential(layers, input_size=784, seed=42)
trainer = nd.Trainer(model, "softmax_cross_entropy", nd.optimizers.Adam(nd.schedules.Warmup(1e-3, 5)),
                     clipping=nd.clipping.ClipByGlobalNorm(1.0), metrics=["accuracy", "f1"])
""",
    """
recorded = [nd.callbacks.RecordGradients(every=2), nd.callbacks.EarlyStopping(patience=2), nd.callbacks.TerminateOnNaN()]
trainer.fit(x, y, epochs=2, validation_data=test, callbacks=recorded, augment=nd.augmentation.Shift(1, shape=(28, 28)))
trainer.evaluate(*test), model.predict(x), model.sample(x[:5], 3), model.input_gradient(x[:1], loss=trainer.loss, y=y[:1])
print(model.summary(), [str(event) for event in trainer.walk(x[:20], y[:20])])
""",
    """
import tempfile
from pathlib import Path
folder = Path(tempfile.mkdtemp())
restored = nd.Trainer.restore(trainer.save(folder / "trainer.npz"))
restored.fit(x, y, epochs=1)
nd.load_model(model.save(folder / "model.npz")).freeze("hidden")
nd.debug.unroll(trainer, folder / "step.py")
nd.plots.walk_page(trainer, x[:8], y[:8], folder / "step.html")
""",
    """
print(nd.debug.diagnose(trainer, x, y), nd.debug.gradient_check(model, "softmax_cross_entropy", x[:5], y[:5]))
trainer.step(x[:20], y[:20])
print(nd.debug.explain(model.layer("hidden"), unit=3, row=2), nd.debug.explain_update(trainer, "outputs/kernel", (7, 4)))
print(nd.debug.time_step(trainer, x[:50], y[:50]))
nd.plots.learning_rate_range(nd.debug.learning_rate_range(trainer, x, y))
nd.plots.confusion_matrix(trainer, *test), nd.plots.gradient_flow(trainer, x, y)
nd.plots.network(model), nd.plots.activations()
""",
    """
import numpy as np
def affine_backward(x, W, dz):
    return x.T @ dz, dz.sum(axis=0), dz @ W.T
nd.exercises.check("affine_backward", affine_backward)
try:
    nd.exercises.check("affine_backward", lambda x, W, dz: (dz.T @ x, dz.sum(axis=0), dz @ W.T))
except AssertionError as error:
    print(error)
else:
    raise SystemExit("the mistake was not found")
print(nd.exercises.names())
""",
    """
network = nd.lesson.chosen(depth=3, width=10)[0]
result = nd.lesson.train(network, (x, y), test, epochs=1, seed=0)
print(nd.lesson.table([result]), nd.lesson.units([result]))
""",
)
"""The main paths: a network, training, files, looking inside, exercises, the lesson."""


def cells(path: Path) -> list[str]:
    """The code of a notebook."""
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in found if cell["cell_type"] == "code"]


def main() -> None:
    """Run what was asked for."""
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        plt.figure().canvas.draw()            # matplotlib may make a list of fonts, and starts a thread for a warning meanwhile
        block()
        for name in sys.argv[1:]:
            pieces = list(LIBRARY) if name == "library" else cells(Path(name))
            print(f"{Path(name).name}: {run(pieces, name)} pieces ran", flush=True)


if __name__ == "__main__":
    main()
