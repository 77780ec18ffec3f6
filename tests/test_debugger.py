"""The training step in pdb: into a kernel in a few commands, by `s` through nothing but the step; and break_when."""

import re
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from helpers_training import bits, every_trainer, examples, plain_trainer

import npdeep as nd

SCRIPT = """
    import numpy as np
    import npdeep as nd

    layers = [nd.Dense(8, name="hidden"), nd.BatchNormalization(), nd.Activation("elu"), nd.Dense(3, name="outputs")]
    model = nd.Sequential(layers, 6, seed=1)
    trainer = nd.Trainer(model, "softmax_cross_entropy", "momentum")
    x, y = np.random.default_rng(0).standard_normal((10, 6)), np.arange(10) % 3
    breakpoint()
    trainer.step(x, y)
    print("the step is done")
"""


def session(tmp_path, *commands):
    """What pdb prints to these commands, and the places where it stopped: (file, function)."""
    script = tmp_path / "lesson.py"
    script.write_text(textwrap.dedent(SCRIPT), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)], input="\n".join([*commands, "q"]), capture_output=True, text=True, check=False
    )
    stops = re.findall(r"^(?:\(Pdb\) )*> (.+)\(\d+\)(\S+?)\(\)", done.stdout, re.MULTILINE)
    return done.stdout, stops


def inside(file):
    """The path below the package."""
    return file.replace("\\", "/").rpartition("npdeep/")[2]


def test_from_step_into_a_kernels_backward_in_four_commands(tmp_path):
    commands = ["b nd.Dense.backward", "c", "n", "s"]
    out, stops = session(tmp_path, *commands, "p dW.shape, dz.shape", "w")
    assert len(commands) <= 8
    assert stops[-1][1] == "affine_backward"
    assert out.count("(8, 3), (10, 3)") == 1
    stack = re.findall(r"\.py\(\d+\)(\S+?)\(\)", out[out.index("(8, 3), (10, 3)") :])
    assert stack[-5:] == ["step", "gradient_operations", "backward_steps", "backward", "affine_backward"]


def test_by_s_alone_it_passes_through_the_step_its_layers_its_loss_and_kernels(tmp_path):
    _, stops = session(tmp_path, "b nd.Trainer.gradient_operations", "c", *["s"] * 900)
    places = [(inside(file), function) for file, function in stops]
    begin = next(i for i, (_, function) in enumerate(places) if function == "gradient_operations")
    end = max(i for i, place in enumerate(places) if place == ("training/step.py", "step"))    # the operations are through
    for file, function in places[begin:end]:
        if file == "training/step.py":
            assert function in ("step", "operations", "gradient_operations", "update_operations")
        else:
            rooms = ("layers", "losses", "optimizers", "kernels", "schedules.py")
            assert file.split("/")[0] in rooms or file == "common/hinting.py", (file, function)    # buffers are assigned
    visited = {function for _, function in places[begin:end]}
    assert {"affine_forward", "batch_normalization_backward", "elu_backward", "softmax_cross_entropy_backward"} <= visited
    assert {"momentum", "affine_backward", "update_piece"} <= visited
    upto = places[begin : next(i for i, (_, function) in enumerate(places) if function == "affine_backward")]
    assert all(file.split("/")[0] in ("training", "layers", "losses", "kernels", "common") for file, _ in upto)


@pytest.fixture
def stopped(monkeypatch):
    """The frames in which the debugger was opened."""
    frames = []

    def hook():
        frames.append(sys._getframe(1))

    monkeypatch.setattr(sys, "breakpointhook", hook)
    return frames


def at(frames):
    (frame,) = frames
    event = frame.f_locals["event"]
    assert frame.f_locals["layer"] is event.layer
    assert frame.f_locals["arrays"].keys() == event.arrays.keys()
    return event.stage, event.name


