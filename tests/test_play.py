"""The playground without a browser: settings and addresses, networks and their code, runs with the bits of fit."""

import contextlib
import dataclasses
import math
import re
import socket
import sys
import time
import types
import urllib.error
import urllib.request
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import npdeep as nd
from npdeep.teaching import play
from npdeep.teaching.play import data as play_data
from npdeep.teaching.play import networks
from npdeep.teaching.play.data import data_of, read_csv
from npdeep.teaching.play.measure import look
from npdeep.teaching.play.presets import PRESETS
from npdeep.teaching.play.runs import Run
from npdeep.teaching.play.session import Session, Workshop
from npdeep.teaching.play.settings import CONTROLS, Settings, both, from_query, to_query


@pytest.fixture(autouse=True)
def idle(monkeypatch):
    """Here each session works when the test says so, and no worker goes on training after its test."""
    monkeypatch.setattr(Workshop, "add", lambda self, session: None)


# ── settings and addresses ────────────────────────────────────────────────────────────────────────────────────────────
def of_control(name):
    """Values that a control takes."""
    control = CONTROLS[name]
    if control.kind == "choice":
        return st.sampled_from(control.options)
    if control.kind == "flag":
        return st.booleans()
    if control.kind == "whole":
        return st.integers(int(control.low), int(control.high))
    if control.kind == "number":
        return st.floats(control.low, control.high)
    return st.sampled_from({"layers": ["", "3:tanh:0.5", "1::0.2,50:relu:"], "points": ["", "0.5,-1,0;1,1,2"]}[control.kind])


any_settings = st.fixed_dictionaries({name: of_control(name) for name in CONTROLS}).map(lambda values: Settings(**values))


@given(any_settings, any_settings)
def test_an_address_carries_every_setting(first, second):
    second = both(first, second)
    assert from_query("?" + to_query(first, second)) == (first, second, [])


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("depth=1000000000", "Depth must be an integer from 1 to 50"),
        ("depth=1e400", "Depth"),
        ("depth=nan", "Depth"),
        ("depth=2.5", "Depth"),
        ("width=-3", "Width must be"),
        ("batch_size=0", "Batch size"),
        ("learning_rate=inf", "Learning rate must be a number from 0 to 1,000"),
        ("activation=__import__('os').system('id')", "Activation must be one of"),
        ("optimizer=<script>alert(1)</script>", "Optimizer must be one of"),
        ("residual=perhaps", "Residual must be on or off"),
        ("layers=3:tanh:0.5,3:relu:", "Layers of their own must be layers such as"),
        ("layers=99:tanh:", "Layers of their own"),
        ("points=1,2", "Points drawn must be"),
        ("points=" + "0,0,0;" * 401, "Points drawn must be at most 400"),
        ("nonsense=1", "there is no setting 'nonsense'"),
        ("__class__=1", "there is no setting '__class__'"),
        ("b.data=moons", "Data is the same for both networks"),
        ("b.depth=0", "Depth must be"),
        ("fault=collapse", "Find the bug must be"),
        ("&".join(f"a{i}=1" for i in range(1000)), "settings and was not read"),
        ("depth=5&" + "x" * 30_000, "characters of the address were read"),
    ],
)
def test_what_an_address_may_not_say_is_refused_by_name(query, words):
    first, second, refused = from_query(query)
    assert any(words in text for text in refused)
    assert all(len(text) < 1500 for text in refused)
    assert (first.changed("depth", 10), second.changed("depth", 10)) == (Settings(), Settings())


@given(st.text(max_size=200))
def test_any_address_is_read_without_harm(query):
    for settings in from_query(query)[:2]:
        for name, control in CONTROLS.items():
            assert control.check(getattr(settings, name)) == getattr(settings, name)


numbers = st.one_of(st.floats(), st.integers(), st.booleans())
messages = st.one_of(st.none(), st.text(), numbers, st.lists(numbers), st.dictionaries(st.text(), numbers))


@given(st.sampled_from(sorted(CONTROLS)), messages)
def test_any_message_of_a_browser_is_taken_or_refused_by_label(name, value):
    with contextlib.suppress(ValueError):
        settings = Settings().changed(name, value)
        assert CONTROLS[name].check(getattr(settings, name)) == getattr(settings, name)
        return
    with pytest.raises(ValueError, match=re.escape(CONTROLS[name].label)):
        Settings().changed(name, value)


