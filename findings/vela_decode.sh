#!/usr/bin/env bash
# Versions: ethos-u-vela 5.2.0, tflite-micro 0.dev20261023182759, flatbuffers 25.12.19, numpy 2.4.6.
# Behaviour: Arm's compiler Vela refuses a whole file for one convolution whose weights TFLite Micro's DECODE operator unpacks. Such a
#   convolution does not fall back to the processor, as operators do that Vela does not know.
# Seen: an 8x8 image, one 3x3 convolution. With constant weights both TFLite Micro and Vela take the file. With the same weights
#   behind DECODE (Huffman) TFLite Micro gives the same answer; Vela warns of an unsupported CUSTOM operator and ends with an error
#   that the Conv2D could not run on the NPU.
# Why it matters: packed weights are for the flash of boards, Vela for boards with an Ethos-U. The two cannot be had in one file, not
#   even with the packed layers left to the processor; so a network is packed or compiled, and a tool has to say which.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check ethos-u-vela==5.2.0 tflite-micro==0.dev20261023182759 \
  flatbuffers==25.12.19 numpy==2.4.6 2>/dev/null
"$folder/env/bin/python" - <<'PY'
import subprocess
import sys
import tempfile
from pathlib import Path

import flatbuffers
import numpy as np
from tflite_micro import runtime
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as s

SIDE, CHANNELS, FILTERS = 8, 16, 16
CHANCE = np.random.default_rng(0)
WEIGHTS = CHANCE.choice(np.array([-1, 1], np.int8), (FILTERS, 3, 3, CHANNELS))
IMAGE = CHANCE.integers(-128, 128, (1, SIDE, SIDE, CHANNELS)).astype(np.int8)


def huffman():
    """Two symbols, a bit each: -1 is 0, 1 is 1; a table of two 16-bit entries behind a header of 16 bytes."""
    bits = np.packbits((WEIGHTS.ravel() == 1).astype(np.uint8))
    table = np.array([1 << 15 | 1 << 11 | 0xFF, 1 << 15 | 1 << 11 | 0x01], "<u2")
    header = np.zeros(16, np.uint8)
    header[[0, 1, 4, 5]] = 1, 1, 1, 0
    return bits, np.concatenate([header, table.view(np.uint8)])


def model(packed):
    made, graph = s.ModelT(), s.SubGraphT()
    made.version, made.buffers, graph.tensors, graph.operators = 3, [s.BufferT()], [], []

    def tensor(shape, kind, scales=None, data=None):
        one = s.TensorT()
        one.shape, one.type, one.buffer, one.name = shape, kind, 0, f"t{len(graph.tensors)}".encode()
        if scales:
            one.quantization = s.QuantizationParametersT()
            one.quantization.scale, one.quantization.zeroPoint = scales, [0] * len(scales)
        if data is not None:
            buffer = s.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            made.buffers.append(buffer)
            one.buffer = len(made.buffers) - 1
        graph.tensors.append(one)
        return len(graph.tensors) - 1

    def call(code, reads, writes):
        one = s.OperatorT()
        one.opcodeIndex, one.inputs, one.outputs = code, reads, [writes]
        graph.operators.append(one)
        return one

    image = tensor([1, SIDE, SIDE, CHANNELS], s.TensorType.INT8, [0.05])
    bias = tensor([FILTERS], s.TensorType.INT32, [0.0005] * FILTERS, np.zeros(FILTERS, np.int32))
    answer = tensor([1, SIDE, SIDE, FILTERS], s.TensorType.INT8, [0.05])
    constant = None if packed else WEIGHTS
    weights = tensor(list(WEIGHTS.shape), s.TensorType.INT8, [0.01] * FILTERS, constant)
    codes = [s.OperatorCodeT()]
    codes[0].builtinCode = codes[0].deprecatedBuiltinCode = s.BuiltinOperator.CONV_2D
    codes[0].version = 3
    if packed:
        codes.append(s.OperatorCodeT())
        codes[1].builtinCode = codes[1].deprecatedBuiltinCode = s.BuiltinOperator.CUSTOM
        codes[1].customCode = "TFLM_DECODE"
        data, about = huffman()
        call(1, [tensor([len(each)], s.TensorType.UINT8, None, each) for each in (data, about)], weights)
    convolution, options = call(0, [image, weights, bias], answer), s.Conv2DOptionsT()
    options.strideW = options.strideH = options.dilationWFactor = options.dilationHFactor = 1
    options.padding = s.Padding.SAME
    convolution.builtinOptionsType, convolution.builtinOptions = s.BuiltinOptions.Conv2DOptions, options
    graph.inputs, graph.outputs = [image], [answer]
    made.operatorCodes, made.subgraphs = codes, [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(made.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def answers(file):
    interpreter = runtime.Interpreter.from_bytes(file, arena_size=1 << 20)
    interpreter.set_input(IMAGE, 0)
    interpreter.invoke()
    return interpreter.get_output(0)


def vela(file):
    with tempfile.TemporaryDirectory() as place:
        given = Path(place, "model.tflite")
        given.write_bytes(file)
        words = [sys.executable, "-m", "ethosu.vela", str(given), "--accelerator-config", "ethos-u55-128", "--output-dir", place]
        done = subprocess.run(words, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr


plain, packed = model(False), model(True)
same = bool((answers(plain) == answers(packed)).all())
print("TFLite Micro: the same answer with constant weights and with unpacked ones:", same)
code, _ = vela(plain)
print("Vela, constant weights: exit", code)
refused, said = vela(packed)
print("Vela, unpacked weights: exit", refused, "-", said.strip().splitlines()[-1])
assert same
assert code == 0
assert refused != 0
assert "Unsupported opType" in said
assert "could not run on NPU" in said
PY