@pytest.mark.parametrize(("bad", "word"), [(np.nan, "nan"), (np.inf, "inf")])
def test_nan_and_inf_stop_at_the_first_operation_that_shows_them(stopped, bad, word, capsys):
    trainer = plain_trainer()
    watch = nd.debug.break_when(trainer, word)
    trainer.step(*examples(10))
    assert stopped == []
    trainer.model.layer("outputs").kernel.value[0, 0] = bad
    with np.errstate(invalid="ignore"):
        trainer.step(*examples(10))
        trainer.step(*examples(10))           # it stops once
    assert at(stopped) == ("forward", "outputs")
    assert (watch.event.stage, watch.event.name) == ("forward", "outputs")
    out = capsys.readouterr().out
    assert f"break_when('{word}'): update 2, forward   outputs" in out
    assert "at hand: event, layer, arrays (input, kernel, bias, output), trainer" in out
    assert re.search(r"computed by .*affine\.py:\d+", out)


def test_dead_and_saturated_stop_at_the_activation(stopped):
    for word, activation, bias in (("dead", "relu", -50.0), ("saturated", "tanh", 9.0)):
        layers = [nd.Dense(8, name="low"), nd.Activation(activation, name="low_a"), nd.Dense(3, name="outputs")]
        trainer = nd.Trainer(nd.Sequential(layers, 6, seed=1), "softmax_cross_entropy")
        nd.debug.break_when(trainer, word)
        trainer.step(*examples(10))
        assert stopped == []
        trainer.model.layer("low").bias.value = bias
        trainer.step(*examples(10))
        assert at(stopped) == ("forward", "low_a")
        stopped.clear()


def test_a_share_of_units_must_be_dead(stopped):
    trainer = plain_trainer()
    layers = [nd.Dense(8, name="low"), nd.Activation("relu", name="low_a"), nd.Dense(3, name="outputs")]
    trainer = nd.Trainer(nd.Sequential(layers, 6, seed=1), "softmax_cross_entropy", nd.optimizers.SGD(0.0))
    trainer.model.layer("low").bias.value[:2] = -50
    nd.debug.break_when(trainer, "dead", share=0.3)
    trainer.step(*examples(50))
    assert stopped == []
    nd.debug.break_when(trainer, "dead", share=0.2)
    trainer.step(*examples(50))
    assert at(stopped) == ("forward", "low_a")


def test_a_layers_name_and_a_function_stop_in_fit_and_walk_too(stopped):
    trainer = every_trainer()
    nd.debug.break_when(trainer, "hidden2")
    trainer.fit(*examples(20), verbose=False)
    assert at(stopped) == ("forward", "hidden2")
    stopped.clear()
    nd.debug.break_when(trainer, lambda event: event.stage == "clip")
    list(trainer.walk(*examples(20)))
    assert at(stopped) == ("clip", "clip")


def test_watching_and_stopping_change_nothing(stopped):
    watched, free = every_trainer(), every_trainer()
    for condition in ("nan", "hidden2", lambda event: False):
        watch = nd.debug.break_when(watched, condition)
        watched.step(*examples(20))
        free.step(*examples(20))
        watch.clear()
        assert watched.on_event is None
    assert bits(watched) == bits(free)


def test_unfit_conditions():
    trainer = plain_trainer()
    with pytest.raises(ValueError, match=r"break_when: unknown condition or layer 'hiden'.*hidden"):
        nd.debug.break_when(trainer, "hiden")
    with pytest.raises(TypeError, match="condition must be one of the words nan, inf, dead, saturated, a layer's name"):
        nd.debug.break_when(trainer, 3)
    with pytest.raises(TypeError, match="trainer must be a Trainer"):
        nd.debug.break_when(trainer.model, "nan")
    assert trainer.on_event is None


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [(nd.Dense, (10,)), (nd.Residual, ([],)), (nd.optimizers.Adam, (1e-3,)), (nd.losses.Huber, ())],
)
def test_few_steps_lead_into_a_constructor(kind, arguments):
    """What `s` in pdb stops at before __init__: calls and lines of Python."""
    stops = []

    def stop(frame, event, arg):
        if frame.f_code is kind.__init__.__code__:
            stops.append("arrived")
        elif "arrived" not in stops:
            stops.append((frame.f_code.co_name, event))
        return stop

    before = sys.gettrace()
    sys.settrace(stop)
    try:
        kind(*arguments)
    except ValueError:
        pass                                  # an empty block is refused, by its __init__
    finally:
        sys.settrace(before)
    assert stops.index("arrived") <= 10