# ── networks and their code ───────────────────────────────────────────────────────────────────────────────────────────
SMALL = Settings(data="moons", depth=2, width=4, batch_size=100)
KINDS = [
    *(SMALL.changed("activation", name) for name in CONTROLS["activation"].options),
    *(SMALL.changed("initializer", name).changed("gain", 1.5) for name in CONTROLS["initializer"].options),
    *(SMALL.changed("optimizer", name) for name in CONTROLS["optimizer"].options),
    *(SMALL.changed("normalization", name).changed("residual", True) for name in ("none", "batch", "layer")),
    dataclasses.replace(SMALL, dropout=0.3, clipping=1.0, layers="1:tanh:,2:relu:0.5", input_dropout=0.1),
    SMALL.changed("data", "drawn").changed("points", "0.5,-1,0;1,1,1;0,0,2").changed("batch_size", 2),
    SMALL.changed("data", "circles").changed("initializer", "zeros").changed("outputs", "zeros"),
]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("settings", KINDS, ids=str)
def test_the_code_makes_the_same_network_and_trains_it_to_the_same_bits(settings, monkeypatch):
    monkeypatch.setattr(nd.Trainer, "fit", quiet_fit(nd.Trainer.fit))
    data = data_of(settings)
    run = Run(settings, data)
    names = {}
    exec(networks.code(settings, data, updates=2 * -(-len(data.x) // settings.batch_size)), names)
    other = names["trainer"]
    assert other.epoch == 2
    while run.updates < other.iteration:
        run.update()
    assert np.array_equal(run.trainer.model.flat_values, other.model.flat_values, equal_nan=True)
    assert [p.name for p in run.trainer.model.parameters] == [p.name for p in other.model.parameters]


def quiet_fit(fit):
    return lambda self, *given, **named: fit(self, *given, verbose=False, **named)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_makes_networks(name):
    session = Session(*PRESETS[name], say=pytest.fail)
    session.make()
    assert len(session.runs) == 1 + session.settings[0].compare
    session.update()
    assert session.frame.updates == 1


def test_layers_of_two_networks_side_by_side_are_the_same_ones():
    for name, (first, second) in PRESETS.items():
        if first.depth == second.depth:
            starts = [Run(settings, data_of(settings)).start for settings in (first, second)]
            assert [len(start.names) for start in starts] == [first.depth + 1] * 2, name


def test_nothing_is_said_of_activations_that_are_not_numbers():
    settings = Settings(data="xor", depth=1, width=4, activation="relu")
    run = Run(settings, data_of(settings))
    run.trainer.model.parameters[0].value[:] = np.nan
    run.update(watched=True)
    assert np.isnan([run.seen.spread[0], run.seen.saturated[0], run.seen.dead[0]]).all()


@pytest.mark.parametrize("numbers", [[1.0], [0.1, 1.0], [1e-7, 3.0], [10.0, 1000.0]])
def test_no_point_is_on_the_edge_of_a_logarithmic_axis(numbers):
    views = pytest.importorskip("npdeep.teaching.play.views", exc_type=ImportError)
    low, high = views.roomy(*views.decades_of([np.array(numbers)]))
    span = math.log(high / low)
    assert math.log(min(numbers) / low) > 0.02 * span
    assert math.log(high / max(numbers)) > 0.02 * span


def test_a_network_that_is_too_large_is_refused_before_it_is_made():
    with pytest.raises(ValueError, match="Width 500 with Depth 50 makes 12,647,000 weights"):
        networks.trainer(Settings(depth=50, width=500), data_of(Settings()))


# ── runs and views ────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_numbers_of_the_views_are_the_engines():
    settings = Settings(data="spirals", depth=4, width=10, activation="tanh", optimizer="adam")
    run, twin = (Run(settings, data_of(settings)) for _ in range(2))
    before = [p.value.copy() for p in twin.trainer.model.parameters if p.name.endswith("/kernel")]
    batch = twin.batch()
    run.update(watched=True)
    seen = nd.debug.snapshot(twin.trainer, *batch)
    dense = [layer for layer in seen.layers if isinstance(layer, nd.Dense)]
    assert run.seen.gradient == tuple(float(np.linalg.norm(layer.grad_output.astype(float))) for layer in dense) or np.allclose(
        run.seen.gradient, [np.linalg.norm(layer.grad_output.astype(float)) for layer in dense], rtol=1e-12
    )
    assert run.seen.gradient == look(seen).gradient
    hidden = [layer for layer in seen.layers if isinstance(layer, nd.Activation)]
    assert run.seen.spread[:-1] == tuple(float(layer.output.astype(float).std(axis=0).mean()) for layer in hidden)
    assert (run.seen.saturated[0], run.seen.dead[0]) == nd.debug.flat_share(hidden[0])
    twin.trainer.step(*batch)
    after = [p.value for p in twin.trainer.model.parameters if p.name.endswith("/kernel")]
    moved = [np.linalg.norm(np.subtract(new, old, dtype=float)) / np.linalg.norm(old.astype(float))
             for old, new in zip(before, after, strict=True)]  # fmt: skip
    assert np.allclose(run.seen.moved, moved, rtol=1e-12)
    run.evaluate()
    assert run.curves.loss[-1] == twin.trainer.evaluate(run.data.x, run.data.y)["loss"]
    assert run.curves.test_accuracy[-1] == twin.trainer.evaluate(*run.data.test)["accuracy"]


def test_looking_changes_nothing():
    settings = Settings(data="xor", depth=2, width=5, dropout=0.3, normalization="batch", activation="relu")
    plain, watched = (Run(settings, data_of(settings)) for _ in range(2))
    for number in range(25):
        plain.update()
        watched.update(watched=number % 3 == 0)
        watched.look_around(at_once=True)
    assert plain.trainer.model.flat_values.tobytes() == watched.trainer.model.flat_values.tobytes()


def test_two_networks_see_the_same_batches_and_start_alike():
    first, second = PRESETS["cure: Adam"]
    session = Session(first, second, say=pytest.fail)
    session.make()
    a, b = session.runs
    assert a.trainer.model.flat_values.tobytes() == b.trainer.model.flat_values.tobytes()
    for _ in range(3):
        session.update()
        assert a.updates == b.updates
        assert np.array_equal(a.batch()[0], b.batch()[0])


def test_a_turn_in_which_an_update_takes_long_makes_one_update_alone(monkeypatch):
    session = Session(SMALL, SMALL, say=pytest.fail)
    session.make()
    session.running = True
    clock = iter(range(0, 10_000, 5))         # five seconds pass between any two looks at it
    watch = types.SimpleNamespace(perf_counter=lambda: next(clock), monotonic=time.monotonic)
    monkeypatch.setattr("npdeep.teaching.play.session.time", watch)
    session.train(1.0)
    assert session.runs[0].updates == 1
    session.train(1.0)
    assert session.runs[0].updates == 2
    session.train(200.0)
    assert session.runs[0].updates > 10


def test_one_operation_after_the_other_makes_the_update():
    settings = Settings(data="xor", depth=2, width=5, dropout=0.3, activation="relu", clipping=0.5)
    walked, plain = (Session(settings, settings, say=pytest.fail) for _ in range(2))
    walked.make()
    plain.make()
    stages = []
    while walked.runs[0].updates == 0:
        operation = walked.walk(0)
        stages.append(operation.event.stage)
        assert operation.number == len(stages)
    assert stages == [event.stage for event in plain.runs[0].trainer.events()]
    plain.update()
    assert walked.runs[0].trainer.model.flat_values.tobytes() == plain.runs[0].trainer.model.flat_values.tobytes()


def test_curves_stay_short():
    curves = Run(SMALL, data_of(SMALL)).curves
    for update in range(1, 3000):
        curves.add(update, {"loss": 1.0, "accuracy": 0.5}, {})
    assert len(curves.updates) <= 401
    assert curves.updates[-1] == 2999
    assert math.isnan(curves.test_loss[-1])


# ── data ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
GOOD = "a,b,kind\n" + "1,2,x\n3,4.5,y\n" * 10


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xfe\x00", "no text in UTF-8"),
        (b"1,2,a\n\x00" * 20, "zero bytes"),
        (b"1,2,a\n" * 400_000, "has 2,400,000 bytes; at most 2,000,000"),
        (b"", "at least 10 rows of numbers are needed, got 0"),
        (b"1,2,a\n1,2,b\n", "at least 10 rows of numbers are needed, got 2"),
        (GOOD.replace("3,4.5,y", "3,y", 1).encode(), "line 3 has 2 columns; expected 3 as in the first"),
        (GOOD.replace("4.5", "four", 1).encode(), "line 3, column 2: 'four' is not a number"),
        (GOOD.replace("4.5", "nan", 1).encode(), "line 3, column 2: 'nan' is not finite"),
        (GOOD.replace("4.5", "1e300", 1).encode(), "is not finite or too large"),
        (b"x\ny\n" * 10, "line 1 has 1 columns; expected 2 to 1000"),
        (b"1,2,a\n" * 20, "must have 2 to 50 different values, got 1"),
        ("".join(f"1,2,{k}\n" for k in range(60)).encode(), "must have 2 to 50 different values, got 60"),
        (b"1,a\n2,b\n" * 15_000, "more than 20,000 rows"),
        (b'1,"' + b"a" * 200_000 + b'"\n' * 3, "cannot be read"),
    ],
)
def test_what_is_no_csv_of_numbers_is_refused_with_its_line(content, words):
    with pytest.raises(ValueError, match="CSV: ") as caught:
        read_csv(content)
    assert words in str(caught.value)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_csv_file_trains(delimiter):
    session = Session(Settings(data="csv", depth=1, width=5), Settings(), say=pytest.fail)
    session.file = read_csv(GOOD.replace(",", delimiter).encode())
    session.make()
    session.update()
    assert session.data.classes == ("x", "y")
    assert session.frame.updates == 1


def test_data_that_is_not_there_yet_is_asked_for():
    said = []
    session = Session(Settings(data="csv"), Settings(), say=said.append)
    session.jobs.append(session.make)
    session.work(0.01)
    assert said == ["Data: choose a CSV file first; the last column names the class, all others are numbers"]
    assert session.runs == []


@pytest.mark.parametrize(("points", "networks"), [("", 0), ("0.5,-1,0", 0), ("0.5,-1,0;1,1,1", 2)])
def test_of_fewer_than_two_points_no_network_is_made_but_the_points_are_there(points, networks):
    said = []
    settings = Settings(data="drawn", depth=1, width=3, points=points, compare=True)
    session = Session(settings, settings, say=said.append)
    session.make()
    assert len(session.runs) == len(session.frame.looks) == networks
    assert len(session.data.x) == len([point for point in points.split(";") if point])
    assert (session.data.plane, session.data.limits) == (True, (-1.5, 1.5, -1.5, 1.5))
    assert ["draw at least two points" in text for text in said] == [True] * (networks == 0)
    session.start()
    session.jobs.pop()()
    assert session.running == (networks > 0)


def test_train_that_is_pressed_before_the_network_is_made_is_not_lost():
    session = Session(SMALL, SMALL, say=pytest.fail)
    session.ask(session.make)
    session.start()
    session.work(0.0)
    assert session.running
    assert session.frame.updates > 0


@pytest.mark.parametrize("name", ["xor_zeros", "xor_no_activation", "no_activation"])
def test_the_surface_of_a_planted_fault_is_what_its_network_predicts(name):
    session = Session(Settings(fault=name), Settings())
    session.make()
    picture, model = session.runs[0].picture, session.runs[0].trainer.model
    assert picture.shape[-1] == max(2, model.output_size)
    left, _, bottom, _ = session.data.limits
    logits = model.predict(np.array([[left, bottom]], np.float32))[0].astype(float)
    shares = np.exp([0.0, *logits] if len(logits) == 1 else logits)
    assert np.allclose(picture[0, 0], shares / shares.sum(), atol=1e-5)


def test_the_digits_are_shared_and_cannot_be_written():
    assert play_data.digits() is play_data.digits()
    with pytest.raises(ValueError, match="read-only"):
        play_data.digits().x[0, 0] = 1


# ── in a notebook ─────────────────────────────────────────────────────────────────────────────────────────────────────
def test_in_a_notebook_it_is_a_frame_whose_server_answers(monkeypatch):
    for name in play.NEEDED:
        pytest.importorskip(name)
    monkeypatch.setitem(sys.modules, "ipykernel", sys)    # as in a notebook: no browser is opened
    monkeypatch.setattr(play.webbrowser, "open", pytest.fail)
    playground = nd.play(height=500)
    try:
        frame = ElementTree.fromstring(playground._repr_html_())
        assert (frame.tag, frame.get("src"), frame.get("height")) == ("iframe", playground.address, "500")
        with urllib.request.urlopen(frame.get("src"), timeout=60) as answer:
            assert "npdeep playground" in answer.read().decode()
            assert "X-Frame-Options" not in answer.headers    # a notebook may show it in a frame
    finally:
        playground.stop()
    assert playground.process.poll() is not None
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(playground.address, timeout=60)


def test_where_it_does_not_start_the_reason_is_said():
    for name in play.NEEDED:
        pytest.importorskip(name)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"127.0.0.1:{port} cannot be used"):
            nd.play(port=port)
