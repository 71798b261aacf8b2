"""The rows of the table and of the sweeps: which work, by which programs."""

from collections.abc import Callable
from dataclasses import dataclass

import measure
import topology
from work import Neuron, Training, net

# The project's own programs in the columns of the tables.
FUSED, RING = "nn-train", "ring"
OWN = (FUSED, RING)


@dataclass
class Row:
    key: str
    work: str
    # By program: a call that measures once and gives its figures, `value` first of all.
    programs: dict[str, Callable[[], dict]]
    unit: str = "s"
    # The program that the ratios are taken of.
    reference: str = "PyTorch"
    # The group of rows that make a table.
    table: str = "table"
    # Floating-point operations of the products in it.
    operations: float = 0


def training(
    work,
    key,
    title,
    steps=None,
    epochs=1,
    network=None,
    others=(),
    table="table",
    memory=False,
    **settings,
):
    """Seconds of an epoch, from so many epochs or the first steps of them.

    Of nn-train and the ring: a run of all steps less a run of one, so that starting, loading, hashing and writing are
    not in it. Of peers: what they measure inside.
    """
    job = Training(work, network or key, **settings)
    steps = min(steps or epochs * job.steps_an_epoch, epochs * job.steps_an_epoch)

    def own(run):
        def once():
            whole = run(job, steps, memory)
            seconds = max(whole.seconds - run(job, 1).seconds, 0) / (steps - 1)
            return figures(seconds, whole.seconds, whole.memory)

        return once

    def peer(name, steps):
        def once():
            extra = ["--bytes"] if memory and name == "PyTorch" else []
            answer = work.train_peer(name, job, steps, *extra, memory=memory)
            return figures(answer["seconds"] / answer["steps"], answer["whole"], answer["memory"])

        return once

    def figures(seconds, whole, memory):
        return {"value": seconds * job.steps_an_epoch, "whole": whole, "memory": memory}

    programs = {FUSED: own(work.fused)}
    if table == "table":
        programs[RING] = own(work.ring)
    programs["PyTorch"] = peer("PyTorch", steps)
    for name, limit in others:
        programs[name] = peer(name, min(limit or steps, steps))
    with open(job.topology, encoding="utf-8") as file:
        operations = topology.parse(file.read()).operations()[1] * job.rows
    return Row(key, title, programs, table=table, operations=operations)


def main_rows(work):
    """The rows of the table."""
    yield training(
        work,
        "mlp",
        "MLP 784–128–10, an epoch",
        epochs=3,
        others=[("JAX", None), ("scikit-learn", None), ("NumPy", None)],
    )
    yield training(work, "lenet", "LeNet-5 (6, 16, 120, 84), an epoch", others=[("JAX", 60)])
    yield training(work, "cnn", "CNN conv 32 – conv 64 – dense 128, an epoch", 201)
    yield forward(work)
    yield neuron(work)
    yield memory(work)
    title = "convnet of 81,994 parameters, an epoch, batch 128"
    yield training(work, "convnet", title, 61, size=128)
    for kind in ("lstm", "gru"):
        yield training(work, kind, f"{kind} of 128 units over 28 rows of 28 pixels, an epoch", 101)
    yield loading(work)
    yield start_up(work)


def forward(work):
    """Predictions of the test data: by nn-forward less the same of a single picture."""
    network = net("lenet")
    model = work.start(network)
    test = work.path("test.safetensors")

    def own():
        def wall(name):
            command = [f"{work.bin}/nn-forward", "-m", model, work.path(f"{name}.safetensors")]
            command += ["-j", str(work.threads), "--level", "0", "-o", "/dev/null"]
            return measure.run(command).seconds

        return {"value": max(wall("test") - wall("one"), 0)}

    def peer(name):
        def once():
            answer = work.peer(name, "forward", "--net", network, "--model", model, "--data", test)
            return {"value": answer["seconds"]}

        return once

    programs = {FUSED: own} | {name: peer(name) for name in ("PyTorch", "ONNX Runtime")}
    return Row("forward", f"LeNet-5 forward of {work.tests:,} pictures (`nn-forward`)", programs)


