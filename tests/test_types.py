"""Types that find mistakes, for mypy and for editors; and nothing against a right script."""

import importlib.util
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import npdeep as nd

SCRIPT = Path(__file__).with_name("typed_script.py")
MISTAKES = {
    "model.predit(x)": '"Sequential" has no attribute "predit"',
    "model.inputsize": 'has no attribute "inputsize"',
    "trainer.iterations": 'has no attribute "iterations"',
    "trainer.metric = []": 'has no attribute "metric"',
    "trainer.fit(x, y, epoch=3)": 'Unexpected keyword argument "epoch"',
    'trainer.fit(x, y, epochs="3")': 'Argument "epochs"',
    'model.layer("a").kernle': 'has no attribute "kernle"',
    "model.layers[0].kernle": 'has no attribute "kernle"',
    "optimizer.learning_rat": 'has no attribute "learning_rat"',
    "optimizer.learning_rat = 0.1": 'has no attribute "learning_rat"',
    'nd.Trainer(model, "hinge", metrics=[5])': "List item 0",
    'nd.Trainer(model, "hinge", optimizer=5)': 'Argument "optimizer"',
    "nd.Trainer(model, 5)": "Argument 2",
    "nd.Dense(3.5)": 'Argument 1 to "Dense"',
    "nd.Dense(3, kernel_initializer=5)": 'Argument "kernel_initializer"',
    "nd.Dense(3, activation='relu')": "Unexpected keyword argument",
    "nd.Dens": 'has no attribute "Dens"',
    "nd.optimizers.Adm": 'has no attribute "Adm"',
    "nd.debug.gradient_chek": 'has no attribute "gradient_chek"',
}
START = """
import numpy as np
import npdeep as nd
x, y = np.zeros((4, 3)), np.zeros(4, int)
model = nd.Sequential([nd.Dense(3, name="a")], input_size=3)
optimizer = nd.optimizers.Adam(1e-3)
trainer = nd.Trainer(model, "hinge", optimizer)
"""


def test_the_right_script_runs(tmp_path):
    script = runpy.run_path(str(SCRIPT))
    assert script["train"](tmp_path).iteration > 0
    assert script["own_parts"]() > 0


@pytest.mark.exhaustive
@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed: it is in the extra dev")
def test_mypy_finds_every_mistake_and_none_in_a_right_script(tmp_path):
    wrong = tmp_path / "wrong.py"
    wrong.write_text(START + "\n".join(MISTAKES) + "\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--config-file=", f"--cache-dir={tmp_path}",
               "--follow-imports=silent"]  # as where npdeep is installed: what is said of the two scripts alone
    done = subprocess.run([*command, str(wrong), str(SCRIPT)], capture_output=True, text=True, check=False)
    found = [line for line in done.stdout.splitlines() if ": error: " in line]
    first = START.count("\n") + 1
    for number, (line, message) in enumerate(MISTAKES.items(), start=first):
        said = [error for error in found if f"wrong.py:{number}: " in error]
        assert len(said) == 1, (line, done.stdout)
        assert message in said[0]
    assert len(found) == len(MISTAKES), done.stdout


# ── what editors offer ────────────────────────────────────────────────────────────────────────────────────────────────
def parts():
    layers = [nd.Dense(3, name="a"), nd.BatchNormalization(name="bn"), nd.Activation("elu", name="elu"), nd.Dropout(name="d")]
    model = nd.Sequential([*layers, nd.Dense(2)], input_size=3, seed=0)
    trainer = nd.Trainer(model, "softmax_cross_entropy", "adam", metrics=["accuracy"])
    trainer.step(np.eye(3), np.array([0, 1, 1]))
    return {"nd": nd, "trainer": trainer, "model": model, "optimizer": trainer.optimizer, "loss": trainer.loss,
            **{layer.name: layer for layer in model.layers}}  # fmt: skip


OFFERED = {
    "nd": "Dense Sequential Trainer losses optimizers plots debug interop exercises lesson load_model batches __version__",
    "trainer": "fit step walk evaluate save restore model loss optimizer metrics iteration epoch history variables",
    "model": "layers layer predict forward backward freeze unfreeze save load_weights summary variables copy flat_values seed",
    "optimizer": "learning_rate beta_1 beta_2 epsilon amsgrad slots slot",
    "loss": "forward backward label_smoothing",
    "a": "units kernel bias name input output grad_input parameters kernel_initializer",
    "bn": "gamma beta moving_mean moving_variance momentum use_moving_statistics mean",
    "elu": "activation alpha input output",
    "d": "rate mask",
}
HIDDEN = {
    "nd": "TYPE_CHECKING Any annotations importlib sys hints common kernels files training in_module LATER Hinted expanded",
    "trainer": "planned_version operations update_operations clip_event turn watchers batches_done foreign settled nearest",
    "model": "prepared planned went_forward gradients_of passes arena run description from_description check_attribute assign",
    "optimizer": "pieces flush_every kernel may_be_scheduled driven_by too_small changed bind",
    "loss": "blocks prepare allocate takes_logits compute extra",
    "a": "blocks chains fans initializers built held unproven forward_event attach detach allocate forget given_name kernels",
    "bn": "decided vectors row ones sum_gamma",
    "elu": "rule values workspace given custom",
    "d": "bits draws",
}


@pytest.mark.parametrize("part", OFFERED)
def test_editors_offer_what_is_meant_to_be_used(part):
    offered = dir(parts()[part])
    assert set(OFFERED[part].split()) <= set(offered)
    assert not set(HIDDEN[part].split()) & set(offered)
    assert all(hasattr(parts()[part], name) for name in offered)


MODULES = ["losses", "optimizers", "metrics", "callbacks", "layers", "initializers", "regularizers", "constraints", "clipping"]


@pytest.mark.parametrize("module", MODULES)
def test_public_modules_offer_their_classes_alone(module):
    offered = [getattr(getattr(nd, module), name) for name in dir(getattr(nd, module))]
    assert len(offered) >= 4
    assert all(isinstance(value, type) or value is nd.initializers.for_activation for value in offered)
