"""The work that is measured: how each program is called, and what of its time counts."""

import json
import argparse
import os
import random
import struct
import subprocess

import documents
import measure

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
SEED = "1"
# The peers and their modules; the program of each is MODULE_peer.py.
PEERS = {
    "PyTorch": "torch",
    "JAX": "jax",
    "scikit-learn": "sklearn",
    "ONNX Runtime": "onnxruntime",
    "NumPy": "numpy",
}


def arguments(usage, folder):
    """A parser of what all benchmarks are told: on what to measure, and where the results go."""
    parser = argparse.ArgumentParser(usage=usage)
    parser.add_argument("--train")
    parser.add_argument("--test")
    parser.add_argument("--folder", default=folder)
    return parser


def net(name):
    """The topology file of a network: one of the benchmarks, or of a recipe."""
    own = f"{HERE}/{name}.net"
    return own if os.path.exists(own) else f"{ROOT}/pipelines/nets/{name}.net"


class Work:
    """Datasets, start models and orders in a folder, and the calls that take them."""

    def __init__(self, folder, binaries, python, threads):
        self.folder, self.bin, self.python, self.threads = folder, binaries, python, threads
        os.makedirs(folder, exist_ok=True)

    def path(self, name):
        return f"{self.folder}/{name}"

    def tool(self, name, *arguments):
        measure.run([f"{self.bin}/{name}", *arguments])

    # What is worked on

    def data(self, train, test, rows):
        """Takes the datasets, or makes some up, and cuts them to so many rows."""
        if train:
            sets = documents.read(train), documents.read(test)
        else:
            sets = made_up(rows or 60000), made_up(min(rows or 10000, 10000))
        rows = min(rows or len(sets[0]["target"].data), sets[0]["input"].shape[0])
        self.rows, self.tests = rows, min(rows, sets[1]["input"].shape[0])
        self.compressed = train if train and rows == sets[0]["input"].shape[0] else None
        self.part("train", sets[0], rows)
        self.part("test", sets[1], self.tests)
        self.part("one", sets[1], 1)
        if not self.compressed:
            self.compressed = self.path("train.safetensors.gz")
            plain = self.path("train.safetensors")
            with open(self.compressed, "wb") as file:
                subprocess.run(["gzip", "-4nc", plain], stdout=file, check=True)

    def part(self, name, tensors, rows):
        part = {key: tensors[key].rows(rows) for key in ("input", "target")}
        documents.write(self.path(f"{name}.safetensors"), part)
        return self.path(f"{name}.safetensors")

    def examples(self, rows):
        """The first rows of the training data as a file."""
        if rows == self.rows:
            return self.path("train.safetensors")
        return self.part(f"train-{rows}", documents.read(self.path("train.safetensors")), rows)

    def start(self, topology):
        """The start model of a network."""
        name = os.path.basename(topology).removesuffix(".net")
        path = self.path(f"{name}.start.safetensors")
        self.tool("nn-init", topology, "--seed", SEED, "-o", path)
        return path

    def widened(self, topology, start):
        """The same start model in F64."""
        tensors = documents.read(start)
        for name, tensor in tensors.items():
            values = tensor.numbers()
            data = struct.pack(f"<{len(values)}d", *values)
            tensors[name] = documents.Tensor("F64", tensor.shape, data)
        weights, path = self.path("weights.safetensors"), self.path("wide.safetensors")
        documents.write(weights, tensors)
        self.tool("nn-init", topology, "--dtype", "f64", "--weights", weights, "-o", path)
        return path

    def order(self, rows, size, epochs):
        """The rows of the data as nn-batch hands them out, as a file: order [E, N]."""
        path = self.path(f"order-{rows}-{size}-{epochs}.safetensors")
        if not os.path.exists(path):
            batches = self.path("batches.safetensors")
            command = [self.examples(rows), "--size", str(size), "--seed", SEED]
            self.tool("nn-batch", *command, "--epochs", str(epochs), "-o", batches)
            with open(batches, "rb") as file:
                batches = [tensors["index"] for _, tensors in documents.documents(file) if tensors]
            os.remove(file.name)
            data = b"".join(tensor.data for tensor in batches)
            documents.write(path, {"order": documents.Tensor("I64", [epochs, rows], data)})
        return path

    # How it is done

    def fused(self, training, steps, memory=False):
        """Seconds of a whole nn-train over so many steps, and its memory."""
        command = [f"{self.bin}/nn-train", training.data, "-m", training.model]
        command += ["--size", str(training.size), "--seed", SEED, "--rate", training.rate]
        command += ["--epochs", str(training.epochs(steps)), "--limit", str(steps)]
        command += ["-j", str(training.threads), *training.options]
        return measure.run([*command, "-o", self.path("trained.safetensors")], memory=memory)

    def ring(self, training, steps, memory=False):
        """The same by the ring of four programs."""
        command = [f"{ROOT}/pipelines/scripts/epoch.sh", "--engine", "ring", "-m", training.model]
        command += ["--epoch", "1", "--epochs", str(training.epochs(steps)), "--limit", str(steps)]
        command += ["--size", str(training.size), "--seed", SEED, "--rate", training.rate]
        command += ["-j", str(training.threads), *training.options]
        command += ["-o", self.path("trained.safetensors"), training.data]
        return measure.run(command, {"NN_BIN": self.bin}, memory)

    def peer(self, name, *arguments, threads=None, memory=False):
        """What a peer answers, and seconds and memory of the process: `whole`, `memory`."""
        threads = str(threads or self.threads)
        command = [self.python, f"{HERE}/{PEERS[name]}_peer.py", *arguments, "--threads", threads]
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        outcome = measure.run(command, dict.fromkeys(names, threads), memory)
        answer = json.loads(outcome.output.splitlines()[-1])
        return answer | {"whole": outcome.seconds, "memory": outcome.memory}

    def train_peer(self, name, training, steps, *arguments, memory=False):
        command = ["train", "--net", training.topology, "--data", training.data]
        command += ["--model", training.model, "--rate", training.rate]
        command += ["--size", str(training.size), "--steps", str(steps)]
        command += ["--order", self.order(training.rows, training.size, training.epochs(steps))]
        return self.peer(name, *command, *arguments, threads=training.threads, memory=memory)


