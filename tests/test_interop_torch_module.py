"""npdeep inside of a graph of PyTorch: its gradients are those of PyTorch's own network, and what is not sound is refused."""

import contextlib
import copy
import pickle
import threading

import numpy as np
import pytest
from helpers_zoo import network

import npdeep as nd

torch = None
with contextlib.suppress(ImportError):
    import torch
    from torch import nn
pytestmark = pytest.mark.skipif(torch is None, reason="PyTorch is not installed: pip install 'npdeep[torch]'")
as_module, to_torch = nd.interop.torch.as_module, nd.interop.torch.to_torch
CLOSE = 1e-12
MODES = [False, True]


def data(seed, rows=12):
    rng = np.random.default_rng(1000 + seed)
    return torch.tensor(rng.normal(size=(rows, 5))), torch.tensor(rng.normal(size=(rows, 3)))


def small(dtype="float64", **further):
    layers = [nd.Dense(4, name="hidden.1"), nd.BatchNormalization(name="bn"), nd.Activation("tanh"), nd.Dense(3, name="out")]
    return nd.Sequential(layers, 5, seed=0, dtype=dtype, **further)


def own_gradients(model, net):
    """The gradients of PyTorch's own network by the names of ours."""
    twin = model.copy()
    for p in twin.parameters:                 # numbers in the place of the weights say which tensor is which
        p.value = np.arange(p.size).reshape(p.shape) + 1000 * [q.name for q in twin.parameters].index(p.name)
    marks = dict(to_torch(twin).named_parameters())
    found = {}
    for name, tensor in net.named_parameters():
        (p,) = [p for p in twin.parameters if p.has_grad and p.value.min() == marks[name].min().item()]
        grad = tensor.grad.numpy()
        found[p.name] = grad.T if p.name.endswith("/kernel") else grad
    return found


# ── the same numbers as PyTorch's own network ─────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("training", MODES)
@pytest.mark.parametrize("seed", range(50))
def test_outputs_and_gradients_are_those_of_pytorch(seed, training):
    model = network(seed)
    net, module = to_torch(model).train(training), as_module(model).train(training)
    x, y = data(seed)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    upstream = 4 * y                          # large enough to see, as a loss behind it would send
    outputs = module(ours)
    (outputs * upstream).sum().backward()
    (net(theirs) * upstream).sum().backward()
    assert torch.abs(outputs - net(x)).max() <= CLOSE * max(1, outputs.abs().max().item())
    assert torch.abs(ours.grad - theirs.grad).max() <= CLOSE * max(1, theirs.grad.abs().max().item())
    expected = own_gradients(model, net)
    gradients = {name: p.grad.numpy() for name, p in module.named_parameters()}
    assert gradients.keys() == expected.keys()
    for name, gradient in gradients.items():
        assert np.abs(gradient - expected[name]).max() <= CLOSE * max(1, np.abs(expected[name]).max()), name


@pytest.mark.parametrize("kind", ["SGD", "Adam", "RMSprop"])
def test_an_optimizer_of_pytorch_trains_it(kind):
    model = small()
    net, module = to_torch(model), as_module(model)
    both = [(n, getattr(torch.optim, kind)(n.parameters(), 0.01)) for n in (net, module)]
    for step in range(10):
        x, y = data(step)
        for one, optimizer in both:
            optimizer.zero_grad()
            nn.functional.mse_loss(one(x), y).backward()
            optimizer.step()
    for (name, ours), own in zip(to_torch(model).state_dict().items(), net.state_dict().values(), strict=True):
        if "running_var" not in name and "tracked" not in name:    # the unbiased variance there
            assert torch.abs(ours - own).max() <= 1e-9, name


def test_it_is_a_part_of_a_larger_network():
    torch.manual_seed(0)
    model = small("float32")
    net = nn.Sequential(nn.Conv1d(1, 1, 4), nn.Flatten(), as_module(model), nn.ReLU(inplace=True), nn.Linear(3, 2))
    own = nn.Sequential(*copy.deepcopy([net[0], net[1]]), to_torch(model), *copy.deepcopy([net[3], net[4]]))
    x = torch.randn(7, 1, 8)
    for one in (net, own):
        one(x).square().sum().backward()
    assert torch.abs(net[0].weight.grad - own[0].weight.grad).max() <= 1e-4
    assert {name.partition(".")[0] for name, _ in net.named_parameters()} == {"0", "2", "4"}


def test_ten_steps_of_lbfgs():
    model = small()
    module = as_module(model).eval()
    x, y = data(0)
    optimizer = torch.optim.LBFGS(module.parameters())

    def closure():
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(module(x), y)
        loss.backward()
        return loss

    losses = [optimizer.step(closure).item() for _ in range(5)]
    assert losses[-1] < losses[0] / 3


