"""PyTorch on the CPU: the network as nn.Sequential, batches by index_select from tensors in memory."""

import peer
import topology

options = peer.arguments("train", "forward", "neuron")

import torch  # noqa: E402 (after the options, so that --help is quick)
from torch import nn  # noqa: E402

torch.set_num_threads(options.threads)
DTYPE = "float64" if options.f64 else "float32"
torch.set_default_dtype(getattr(torch, DTYPE))


class LastState(nn.Module):
    """A recurrent layer over the rows of images [N, 1, T, F]: the state after the last step."""

    def __init__(self, kind, units, features):
        super().__init__()
        layer = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[kind]
        self.layer = layer(features, units, batch_first=True)

    def forward(self, images):
        return self.layer(images.squeeze(1))[0][:, -1]


def modules(layer, weight):
    """The modules of a layer, its parameters taken from the model."""
    result = []
    if layer.kind == "conv":
        result.append(
            nn.Conv2d(
                weight.shape[1],
                weight.shape[0],
                layer.window(),
                padding=layer.number("pad"),
                bias=layer.options.get("bias") != "no",
            )
        )
    elif layer.kind == "dense":
        result += [nn.Flatten(), nn.Linear(weight.shape[1], weight.shape[0])]
    elif layer.kind == "batchnorm":
        result.append(nn.BatchNorm2d(len(weight)))
    elif layer.kind == "maxpool":
        result.append(nn.MaxPool2d(layer.window()))
    elif layer.kind == "global-avgpool":
        result.append(nn.AdaptiveAvgPool2d(1))
    elif layer.kind == "dropout":
        result.append(nn.Dropout(float(layer.words[0])))
    elif layer.kind in topology.RECURRENT:
        result.append(LastState(layer.kind, int(layer.words[0]), weight.shape[1]))
    else:
        raise SystemExit(f"torch_peer.py: no layer '{layer.kind}' here")
    if layer.activation == "relu":
        result.append(nn.ReLU())
    return result  # softmax is part of the loss


def sequential(net):
    parameters = peer.documents.read(options.model)
    result = []
    for layer in net.learning():
        name = "weight_ih" if layer.kind in topology.RECURRENT else "weight"
        weight = parameters.get(f"{layer.name}.{name}")
        new = modules(layer, weight.array() if weight else None)
        for module in new:
            with torch.no_grad():
                for name, value in (*module.named_parameters(), *module.named_buffers()):
                    name = f"{layer.name}.{name.removeprefix('layer.').removesuffix('_l0')}"
                    if name in parameters:
                        value.copy_(torch.tensor(parameters[name].array()))
        result += new
    return nn.Sequential(*result)


def tensors(path, net):
    inputs, targets = peer.dataset(path, net)
    if not options.bytes:
        inputs = peer.prepared(inputs, net, DTYPE)
    return torch.from_numpy(inputs.copy() if options.bytes else inputs), torch.from_numpy(targets)


def train():
    net = peer.network(options.net)
    model = sequential(net)
    loss = nn.CrossEntropyLoss(label_smoothing=net.smoothing)
    rule = torch.optim.SGD(model.parameters(), lr=options.rate)
    inputs, targets = tensors(options.data, net)
    factor, offset = net.preparing()
    steps = peer.batches(options.order, options.size, options.steps)
    steps = [torch.tensor(rows) for rows in steps]
    losses = []
    start = peer.now()
    for step, rows in enumerate(steps):
        if step == 1:
            start = peer.now()
        batch = inputs.index_select(0, rows)
        if options.bytes:
            batch = batch.to(torch.get_default_dtype()) * factor + offset
        value = loss(model(batch), targets.index_select(0, rows))
        rule.zero_grad()
        value.backward()
        rule.step()
        if options.evaluate:
            losses.append(value.item() * len(rows))
    seconds = peer.now() - start
    mean = sum(losses) / sum(map(len, steps)) if losses else None
    peer.answer(seconds=seconds, steps=len(steps) - 1, loss=evaluate(model, net), epoch_loss=mean)


def evaluate(model, net):
    """The mean loss on other data."""
    if not options.evaluate:
        return None
    inputs, targets = peer.dataset(options.evaluate, net)
    model.eval()
    with torch.inference_mode():
        outputs = model(torch.from_numpy(peer.prepared(inputs, net, DTYPE)))
        losses = nn.functional.cross_entropy(outputs, torch.from_numpy(targets), reduction="none")
    return losses.double().mean().item()


def forward():
    """All examples once, by the size of batch that is best here."""
    net = peer.network(options.net)
    model = sequential(net).eval()
    inputs, _ = tensors(options.data, net)
    best = None
    with torch.inference_mode():
        for size in (64, 256, 1000, 10000):
            model(inputs[:size])
            start = peer.now()
            for batch in inputs.split(size):
                torch.softmax(model(batch), dim=1)
            seconds = peer.now() - start
            best = min(best or seconds, seconds)
    peer.answer(seconds=best)


def neuron():
    """The article's neuron, for the time that it takes to start."""
    table = torch.tensor([[0, 0, 1], [1, 1, 1], [1, 0, 1], [0, 1, 1]], dtype=torch.float64)
    wanted = torch.tensor([[0.0], [1], [1], [0]], dtype=torch.float64)
    weight = torch.zeros(3, 1, dtype=torch.float64, requires_grad=True)
    for _ in range(options.steps):
        ((torch.sigmoid(table @ weight) - wanted) ** 2).sum().div(2).backward()
        with torch.no_grad():
            weight -= weight.grad
        weight.grad = None
    peer.answer()


{"train": train, "forward": forward, "neuron": neuron}[options.task]()
