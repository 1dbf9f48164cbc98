#!/usr/bin/env bash
# Versions: ethos-u-vela 5.2.0, tflite-micro 0.dev20261023182759 (its schema alone), flatbuffers 25.12.19, numpy 2.4.6.
# Behaviour: where a convolution has many weights and a small map, the cycles that Arm's compiler Vela predicts on an Ethos-U55 are the
#   time to read its weights from flash as Vela has coded them. They do not hang on the map's size, and pruning, or weights of few
#   values, cut them, though the NPU skips no multiplication and the file's weights are plain.
# Seen: 256 to 256 channels, 3x3, Ethos-U55-256: the same cycles on 2x2 and on 8x8 pixels, 16 times the multiply-accumulates; on 4x4,
#   of the cycles of normally distributed weights 63 % are left with half of them at zero, 30 % with 80 % at zero, 29 % with
#   seven values.
# Why it matters: on such a board a smaller picture or an earlier pooling may save nothing, and compression made for the file's size
#   is compression of the time; a latency model from shapes alone is off by as much.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check ethos-u-vela==5.2.0 tflite-micro==0.dev20261023182759 \
  flatbuffers==25.12.19 numpy==2.4.6 2>/dev/null
"$folder/env/bin/python" - <<'PY'
import csv
import subprocess
import sys
import tempfile
from pathlib import Path

import flatbuffers
import numpy as np
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as s

CHANNELS, NPU = 256, "ethos-u55-256"
CHANCE = np.random.default_rng(0)
NORMAL = CHANCE.normal(0, 127 / 3, (CHANNELS, 3, 3, CHANNELS)).round().clip(-127, 127)


def convolution(side, weights):
    model, graph = s.ModelT(), s.SubGraphT()
    model.version, model.buffers, graph.tensors = 3, [s.BufferT()], []

    def tensor(shape, kind, scales, data=None):
        one, table = s.TensorT(), s.QuantizationParametersT()
        table.scale, table.zeroPoint = scales, [0] * len(scales)
        one.shape, one.type, one.quantization, one.buffer = shape, kind, table, 0
        one.name = f"t{len(graph.tensors)}".encode()
        if data is not None:
            buffer = s.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            model.buffers.append(buffer)
            one.buffer = len(model.buffers) - 1
        graph.tensors.append(one)

    tensor([1, side, side, CHANNELS], s.TensorType.INT8, [0.05])
    tensor(list(weights.shape), s.TensorType.INT8, [0.01] * CHANNELS, weights.astype(np.int8))
    tensor([CHANNELS], s.TensorType.INT32, [0.0005] * CHANNELS, np.zeros(CHANNELS, np.int32))
    tensor([1, side, side, CHANNELS], s.TensorType.INT8, [0.05])
    call, options = s.OperatorT(), s.Conv2DOptionsT()
    options.strideW = options.strideH = options.dilationWFactor = options.dilationHFactor = 1
    options.padding = s.Padding.SAME
    call.opcodeIndex, call.inputs, call.outputs = 0, [0, 1, 2], [3]
    call.builtinOptionsType, call.builtinOptions = s.BuiltinOptions.Conv2DOptions, options
    code = s.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = s.BuiltinOperator.CONV_2D
    code.version = 3
    graph.operators, graph.inputs, graph.outputs = [call], [0], [3]
    model.operatorCodes, model.subgraphs = [code], [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def cycles(side, weights):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "one.tflite")
        file.write_bytes(convolution(side, weights))
        words = [sys.executable, "-m", "ethosu.vela", str(file), "--accelerator-config", NPU, "--output-dir", folder]
        subprocess.run(words, check=True, capture_output=True)
        with next(Path(folder).glob("*_summary_*.csv")).open() as table:
            return round(float(next(csv.DictReader(table))["cycles_total"]))


sides = {side: cycles(side, NORMAL) for side in (2, 4, 8, 16)}
values = {
    "normal": NORMAL,
    "half zero": NORMAL * (CHANCE.random(NORMAL.shape) > 0.5),
    "80 % zero": NORMAL * (CHANCE.random(NORMAL.shape) > 0.8),
    "seven values": (NORMAL / 42).round() * 42,
}
coded = {words: cycles(4, weights) for words, weights in values.items()}
left = {words: round(number / coded["normal"], 2) for words, number in coded.items()}
print("cycles by side of the map:", sides)
print("cycles on 4x4 by weights:", coded, left)
flat = sides[8] < 1.01 * sides[2]
sys.exit(not (flat and left["half zero"] < 0.7 and left["80 % zero"] < 0.35 and left["seven values"] < 0.35))
PY
