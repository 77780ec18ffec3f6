"""Networks from and to PyTorch: outputs, gradients and training are the same, and what cannot be converted is named."""

import contextlib
import pickle

import numpy as np
import pytest
from helpers_zoo import PARAMETERS, activation, network

import npdeep as nd
from npdeep.interop.torch_calls import ACTIVATIONS, RESERVED

torch = None
with contextlib.suppress(ImportError):
    import torch
    from torch import nn
needs_it = pytest.mark.skipif(torch is None, reason="PyTorch is not installed: pip install 'npdeep[torch]'")
ZOO = range(50)
ROWS = 12
CLOSE = 1e-8
RATE = 0.01


def data(seed, rows=ROWS):
    rng = np.random.default_rng(1000 + seed)
    return rng.normal(size=(rows, 5)), rng.normal(size=(rows, 3))


def tensors(net):
    return {name: t.detach().numpy().copy() for name, t in net.state_dict().items() if "tracked" not in name}


def flat(model_or_net):
    """All numbers of the same network in the same order: ours, as PyTorch lays them out."""
    net = model_or_net if not isinstance(model_or_net, nd.Sequential) else nd.interop.torch.to_torch(model_or_net)
    return tensors(net)


def gap(ours, theirs):
    assert ours.keys() == theirs.keys()
    return max((np.abs(ours[name] - theirs[name]).max() for name in ours if "running_var" not in name), default=0)


# ── to PyTorch and back ───────────────────────────────────────────────────────────────────────────────────────────────
@needs_it
@pytest.mark.parametrize("seed", ZOO)
def test_outputs_and_gradients_are_the_same(seed):
    model = network(seed)
    net = nd.interop.torch.to_torch(model)
    x, y = data(seed)
    with torch.no_grad():
        assert np.abs(net.eval()(torch.tensor(x)).numpy() - model.predict(x)).max() <= CLOSE
    loss = nn.MSELoss()(net.train()(inputs := torch.tensor(x, requires_grad=True)), torch.tensor(y))
    loss.backward()
    outputs = model.forward(x, training=True)
    mean = nd.losses.MeanSquaredError()
    assert abs(mean.forward(outputs, y) - loss.item()) <= CLOSE
    input_gradient = model.backward(mean.backward(), input_gradient=True)
    assert np.abs(input_gradient - inputs.grad.numpy()).max() <= CLOSE
    ours = model.copy()
    for p in ours.parameters:                 # the gradients in the place of the weights, for the same order
        p.value = next(q for q in model.parameters if q.name == p.name).grad if p.has_grad else p.value
    gradients = dict(nd.interop.torch.to_torch(ours).named_parameters())
    for name, parameter in net.named_parameters():
        assert np.abs(gradients[name].detach().numpy() - parameter.grad.numpy()).max() <= CLOSE, name


@needs_it
@pytest.mark.parametrize("seed", ZOO)
def test_ten_training_steps_are_the_same(seed):
    model = network(seed)
    net = nd.interop.torch.to_torch(model)
    trainer = nd.Trainer(model, "mean_squared_error", nd.optimizers.SGD(RATE))
    optimizer = torch.optim.SGD(net.parameters(), RATE)
    before = flat(model)
    for step in range(10):
        x, y = data(100 * seed + step)
        ours = trainer.step(x, y)
        optimizer.zero_grad()
        loss = nn.MSELoss()(net(torch.tensor(x)), torch.tensor(y))
        loss.backward()
        optimizer.step()
        assert abs(ours - loss.item()) <= CLOSE
    after = flat(model)
    assert gap(after, flat(net)) <= CLOSE
    for name, theirs in flat(net).items():    # the unbiased variance: its changes are n/(n − 1) times as large
        if "running_var" in name:
            momentum = 1 - net.get_submodule(name.rpartition(".")[0]).momentum
            kept = momentum**10 * before[name]
            assert np.abs(kept + (after[name] - kept) * ROWS / (ROWS - 1) - theirs).max() <= CLOSE