# ── whose weights they are ────────────────────────────────────────────────────────────────────────────────────────────
def test_the_memory_is_the_same_both_ways():
    model = small()
    module = as_module(model)
    assert set(module.state_dict()) == {name.replace("hidden.1", "hidden_1") for name in model.state_dict()}
    with torch.no_grad():
        module.get_parameter("hidden_1/kernel").fill_(3)
    assert (model.layer("hidden.1").kernel.value == 3).all()
    model.flat_values[:] = 2
    assert all((p == 2).all() for p in module.parameters())
    x, _ = data(0)
    module(x)
    assert np.array_equal(module.get_buffer("bn/moving_mean").numpy(), model.layer("bn").moving_mean.value)
    assert (model.layer("bn").moving_mean.value != 0).all()
    other = small().state_dict()
    module.load_state_dict({name.replace(".", "_"): torch.tensor(value) for name, value in other.items()})
    assert all(np.array_equal(a, b) for a, b in zip(model.state_dict().values(), other.values(), strict=True))


def test_names_that_differ_by_a_dot_alone_stay_apart():
    model = nd.Sequential([nd.Dense(2, name="a.b"), nd.Dense(2, name="a_b")], 2)
    assert len(list(as_module(model).parameters())) == 4
    assert as_module(model)(torch.ones(1, 2)).shape == (1, 2)


def test_a_trainer_and_an_optimizer_take_turns():
    model = small()
    module, trainer = as_module(model), nd.Trainer(model, "mean_squared_error", "adam")
    x, y = data(0)
    for _ in range(3):
        trainer.step(x.numpy(), y.numpy())
        before = model.flat_values.copy()
        nn.functional.mse_loss(module(x), y).backward()
        torch.optim.SGD(module.parameters(), 0.1).step()
        assert not np.array_equal(model.flat_values, before)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))])
def test_a_copy_holds_a_copy_of_the_model(copied):
    module = as_module(small()).eval()
    module.get_parameter("out/bias").requires_grad_(False)
    twin = copied(module)
    x, _ = data(0)
    assert not twin.training
    assert torch.equal(twin(x), module(x))
    assert not twin.get_parameter("out/bias").requires_grad
    with torch.no_grad():
        twin.get_parameter("out/kernel").zero_()
    assert (twin.model.layer("out").kernel.value == 0).all()
    assert (module.model.layer("out").kernel.value != 0).any()


@pytest.mark.parametrize(
    ("move", "says"),
    [
        (lambda m: m.float(), "cannot become torch.float32 on cpu"),
        (lambda m: m.half(), "cannot become torch.float16"),
        (lambda m: m.to("meta"), "on meta"),
        (lambda m: nn.Sequential(m).to(torch.float32), "cannot become torch.float32"),
        (lambda m: m.share_memory(), "cannot be shared"),
        (lambda m: m.load_state_dict(m.state_dict(), assign=True), r"assign=True.*load_state_dict\(state\)"),
        (lambda m: nn.Sequential(m).load_state_dict(nn.Sequential(m).state_dict(), assign=True), r"assign=True"),
    ],
)
def test_the_weights_stay_where_they_are(move, says):
    module = as_module(small())
    with pytest.raises(RuntimeError, match=f"^as_module: .*{says}"):
        move(module)
    module.double().to("cpu")(data(0)[0])     # nothing has changed, and what changes nothing is allowed


def replaced(module):
    setattr(module, "out/bias", nn.Parameter(torch.zeros(3, dtype=torch.float64)))


@pytest.mark.parametrize(
    "take",
    [
        lambda m: nn.utils.vector_to_parameters(nn.utils.parameters_to_vector(m.parameters()), m.parameters()),
        lambda m: setattr(m.get_parameter("hidden_1/bias"), "data", torch.zeros(4, dtype=torch.float64)),
        replaced,
    ],
)
def test_a_parameter_that_was_replaced_is_noticed(take):
    module = as_module(small())
    take(module)
    with pytest.raises(RuntimeError, match=r"as_module: the parameter \S+ lies no longer in the memory.*parameter\.copy_"):
        module(data(0)[0])


# ── modes and what is frozen ──────────────────────────────────────────────────────────────────────────────────────────
def test_the_mode_chooses_the_pass():
    model = nd.Sequential([nd.Dropout(0.5)], 5, seed=0, dtype="float64")
    module = as_module(model)
    x, _ = data(0)
    assert not torch.equal(module(x), x)
    assert torch.equal(module.eval()(x), x)


