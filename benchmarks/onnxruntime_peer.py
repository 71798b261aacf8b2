"""ONNX Runtime: a trained network's predictions."""

import peer

options = peer.arguments("forward")

import onnx  # noqa: E402
import onnxruntime  # noqa: E402
from onnx import helper  # noqa: E402

NODES = {"relu": "Relu", "softmax": "Softmax"}


def graph(net):
    """The network as ONNX's operators, the parameters as constants."""
    nodes, last = [], "input"
    parameters = peer.documents.read(options.model)

    def add(kind, *inputs, **attributes):
        nonlocal last
        name = f"{kind}{len(nodes)}"
        nodes.append(helper.make_node(kind, [last, *inputs], [name], **attributes))
        last = name

    flat = False
    for layer in net.learning():
        names = [f"{layer.name}.weight", f"{layer.name}.bias"]
        if layer.kind == "conv":
            add("Conv", *names, kernel_shape=layer.window(), pads=[layer.number("pad")] * 4)
        elif layer.kind == "maxpool":
            add("MaxPool", kernel_shape=layer.window(), strides=layer.window())
        elif layer.kind == "dense":
            if not flat:
                add("Flatten")
                flat = True
            add("Gemm", *names, transB=1)
        else:
            raise SystemExit(f"onnxruntime_peer.py: no layer '{layer.kind}' here")
        if layer.activation in NODES:
            add(NODES[layer.activation])
    real = onnx.TensorProto.FLOAT
    result = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("input", real, ["N", *net.shape])],
        [helper.make_tensor_value_info(last, real, None)],
        [onnx.numpy_helper.from_array(tensor.array(), name) for name, tensor in parameters.items()],
    )
    opset = [helper.make_opsetid("", 13)]
    return helper.make_model(result, opset_imports=opset, ir_version=8).SerializeToString()


settings = onnxruntime.SessionOptions()
settings.intra_op_num_threads = options.threads
net = peer.network(options.net)
session = onnxruntime.InferenceSession(graph(net), settings, providers=["CPUExecutionProvider"])
inputs = peer.prepared(peer.dataset(options.data, net)[0], net)
best = None
for size in (64, 256, 1000, 10000):
    session.run(None, {"input": inputs[:size]})
    start = peer.now()
    for first in range(0, len(inputs), size):
        session.run(None, {"input": inputs[first : first + size]})
    seconds = peer.now() - start
    best = min(best or seconds, seconds)
peer.answer(seconds=best)