@needs_it
@pytest.mark.parametrize("seed", ZOO)
def test_there_and_back_every_bit_is_the_same(seed):
    model = network(seed, "float32" if seed % 2 else "float64", dropout=True)
    net = nd.interop.torch.to_torch(model)
    back = nd.interop.torch.from_torch(net, 5)
    assert back.dtype == model.dtype
    assert list(back.state_dict()) == list(model.state_dict())
    assert all(np.array_equal(a, b) for a, b in zip(back.state_dict().values(), model.state_dict().values(), strict=True))
    assert str(back.summary()) == str(model.summary())
    assert np.array_equal(back.predict(data(seed)[0]), model.predict(data(seed)[0]))
    same = nd.interop.torch.to_torch(back)
    assert repr(same) == repr(net)


@needs_it
@pytest.mark.parametrize("seed", ZOO[:20])
def test_the_code_makes_the_same_network(seed):
    model = network(seed, dropout=True)
    names = {}
    exec(nd.interop.torch.torch_source(model), names)
    net = names["net"]
    net.load_state_dict(nd.interop.torch.to_torch(model).state_dict())
    x = data(seed)[0]
    assert np.abs(net.eval()(torch.tensor(x)).detach().numpy() - model.predict(x)).max() <= CLOSE


@needs_it
def test_the_copies_are_independent():
    model = network(3)
    net = nd.interop.torch.to_torch(model)
    before = model.arena.values.copy()
    with torch.no_grad():
        for tensor in net.parameters():
            tensor += 1
    assert np.array_equal(model.arena.values, before)
    back = nd.interop.torch.from_torch(net, 5)
    kept = back.arena.values.copy()
    with torch.no_grad():
        for tensor in net.parameters():
            tensor += 1
    assert np.array_equal(back.arena.values, kept)


@needs_it
def test_pytorchs_generator_is_left_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    nd.interop.torch.from_torch(nd.interop.torch.to_torch(network(3, dropout=True)), 5)
    assert torch.equal(torch.get_rng_state(), before)


@needs_it
def test_a_network_with_blocks_can_be_pickled():
    net = nd.interop.torch.to_torch(nd.Sequential([nd.Residual([nd.Dense(3)])], 3, seed=0))
    x = torch.ones(2, 3)
    assert torch.equal(pickle.loads(pickle.dumps(net))(x), net(x))


# ── single parts ──────────────────────────────────────────────────────────────────────────────────────────────────────
@needs_it
@pytest.mark.parametrize("name", [ours for ours, *_ in ACTIVATIONS])
def test_every_activation_of_the_table_with_its_parameters(name):
    model = nd.Sequential([activation(name)], 4, dtype="float64")
    net = nd.interop.torch.to_torch(model)
    x = np.random.default_rng(0).normal(size=(200, 4)) * 10
    theirs = torch.tensor(x, requires_grad=True)
    weight = np.random.default_rng(1).uniform(-1, 1, x.shape)
    (net(theirs) * torch.tensor(weight)).sum().backward()
    assert np.abs(net(theirs).detach().numpy() - model.forward(x, training=True)).max() <= CLOSE
    assert np.abs(model.backward(weight, input_gradient=True) - theirs.grad.numpy()).max() <= CLOSE
    back = nd.interop.torch.from_torch(net, 4).layers[0]
    assert back.activation == name
    assert back.values == model.layers[0].values


@needs_it
def test_the_zoo_has_parameters_off_their_defaults():
    for name, given in PARAMETERS.items():
        defaults = nd.activations.RULES[name].parameters
        assert all(defaults[p] != value for p, value in given.items())