def test_what_is_frozen_in_one_is_frozen_in_the_other():
    model = small()
    model.freeze("out")
    module = as_module(model)
    assert [name for name, p in module.named_parameters() if not p.requires_grad] == ["out/kernel", "out/bias"]
    x, y = data(0)
    module.get_parameter("hidden_1/bias").requires_grad_(False)
    nn.functional.mse_loss(module(x), y).backward()
    assert [p.name for p in model.trainable_variables()] == ["hidden.1/kernel", "bn/gamma", "bn/beta"]
    assert module.get_parameter("out/kernel").grad is None
    assert module.get_parameter("hidden_1/bias").grad is None
    model.unfreeze()
    module(x)
    assert all(p.requires_grad for p in module.parameters())
    module.requires_grad_(False)
    assert not module(x).requires_grad
    assert not model.trainable_variables()
    through = x.clone().requires_grad_()
    module(through).sum().backward()
    assert through.grad.abs().max() > 0


def test_without_gradients_nothing_is_kept():
    module = as_module(small())
    with torch.no_grad():
        assert not module(data(0)[0]).requires_grad
    with torch.inference_mode():
        module(data(0)[0])


# ── one pass at a time ────────────────────────────────────────────────────────────────────────────────────────────────
def test_several_passes_before_one_backward_are_refused():
    module = as_module(small())
    (a, _), (b, _) = data(0), data(1)
    loss = module(a).sum() + module(b).sum()
    with pytest.raises(RuntimeError, match=r"not the model's last one.*module\(torch\.cat\(\[a, b\]\)\)"):
        loss.backward()
    output = module(a)
    module.model.predict(b.numpy())
    with pytest.raises(RuntimeError, match="not the model's last one"):
        output.sum().backward()
    module.eval()
    module(torch.cat([a, b])).sum().backward()    # the cure


def test_gradients_of_several_batches_add_up():
    module = as_module(small()).eval()
    (a, _), (b, _) = data(0), data(1)
    for x in (a, b):
        module(x).square().sum().backward()
    added = [p.grad.clone() for p in module.parameters()]
    module.zero_grad()
    module(torch.cat([a, b])).square().sum().backward()
    assert all(torch.abs(p.grad - g).max() <= 1e-11 for p, g in zip(module.parameters(), added, strict=True))


def test_backward_goes_through_the_last_pass_as_often_as_asked():
    module = as_module(network(7))
    output = module(data(7)[0])
    once = torch.autograd.grad(output.square().sum(), list(module.parameters()), retain_graph=True)
    again = torch.autograd.grad(output.square().sum(), list(module.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(once, again, strict=True))


def test_what_was_written_to_after_the_pass_is_noticed():
    module = as_module(small())
    x, _ = data(0)
    output = module(x)
    with torch.no_grad():
        module.get_parameter("out/bias").add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.sum().backward()
    output = module(x)
    x.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.sum().backward()


def test_the_output_is_the_callers():
    module = as_module(small())
    x, _ = data(0)
    first = module(x)
    kept = first.detach().clone()
    module(2 * x)
    assert torch.equal(first, kept)
    module(x).mul_(2).sum().backward()


def test_a_derivative_of_a_gradient_is_refused():
    module = as_module(small())
    x = data(0)[0].requires_grad_()
    with pytest.raises(RuntimeError, match=r"as_module: create_graph=True.*to_torch\(model\)"):
        torch.autograd.grad(module(x).sum(), x, create_graph=True)


def test_backward_in_another_thread_is_refused():
    module, said = as_module(small()), []
    loss = module(data(0)[0]).sum()

    def elsewhere():
        with pytest.raises(ValueError, match="the last forward pass was made in another thread"):
            loss.backward()
        said.append(True)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert said


# ── what is refused ───────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("x", "error", "says"),
    [
        (lambda: data(0)[0].float(), TypeError, r"torch\.float64 on the CPU.*float32 on cpu; x\.to\('cpu', torch\.float64\)"),
        (lambda: data(0)[0].long(), TypeError, r"got torch\.int64"),
        (lambda: data(0)[0].to("meta"), TypeError, "on meta"),
        (lambda: data(0)[0].numpy(), TypeError, "got a ndarray"),
        (lambda: data(0)[0].to_sparse(), TypeError, r"x must be a dense tensor, got a sparse one; x\.to_dense"),
        (lambda: data(0)[0][:, :4], ValueError, "5"),
        (lambda: data(0)[0][0], ValueError, "forward: x"),
        (lambda: data(0)[0] * torch.nan, ValueError, "nan"),
    ],
)
def test_other_inputs_are_refused(x, error, says):
    with pytest.raises(error, match=says):
        as_module(small())(x())


def test_other_arguments_are_refused():
    with pytest.raises(TypeError, match=r"as_module: model must be a Sequential of npdeep.*pass trainer\.model"):
        as_module(nd.Trainer(small(), "mean_squared_error"))


def test_a_missing_library_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(ImportError, match=r"as_module needs torch: python -m pip install 'npdeep\[torch\]'"):
        as_module(small())
