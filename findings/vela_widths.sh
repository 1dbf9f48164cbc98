#!/usr/bin/env bash
# Versions: ethos-u-vela 5.2.0, tflite-micro 0.dev20261023182759 (its schema alone), flatbuffers 25.12.19, numpy 2.4.6.
# Behaviour: the cycles that Arm's compiler Vela predicts for a 3x3 convolution on an Ethos-U55 do not grow with its channels: more
#   input channels, or more filters, may take fewer cycles than less.
# Seen: 16x16 pixels, 3x3, random int8 weights. Ethos-U55-256, 16 filters: 24 input channels take more cycles than 32, 17 as many
#   as 24. Ethos-U55-128, 16 input channels: 4 filters take more cycles than 8.
# Why it matters: a search that takes multiply-accumulates, or parameters, for time on such a board walks past networks that are
#   larger and faster; widths in steps of 8 or 16 are not a matter of taste there.
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

SIDE = 16


def convolution(channels, filters):
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

    weights = np.random.default_rng(0).integers(-127, 128, (filters, 3, 3, channels)).astype(np.int8)
    tensor([1, SIDE, SIDE, channels], s.TensorType.INT8, [0.05])
    tensor([filters, 3, 3, channels], s.TensorType.INT8, [0.01] * filters, weights)
    tensor([filters], s.TensorType.INT32, [0.0005] * filters, np.zeros(filters, np.int32))
    tensor([1, SIDE, SIDE, filters], s.TensorType.INT8, [0.05])
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


def cycles(npu, channels, filters):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "one.tflite")
        file.write_bytes(convolution(channels, filters))
        words = [sys.executable, "-m", "ethosu.vela", str(file), "--accelerator-config", npu, "--output-dir", folder]
        subprocess.run(words, check=True, capture_output=True)
        with next(Path(folder).glob("*_summary_*.csv")).open() as table:
            return round(float(next(csv.DictReader(table))["cycles_npu"]))


inputs = {n: cycles("ethos-u55-256", n, 16) for n in (16, 17, 24, 32)}
filters = {n: cycles("ethos-u55-128", 16, n) for n in (4, 8, 9, 16)}
print("Ethos-U55-256, 16 filters, cycles by input channels:", inputs)
print("Ethos-U55-128, 16 input channels, cycles by filters:", filters)
sys.exit(not (inputs[24] > inputs[32] and inputs[17] == inputs[24] and filters[4] > filters[8]))
PY
