"""scikit-learn: MLPClassifier, which draws weights and order itself."""

import warnings

import peer

options = peer.arguments("train")

from sklearn.exceptions import ConvergenceWarning  # noqa: E402
from sklearn.neural_network import MLPClassifier  # noqa: E402

warnings.simplefilter("ignore", ConvergenceWarning)
net = peer.network(options.net)
pictures, classes = peer.dataset(options.data, net)
inputs = peer.prepared(pictures, net).reshape(len(pictures), -1)
steps_an_epoch = -(-len(inputs) // options.size)
epochs = max(1, options.steps // steps_an_epoch)
classifier = MLPClassifier(
    [int(layer.words[0]) for layer in net.learning()[:-1]],
    solver="sgd",
    alpha=0,
    batch_size=min(options.size, len(inputs)),
    learning_rate_init=options.rate,
    momentum=0,
    max_iter=epochs,
    tol=0,
    n_iter_no_change=epochs,
)
start = peer.now()
classifier.fit(inputs, classes)
peer.answer(seconds=peer.now() - start, steps=epochs * steps_an_epoch)