@needs_it
@pytest.mark.parametrize("layer", [nd.RReLU(0.1, 0.4), nd.AlphaDropout(0.2), nd.Dropout(0.7)], ids=lambda m: type(m).__name__)
def test_layers_with_noise_keep_their_arguments(layer):
    arguments = layer.arguments()
    model = nd.Sequential([layer], 4, dtype="float64")
    net = nd.interop.torch.to_torch(model)
    x = np.random.default_rng(0).normal(size=(9, 4))
    assert np.abs(net.eval()(torch.tensor(x)).numpy() - model.predict(x)).max() <= CLOSE
    back = nd.interop.torch.from_torch(net, 4).layers[0].arguments()
    assert {**back, "name": None} == {**arguments, "name": None}


@needs_it
def test_a_network_of_pytorch_as_one_writes_it():
    torch.manual_seed(0)
    body = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8, momentum=0.3), nn.ReLU(inplace=True), nn.Dropout())
    net = nn.Sequential(nn.Flatten(), body, nn.Sequential(nn.Linear(8, 8, bias=False), nn.PReLU(8)), nn.Linear(8, 2)).double()
    net.requires_grad_(True)[3].bias.requires_grad = False
    x = torch.randn(20, 6, dtype=torch.float64)
    net(x)
    model = nd.interop.torch.from_torch(net, 6)
    assert model.layers[1].momentum == 0.7
    assert [p.name for p in model.parameters if p.has_grad and not p.trainable] == ["dense_2/bias"]
    assert np.abs(model.predict(x.numpy()) - net.eval()(x).detach().numpy()).max() <= CLOSE


@needs_it
def test_names_go_over_and_those_that_pytorch_reserves_are_changed():
    names = ["hidden.1", "train", "outputs"]
    net = nd.interop.torch.to_torch(nd.Sequential([nd.Dense(2, name=name) for name in names], 2))
    assert list(dict(net.named_children())) == ["hidden_1", "train_", "outputs"]
    assert set(RESERVED) >= {name for name in dir(nn.Sequential) if not name.startswith("_")}
    assert [layer.name for layer in nd.interop.torch.from_torch(net, 2).layers] == ["hidden_1", "train_", "outputs"]


@needs_it
def test_frozen_batch_normalization_stays_frozen():
    model = nd.Sequential([nd.BatchNormalization(name="bn"), nd.Dense(3)], 5, seed=0, dtype="float64")
    model.freeze("bn")
    net = nd.interop.torch.to_torch(model)
    x = data(0)[0]
    assert np.abs(net(torch.tensor(x)).detach().numpy() - model.forward(x, training=True)).max() <= CLOSE
    back = nd.interop.torch.from_torch(net, 5)
    assert back.frozen() == model.frozen()


@needs_it
def test_a_prelu_with_one_slope_is_taken_when_asked_for():
    net = nn.Sequential(nn.Linear(4, 3), nn.PReLU()).double()
    with pytest.raises(ValueError, match=r"module '1' is a PReLU with one slope for all 3 units.*expand_prelu=True"):
        nd.interop.torch.from_torch(net, 4)
    model = nd.interop.torch.from_torch(net, 4, expand_prelu=True)
    x = np.random.default_rng(0).normal(size=(9, 4))
    assert np.abs(model.predict(x) - net(torch.tensor(x)).detach().numpy()).max() <= CLOSE
    assert nd.interop.torch.from_torch(nn.Sequential(nn.Linear(4, 1), nn.PReLU()), 4).output_size == 1


# ── what is refused ───────────────────────────────────────────────────────────────────────────────────────────────────
def hooked():
    net = nn.Sequential(nn.Linear(4, 3))
    net[0].register_forward_hook(lambda *_: None)
    return net


def tied():
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    net[1].weight = net[0].weight
    return net


def twice():
    layer = nn.Linear(4, 4)
    return nn.Sequential(layer, nn.ReLU(), layer)


