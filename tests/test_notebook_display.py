"""Rich display in notebooks: well-formed HTML, names escaped, nothing changed by looking."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from helpers_training import bits, every_trainer, examples, plain_trainer

import npdeep as nd
from npdeep.common.events import Formula, StepEvent
from npdeep.common.tables import Table
from npdeep.history import History

WILD = "<b>&\"'</table>"


def parsed(shown):
    """The HTML as a tree; raises where it is not well-formed."""
    return ElementTree.fromstring(f"<div>{shown._repr_html_()}</div>")


def text_of(shown):
    return " ".join(parsed(shown).itertext())


def event_of(stage):
    return next(e.copy() for e in every_trainer().walk(*examples(5)) if e.stage == stage)


def load_report(tmp_path):
    model = plain_trainer().model
    model.save(tmp_path / "model.npz")
    return model.load_weights(tmp_path / "model.npz")


SHOWN = {
    "summary": lambda folder: plain_trainer().model.summary(),
    "model": lambda folder: plain_trainer().model,
    "trainer": lambda folder: every_trainer(),
    "history": lambda folder: plain_trainer().fit(*examples(8), epochs=2, verbose=False),
    "no history yet": lambda folder: History(),
    "forward event": lambda folder: event_of("forward"),
    "update event": lambda folder: event_of("update"),
    "loaded weights": load_report,
    "gradient check": lambda folder: nd.debug.gradient_check(
        plain_trainer().model, nd.losses.SoftmaxCrossEntropy(), *examples(3)
    ),
}


@pytest.mark.parametrize("name", SHOWN)
def test_it_is_well_formed_and_says_what_the_text_says(name, tmp_path):
    shown = SHOWN[name](tmp_path)
    tree = parsed(shown)
    assert len(tree.findall(".//table")) == 1
    cells = {len(row) for row in tree.iter("tr")}
    assert len(cells) == 1
    assert "".join(tree.itertext()).strip() or name == "no history yet"


def test_a_model_and_a_trainer_show_their_summary():
    trainer = every_trainer()
    assert trainer.model._repr_html_() == trainer.model.summary()._repr_html_()
    rows = [[cell.text for cell in row] for row in parsed(trainer).iter("tr")][1:]
    assert rows == trainer.summary().rows
    assert parsed(trainer).find(".//caption").text == repr(trainer)


def test_an_event_shows_formula_shapes_and_statistics():
    event = event_of("forward")
    text = text_of(event)
    for part in ("forward hidden1: z = xW + b", "(6, 12)", "float32", "norm", "not finite"):
        assert part in text
    assert f"{np.linalg.norm(event.arrays['kernel']):.4g}" in text


def test_names_and_messages_are_escaped():
    table = Table([WILD], [[WILD]], WILD, [WILD])
    assert text_of(table).count(WILD) == 4
    event = StepEvent("forward", WILD, None, Formula(f"a < b {WILD}"), lambda: {WILD: np.ones(2)})
    assert WILD in text_of(event)
    assert "a < b" in text_of(event)
    model = nd.Sequential([nd.Dense(3)], input_size=2, name=WILD)
    assert WILD in text_of(model)
    assert WILD in text_of(nd.Trainer(model, "mean_squared_error"))
    history = History([{WILD: 1.0}])
    vars(history)["stopped_because"] = WILD
    assert text_of(history).count(WILD) == 2


def test_looking_changes_nothing():
    trainer = every_trainer()
    trainer.step(*examples(10))
    before = bits(trainer)
    trainer._repr_html_()
    trainer.model._repr_html_()
    assert bits(trainer) == before


def test_looking_between_forward_and_backward_disturbs_neither():
    trainer = plain_trainer()
    model = trainer.model
    outputs = model.forward(examples(4)[0], training=True)
    gradient = model.backward(np.ones_like(outputs), input_gradient=True).copy()
    trainer._repr_html_()
    assert np.array_equal(model.backward(np.ones_like(outputs), input_gradient=True), gradient)


def test_a_trainer_with_nothing_to_train_is_shown_all_the_same():
    trainer = plain_trainer()
    trainer.model.freeze(".*")
    assert "every parameter is frozen" in text_of(trainer)