def neuron(work):
    """The article's neuron."""
    job = Neuron(work)
    steps = min(10000, work.rows)

    def own(run, times=1):
        def once():
            seconds = run(job, times * steps).seconds - run(job, 1).seconds
            return {"value": max(seconds, 0) * steps / (times * steps - 1)}

        return once

    def numpy():
        command = ["neuron", "--data", job.data, "--model", job.model, "--steps", str(steps)]
        return {"value": work.peer("NumPy", *command, threads=1)["seconds"]}

    # Of so little, starts that differ by some milliseconds would show more than the steps.
    programs = {FUSED: own(work.fused, 20), RING: own(work.ring), "NumPy": numpy}
    title = f"the article's neuron, {steps:,} full-batch steps"
    return Row("neuron", title, programs, reference="NumPy")


def memory(work):
    """Peak memory of training, from the compressed dataset; PyTorch keeps the pictures as bytes, too."""
    job = Training(work, "lenet")
    plain, job.data = job.data, work.compressed
    steps = min(200, job.steps_an_epoch)

    def peer():
        job.data = plain
        answer = work.train_peer("PyTorch", job, steps, "--bytes", memory=True)
        job.data = work.compressed
        return {"value": answer["memory"]}

    programs = {
        FUSED: lambda: {"value": work.fused(job, steps, memory=True).memory},
        RING: lambda: {"value": work.ring(job, steps, memory=True).memory},
        "PyTorch": peer,
    }
    return Row("memory", "peak memory, LeNet-5 training", programs, unit="MiB")


def loading(work):
    """A compressed dataset into memory, start-up apart."""

    def own():
        def wall(path):
            command = [f"{work.bin}/nn-batch", path, "--limit", "1", "-o", "/dev/null"]
            return measure.run(command).seconds

        return {"value": max(wall(work.compressed) - wall(work.path("one.safetensors")), 0)}

    def numpy():
        return {"value": work.peer("NumPy", "load", "--data", work.compressed)["seconds"]}

    programs = {
        FUSED: own,
        "zcat": lambda: {"value": measure.run(["gzip", "-dc", work.compressed]).seconds},
        "NumPy": numpy,
    }
    title = f"loading {work.rows:,} pictures from .safetensors.gz (`nn-batch`)"
    return Row("loading", title, programs, reference="zcat")


def start_up(work):
    """One step of the article's neuron, as a whole."""
    job = Neuron(work)

    def peer(name, *arguments):
        return lambda: {"value": work.peer(name, "neuron", "--steps", "1", *arguments)["whole"]}

    programs = {
        FUSED: lambda: {"value": work.fused(job, 1).seconds},
        RING: lambda: {"value": work.ring(job, 1).seconds},
        "PyTorch": peer("PyTorch"),
        "NumPy": peer("NumPy", "--data", job.data, "--model", job.model),
    }
    return Row("start", "start-up: one step of the neuron, the whole program", programs)


def sweep_rows(work):
    """How time and memory grow: the MLP's with examples, batch and width, every network's with threads."""

    def row(table, key, title, steps=None, network="mlp", **settings):
        key = f"{table}-{key}"
        return training(
            work, key, title, steps, network=network, table=table, memory=True, **settings
        )

    for rows in sorted({max(work.rows // part, 65) for part in (8, 4, 2, 1)}):
        yield row("examples", rows, f"{rows:,}", rows=rows, rate="0.02")
    for size in (16, 64, 256, 1024):
        if size < work.rows:
            yield row("batch", size, f"{size:,}", size=size, rate="0.02")
    for width in (32, 128, 512, 2048):
        wide = work.path(f"width-{width}.net")
        with open(net("mlp"), encoding="utf-8") as file:
            text = file.read().replace("dense   128", f"dense   {width}")
        with open(wide, "w", encoding="utf-8") as file:
            file.write(text)
        title = f"{width:,}: {795 * width + 10:,} parameters"
        yield row("width", width, title, 300, wide)
    for network, steps in (("mlp", 938), ("lenet", 300), ("cnn", 61)):
        for threads in range(1, work.threads + 1):
            title = f"{network}, {threads}"
            yield row("threads", f"{network}-{threads}", title, steps, network, threads=threads)