@needs_it
@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: nn.Sequential(nn.Conv2d(1, 1, 3)), "module '0' is a Conv2d which npdeep does not have"),
        (lambda: nn.Sequential(nn.Sequential(nn.Hardtanh(), nn.Bilinear(2, 2, 2))), "module '0.1' is a Bilinear"),
        (lambda: nn.Sequential(type("Linear", (nn.Linear,), {})(4, 3)), "module '0' is a Linear which npdeep does not have"),
        (lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 3))), "ParametrizedLinear"),
        (lambda: nn.Sequential(nn.BatchNorm1d(4, track_running_stats=False)), "BatchNorm1d with track_running_stats=False"),
        (lambda: nn.Sequential(nn.BatchNorm1d(4, momentum=None)), "momentum=None"),
        (lambda: nn.Sequential(nn.LayerNorm((2, 2))), "over 2 axes"),
        (lambda: nn.Sequential(nn.Softmax(dim=0)), "along dim=0"),
        (lambda: nn.Sequential(nn.Softplus(threshold=5)), "threshold=5"),
        (lambda: nn.Sequential(nn.LeakyReLU(-1.0)), "'0' is a LeakyReLU that cannot be: .*negative_slope"),
        (lambda: nn.Sequential(nn.Dropout(1.0)), "'0' is a Dropout that cannot be: .*rate"),
        (lambda: nn.Sequential(nn.Linear(7, 3)), "'0' is a Linear for 7 inputs, but 4 reach it"),
        (lambda: nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(5, affine=False)), "'1' is a BatchNorm1d for 5 inputs, but 3"),
        (lambda: nn.Sequential(nn.PReLU(3)), "3 slopes, but 4 units"),
        (lambda: nn.Sequential(nn.Linear(4, 3)).half(), r"float16; make it float32 with net\.float"),
        (lambda: nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2).double()), "float32 and float64"),
        (hooked, "'0' is a Linear with hooks"),
        (tied, "'1' is a Linear whose weight is that of '0.weight' too"),
        (twice, "'2' is a Linear whose weight is that of '0.weight' too"),
    ],
)
def test_what_npdeep_does_not_have_is_refused_by_name(make, says):
    with pytest.raises(ValueError, match=f"from_torch: .*{says}"):
        nd.interop.torch.from_torch(make(), 4)


REFUSED = [
    (lambda: nd.Maxout(3), "'maxout' is a Maxout"),
    (lambda: nd.GaussianNoise(), "GaussianNoise"),
    (lambda: nd.GaussianDropout(), "GaussianDropout"),
    (lambda: nd.Activation("sparsemax"), "'activation' is the activation sparsemax"),
    (lambda: nd.Activation("silu", beta=2.0), "silu with beta=2, and PyTorch's SiLU has it at 1"),
    (lambda: nd.Activation("hard_tanh", slope=2.0), "hard_tanh with slope=2"),
    (lambda: nd.BatchNormalization(scale=False), "learns only beta"),
    (lambda: nd.LayerNormalization(scale=False), "learns only beta"),
    (lambda: nd.Residual([nd.Maxout(4)], name="block"), "'block/maxout'"),
    (lambda: nd.Activation(nd.activations.Rule("bent", lambda z, a: z, lambda z, a, da, dz: da)), "activation bent"),
]


@pytest.mark.parametrize(("make", "says"), REFUSED)
@pytest.mark.parametrize("function", ["to_torch", "torch_source"])
def test_what_pytorch_does_not_have_is_refused_by_name(make, says, function):
    with pytest.raises(ValueError, match=f"{function}: .*{says}"):
        getattr(nd.interop.torch, function)(nd.Sequential([make()], 4))


@needs_it
def test_other_arguments_are_refused():
    with pytest.raises(TypeError, match=r"from_torch: net must be a torch\.nn\.Module, got 3"):
        nd.interop.torch.from_torch(3, 4)
    with pytest.raises(TypeError, match=r"to_torch: model must be a Sequential of npdeep"):
        nd.interop.torch.to_torch(nn.Linear(2, 2))


def test_a_missing_library_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(ImportError, match=r"to_torch needs torch: python -m pip install 'npdeep\[torch\]'"):
        nd.interop.torch.to_torch(network(0))
    assert "nn.Sequential" in nd.interop.torch.torch_source(network(0))
