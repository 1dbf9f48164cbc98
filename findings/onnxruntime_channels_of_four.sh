#!/usr/bin/env bash
# Versions: onnxruntime 1.32.0 (x86-64 wheel), onnx 1.23.2, numpy 2.4.6.
# Behaviour: on x86 onnxruntime runs a convolution on maps in blocks of channels if the channels that it reads are a multiple of 4.
#   With two channels less it takes another kernel, and the network is slower though it computes less. A convolution alone in
#   a model also pays for two changes of layout, which a chain of them pays once.
# Seen: 3x3, 64 filters, 28x28 pixels, one thread: 62 channels in take 1.36 times the time of 64 (AMD EPYC with AVX2). Eight such convolutions in a chain are 10 nodes,
#   the same eight as models of their own 24.
# Why it matters: a search whose widths go in steps of 1 or 2 walks past networks that are larger and faster; a table of layers that
#   were timed alone adds up to more than the network takes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6 2>/dev/null
"$folder/env/bin/python" - <<'PY'
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

SIDE, FILTERS, LONG = 28, 64, 8


def chain(channels, length):
    chance, nodes, constants, read = np.random.default_rng(0), [], [], "image"
    for layer in range(length):
        weights = chance.standard_normal((FILTERS, channels, 3, 3)).astype(np.float32) / 30
        constants.append(numpy_helper.from_array(weights, f"weights{layer}"))
        nodes.append(helper.make_node("Conv", [read, f"weights{layer}"], [f"map{layer}"], pads=[1] * 4))
        read, channels = f"map{layer}", FILTERS
    given = constants[0].dims[1]
    graph = helper.make_graph(
        nodes, "chain",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, given, SIDE, SIDE])],
        [helper.make_tensor_value_info(read, TensorProto.FLOAT, [1, FILTERS, SIDE, SIDE])],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), given


def run(channels, length=1):
    model, given = chain(channels, length)
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 3
        options.optimized_model_filepath = str(Path(folder, "optimized.onnx"))
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        nodes = Counter((node.domain, node.op_type) for node in onnx.load(options.optimized_model_filepath).graph.node)
    image = np.ones((1, given, SIDE, SIDE), np.float32)

    def call():
        begun = time.perf_counter()
        for _ in range(20):
            session.run(None, {"image": image})
        return 1e6 * (time.perf_counter() - begun) / 20

    return nodes, call


fewer, more = run(62), run(64)
turns = [(fewer[1](), more[1]()) for _ in range(41)][1:]
for channels, (nodes, _), spent in ((62, fewer, [a for a, _ in turns]), (64, more, [b for _, b in turns])):
    print(f"{channels} channels in: {median(spent):7.1f} microseconds  {dict(nodes)}")
ratio = median(a / b for a, b in turns)
print(f"62 over 64 channels: {ratio:.2f} times the time at {62 / 64:.2f} times the multiply-accumulates")
together, alone = sum(run(64, LONG)[0].values()), LONG * sum(run(64)[0].values())
print(f"{LONG} convolutions: {together} nodes in a chain, {alone} as models of their own")
blocked = ("com.microsoft.nchwc", "Conv")
sys.exit(not (blocked in more[0] and blocked not in fewer[0] and ratio > 1 and together == LONG + 2 and alone == 3 * LONG))
PY
