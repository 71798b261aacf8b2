"""NumPy: the article's neuron, and networks of dense layers written out by hand."""

import numpy as np

import peer


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def neuron(options):
    """The article's program: all examples at once, no learning rate, no bias."""
    table = peer.documents.read(options.data)
    inputs, targets = table["input"].array(), table["target"].array().reshape(-1, 1)
    weight = peer.documents.read(options.model)["dense1.weight"].array().T.copy()
    start = peer.now()
    for _ in range(options.steps):
        output = sigmoid(inputs @ weight)
        weight += inputs.T @ ((targets - output) * output * (1 - output))
    peer.answer(seconds=peer.now() - start, weight=weight.ravel().tolist())


def softmax(x):
    x = np.exp(x - x.max(axis=1, keepdims=True))
    return x / x.sum(axis=1, keepdims=True)


def forward(net, model, x):
    """The output of every layer, the input first."""
    signals = [x.reshape(len(x), -1)]
    for layer in net.learning():
        if layer.kind != "dense":
            raise SystemExit(f"numpy_peer.py: no layer '{layer.kind}' here")
        x = signals[-1] @ model[f"{layer.name}.weight"].T + model[f"{layer.name}.bias"]
        signals.append(softmax(x) if layer.activation == "softmax" else np.maximum(x, 0))
    return signals


def correct(net, model, x, classes, rate):
    """A step of training, in place."""
    signals = forward(net, model, x)
    delta = signals[-1].copy()
    delta[np.arange(len(x)), classes] -= 1
    delta /= len(x)
    for layer, signal in reversed(list(zip(net.learning(), signals))):
        weight = model[f"{layer.name}.weight"]
        before = (delta @ weight) * (signal > 0)
        weight -= rate * (delta.T @ signal)
        model[f"{layer.name}.bias"] -= rate * delta.sum(axis=0)
        delta = before


def train(options):
    net = peer.network(options.net)
    dtype = np.dtype("float64" if options.f64 else "float32")
    start = peer.documents.read(options.model)
    model = {name: tensor.array().astype(dtype) for name, tensor in start.items()}
    pictures, classes = peer.dataset(options.data, net)
    inputs = peer.prepared(pictures, net, dtype)
    rate = dtype.type(options.rate)
    steps = peer.batches(options.order, options.size, options.steps)
    start = peer.now()
    for step, rows in enumerate(steps):
        if step == 1:
            start = peer.now()
        correct(net, model, inputs[rows], classes[rows], rate)
    seconds = peer.now() - start
    loss = None
    if options.evaluate:
        pictures, classes = peer.dataset(options.evaluate, net)
        output = forward(net, model, peer.prepared(pictures, net, dtype))[-1].astype("float64")
        loss = -np.log(output[np.arange(len(output)), classes]).mean()
    peer.answer(seconds=seconds, steps=len(steps) - 1, loss=loss)


def peak(options):
    """Operations a second of one core in large products of matrices, by NumPy's BLAS."""
    matrix = np.ones((1536, 1536), "float32")
    best = 0
    for _ in range(5):
        start = peer.now()
        matrix @ matrix
        best = max(best, 2 * 1536**3 / (peer.now() - start))
    peer.answer(operations=best)


def load(options):
    """A compressed dataset, by Python's gzip."""
    start = peer.now()
    peer.documents.read(options.data)["input"].array()
    peer.answer(seconds=peer.now() - start)


def main():
    tasks = {"neuron": neuron, "train": train, "peak": peak, "load": load}
    options = peer.arguments(*tasks)
    tasks[options.task](options)


main()
