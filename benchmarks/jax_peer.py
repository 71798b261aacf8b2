"""JAX on the CPU: the batches of an epoch as one compiled lax.scan."""

import peer

options = peer.arguments("train")

import jax  # noqa: E402
import numpy  # noqa: E402
from jax import lax, nn  # noqa: E402
from jax import numpy as jnp  # noqa: E402

jax.config.update("jax_enable_x64", options.f64)
DTYPE = "float64" if options.f64 else "float32"


def apply(layer, parameters, x):
    """What a layer makes of a batch."""
    if layer.kind == "conv":
        pad = layer.number("pad")
        weight, bias = parameters[f"{layer.name}.weight"], parameters[f"{layer.name}.bias"]
        x = lax.conv_general_dilated(x, weight, (1, 1), [(pad, pad)] * 2) + bias[:, None, None]
    elif layer.kind == "dense":
        x = x.reshape(len(x), -1) @ parameters[f"{layer.name}.weight"].T
        x += parameters[f"{layer.name}.bias"]
    elif layer.kind == "maxpool":
        window = (1, 1, *layer.window())
        x = lax.reduce_window(x, -jnp.inf, lax.max, window, window, "VALID")
    else:
        raise SystemExit(f"jax_peer.py: no layer '{layer.kind}' here")
    return nn.relu(x) if layer.activation == "relu" else x


def mean_loss(parameters, net, x, classes):
    for layer in net.learning():
        x = apply(layer, parameters, x)
    return -jnp.take_along_axis(nn.log_softmax(x), classes[:, None], axis=1).mean()


def trainer(net):
    @jax.jit
    def train(parameters, inputs, targets, rows):
        def step(parameters, rows):
            gradient = jax.grad(mean_loss)(parameters, net, inputs[rows], targets[rows])
            rate = options.rate
            return jax.tree.map(lambda value, by: value - rate * by, parameters, gradient), None

        return lax.scan(step, parameters, rows)[0]

    return train


def blocks(steps):
    """Batches in a row that have one size, each row of blocks one matrix of rows."""
    result = []
    for rows in steps:
        if result and len(result[-1][0]) == len(rows):
            result[-1].append(rows)
        else:
            result.append([rows])
    return [jnp.asarray(numpy.stack(block)) for block in result]


def train():
    net = peer.network(options.net)
    parameters = {
        name: jnp.asarray(tensor.array(), DTYPE)
        for name, tensor in peer.documents.read(options.model).items()
    }
    pictures, classes = peer.dataset(options.data, net)
    inputs, targets = jnp.asarray(peer.prepared(pictures, net, DTYPE)), jnp.asarray(classes)
    steps = peer.batches(options.order, options.size, options.steps)
    run = trainer(net)
    matrices = blocks(steps)
    compiled = {
        rows.shape: run.lower(parameters, inputs, targets, rows).compile() for rows in matrices
    }
    jax.block_until_ready((inputs, targets, matrices))
    start = peer.now()
    for rows in matrices:
        parameters = compiled[rows.shape](parameters, inputs, targets, rows)
    jax.block_until_ready(parameters)
    seconds = peer.now() - start
    loss = None
    if options.evaluate:
        pictures, classes = peer.dataset(options.evaluate, net)
        inputs = jnp.asarray(peer.prepared(pictures, net, DTYPE))
        loss = float(mean_loss(parameters, net, inputs, jnp.asarray(classes)))
    peer.answer(seconds=seconds, steps=len(steps), loss=loss)


train()
