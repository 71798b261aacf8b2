"""As much of the topology files (docs/TOPOLOGY.md) as the benchmarks' networks use."""

import math
from dataclasses import dataclass
from fractions import Fraction

ACTIVATIONS = ("relu", "softmax", "sigmoid")
# The recurrent layers, and how many gates each has.
RECURRENT = {"rnn": 1, "gru": 3, "lstm": 4}
# The kinds before all layers with parameters that only prepare the input.
PREPARING = ("scale", "normalize")


@dataclass
class Layer:
    kind: str
    name: str
    words: list
    options: dict
    activation: str

    def number(self, option, default=0):
        return int(self.options.get(option, default))

    def window(self):
        """Height and width of a convolution's or a pool's window."""
        return tuple(int(extent) for extent in self.words[-1].split("x"))

    def factor_and_offset(self):
        """What a preparing layer does: input · factor + offset."""
        if self.kind == "scale":
            return float(Fraction(self.words[0])), float(self.options.get("offset", 0))
        deviation = float(self.options["std"])
        return 1 / deviation, -float(self.options["mean"]) / deviation


@dataclass
class Network:
    shape: tuple
    layers: list
    loss: str
    smoothing: float

    def preparing(self):
        """Factor and offset of all preparing layers together."""
        factor, offset = 1.0, 0.0
        for layer in self.layers:
            if layer.kind in PREPARING:
                by, to = layer.factor_and_offset()
                factor, offset = factor * by, offset * by + to
        return factor, offset

    def learning(self):
        """The other layers."""
        return [layer for layer in self.layers if layer.kind not in PREPARING]

    def operations(self):
        """Floating-point operations of the products for one example: forward, and a step of training.

        A step takes each layer's product three times, the first one's twice: no one needs the
        derivative by the input.
        """
        channels, height, width = self.shape
        products = []
        for layer in self.learning():
            if layer.kind == "conv":
                outputs, (rows, columns) = int(layer.words[0]), layer.window()
                height += 2 * layer.number("pad") - rows + 1
                width += 2 * layer.number("pad") - columns + 1
                products.append(2 * channels * rows * columns * outputs * height * width)
                channels = outputs
            elif layer.kind == "maxpool":
                height, width = (n // by for n, by in zip((height, width), layer.window()))
            elif layer.kind == "global-avgpool":
                height = width = 1
            elif layer.kind == "dense":
                outputs = int(layer.words[0])
                products.append(2 * channels * height * width * outputs)
                channels, height, width = outputs, 1, 1
            elif layer.kind in RECURRENT:
                units = int(layer.words[0])
                outputs = RECURRENT[layer.kind] * units
                products += [2 * height * outputs * count for count in (channels * width, units)]
                channels, height, width = units, 1, 1
        return sum(products), 3 * sum(products) - products[0]


def parse(text):
    """The network that a topology file describes."""
    shape, layers, loss, smoothing, count = None, [], None, 0.0, {}
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if not words:
            continue
        kind, *words = words
        options = dict(word.split("=", 1) for word in words if "=" in word)
        words = [word for word in words if "=" not in word]
        if kind == "input":
            shape = tuple(int(extent) for extent in words[0].split("x"))
        elif kind == "loss":
            loss, smoothing = words[0], float(options.get("smoothing", 0))
        else:
            count[kind] = count.get(kind, 0) + 1
            activation = words.pop() if words and words[-1] in ACTIVATIONS else "identity"
            layers.append(Layer(kind, f"{kind}{count[kind]}", words, options, activation))
    return Network(shape, layers, loss, smoothing)
