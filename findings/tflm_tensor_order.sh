#!/usr/bin/env bash
# Versions: tflite-micro 0.dev20261023182759, flatbuffers 25.12.19, numpy 2.4.6.
# Behaviour: TFLite Micro's memory planner places tensors from the largest to the smallest, and of equally large ones the one
#   with the highest number first. So the numbers that tensors happen to have in a .tflite file decide how much memory a network
#   needs; operators, shapes and order of execution being the same.
# Seen: four 1x1 convolutions and a PAD on 32x32 maps: an arena head of 42,000 bytes with tensors numbered in the order in which
#   they are written, 33,808 with the same tensors numbered backwards, which is the most that is alive at once.
# Why it matters: a fifth of a microcontroller's memory for activations, from something that converters choose freely and nobody
#   looks at. Whoever predicts the arena has to know the rule; whoever writes files can number tensors either way and keep
#   the better one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check tflite-micro==0.dev20261023182759 flatbuffers==25.12.19 \
  numpy==2.4.6 2>/dev/null
"$folder/env/bin/python" - <<'PY'
import os
import re
import sys
import tempfile

import flatbuffers
import numpy as np
from tflite_micro import runtime
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as s

SIDE = 32
WIDTHS = [3, 16, 16, 8, 16]


def quantized(scales):
    table = s.QuantizationParametersT()
    table.scale, table.zeroPoint = list(scales), [0] * len(scales)
    return table


def network(backwards):
    model, graph = s.ModelT(), s.SubGraphT()
    model.version, model.buffers = 3, [s.BufferT()]
    maps = [(1, SIDE, SIDE, width) for width in WIDTHS] + [(1, SIDE + 1, SIDE + 1, WIDTHS[-1])]
    count = len(maps)
    numbers = [0, *(reversed(range(1, count)) if backwards else range(1, count))]
    tensors = [None] * count

    def tensor(shape, kind, data=None, scales=(0.05,)):
        one = s.TensorT()
        one.shape, one.type, one.buffer = list(shape), kind, 0
        one.quantization = quantized(scales) if scales else None
        if data is not None:
            buffer = s.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            model.buffers.append(buffer)
            one.buffer = len(model.buffers) - 1
        return one

    for place, shape in zip(numbers, maps):
        tensors[place] = tensor(shape, s.TensorType.INT8)
    calls = []
    for i, (before, after) in enumerate(zip(WIDTHS, WIDTHS[1:])):
        tensors.append(tensor((after, 1, 1, before), s.TensorType.INT8, np.ones((after, before), np.int8), [0.01] * after))
        tensors.append(tensor((after,), s.TensorType.INT32, np.zeros(after, np.int32), [0.0005] * after))
        call = s.OperatorT()
        call.opcodeIndex, call.builtinOptionsType, call.builtinOptions = 0, s.BuiltinOptions.Conv2DOptions, s.Conv2DOptionsT()
        call.builtinOptions.strideW = call.builtinOptions.strideH = 1
        call.inputs, call.outputs = [numbers[i], len(tensors) - 2, len(tensors) - 1], [numbers[i + 1]]
        calls.append(call)
    tensors.append(tensor((4, 2), s.TensorType.INT32, np.array([0, 0, 0, 1, 0, 1, 0, 0], np.int32), None))
    pad = s.OperatorT()
    pad.opcodeIndex, pad.inputs, pad.outputs = 1, [numbers[count - 2], len(tensors) - 1], [numbers[count - 1]]
    graph.tensors, graph.operators = tensors, [*calls, pad]
    graph.inputs, graph.outputs = [0], [numbers[count - 1]]
    for kind in (s.BuiltinOperator.CONV_2D, s.BuiltinOperator.PAD):
        code = s.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = kind
        model.operatorCodes = [*(model.operatorCodes or []), code]
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def head(file):
    interpreter = runtime.Interpreter.from_bytes(file, arena_size=1_000_000)
    with tempfile.TemporaryFile() as said:
        kept = os.dup(2)
        os.dup2(said.fileno(), 2)
        interpreter.print_allocations()
        os.dup2(kept, 2)
        said.seek(0)
        return int(re.findall(r"allocation head (\d+)", said.read().decode())[0])


found = {"numbered as written": head(network(False)), "numbered backwards": head(network(True))}
for name, value in found.items():
    print(f"{name}: {value:,} bytes of activations")
sys.exit(list(found.values()) != [42_000, 33_808])
PY