class Training:
    """A network, data and settings to train it with."""

    def __init__(self, work, network, size=64, rows=None, rate="0.05", threads=None):
        self.topology = network if os.path.exists(network) else net(network)
        self.rows, self.size, self.rate = rows or work.rows, size, rate
        self.model, self.data = work.start(self.topology), work.examples(self.rows)
        self.threads, self.options = threads or work.threads, []
        self.steps_an_epoch = -(-self.rows // size)

    def epochs(self, steps):
        return -(-steps // self.steps_an_epoch)


class Neuron:
    """The article's neuron, all four examples in every step."""

    def __init__(self, work):
        article = f"{ROOT}/data/article"
        self.data, self.model = work.path("table.safetensors"), work.path("neuron.safetensors")
        weights = work.path("weights.safetensors")
        table, drawn = f"{article}/table.csv", f"{article}/weights.csv"
        work.tool("nn-import", table, "--target-columns", "output", "-o", self.data)
        work.tool("nn-import", drawn, "--tensor", "dense1.weight", "-o", weights)
        network = f"{ROOT}/pipelines/nets/article.net"
        work.tool("nn-init", network, "--dtype", "f64", "--weights", weights, "-o", self.model)
        self.size, self.rate, self.threads = "all", "1", 1
        self.options = ["--reduce", "sum", "--no-shuffle"]
        self.steps_an_epoch = 1

    def epochs(self, steps):
        return steps


def made_up(rows):
    """A dataset of the shape of Fashion-MNIST: half of every picture is its class's, half is noise."""
    source = random.Random(1)
    patterns = [source.randbytes(392) for _ in range(10)]
    classes = bytes(source.randrange(10) for _ in range(rows))
    pictures = b"".join(patterns[number] + source.randbytes(392) for number in classes)
    return {
        "input": documents.Tensor("U8", [rows, 28, 28], pictures),
        "target": documents.Tensor("U8", [rows], classes),
    }
