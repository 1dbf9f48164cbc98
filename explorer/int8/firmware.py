"""A network in int8 as files for somebody's own TFLite Micro project: C arrays, operators, arena, a test picture.

No runtime is among them, and none is built here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

from explorer.arch.tflite import operators as ops
from explorer.arch.tflite.arena import BOARD, HOST, arena
from explorer.arch.tflite.board import Board
from explorer.arch.tflite.file_size import file_size
from explorer.int8 import file, vela
from explorer.int8.interpreter import Interpreter
from explorer.int8.quantized import Array, Quantized

MODEL, HEADER, ARRAY, OPERATORS = "model.tflite", "model.h", "model.cc", "operators.h"
NPU = "model_vela.tflite"
PICTURE, PICTURE_BYTES, FACTS, README = "test_picture.h", "test_picture.bin", "firmware.json", "README.md"
DECODE = "DECODE"
SOURCES = ("main.cc", "check.py")
"""Files that are the same for every network."""
REGISTERED = {
    ops.CONV: "Conv2D",
    ops.DEPTHWISE: "DepthwiseConv2D",
    ops.MAX_POOL: "MaxPool2D",
    ops.AVERAGE_POOL: "AveragePool2D",
    ops.PAD: "Pad",
    ops.PADV2: "PadV2",
    ops.CONCATENATION: "Concatenation",
    ops.GATHER: "Gather",
    ops.ADD: "Add",
    ops.MUL: "Mul",
    ops.RELU: "Relu",
    ops.RELU6: "Relu6",
    ops.LOGISTIC: "Logistic",
    ops.HARD_SWISH: "HardSwish",
    DECODE: "Decode",
}
"""Names of operators in TFLite Micro's MicroMutableOpResolver."""
COLUMNS = 16
"""Bytes in a line of an array."""


class FirmwareError(ValueError):
    """A network that does not become what was predicted; one line."""


@dataclass(frozen=True)
class Test:
    """A picture and what the network says of it.

    Attributes:
        image: int8 (1, height, width, channels).
        label: its class.
    """

    image: Array
    label: int


@dataclass(frozen=True)
class Firmware:
    """The files, and the numbers in them.

    Attributes:
        files: by name.
        flash: bytes of the model's file.
        head, tail: of the arena, as TFLite Micro's allocator confirmed them on this host.
        npu: the file for the board's NPU, its weights as Vela codes them; None where it has none, or Vela is not
            installed.
    """

    files: Mapping[str, bytes]
    flash: int
    head: int
    tail: int
    npu: vela.Compiled | None

    @property
    def arena(self) -> int:
        """Bytes of the arena that the files reserve."""
        return self.head + self.tail


def firmware(
    network: Quantized,
    board: Board,
    test: Test,
    class_names: Sequence[str],
    about: Mapping[str, str],
    target: str = "tflm",
) -> Firmware:
    """Writes the files of a network, and runs the model in TFLite Micro.

    Args:
        network: in int8.
        board: what it is for.
        test: a picture, on which the files are tried.
        class_names: in the order of their numbers; empty: numbers.
        about: what else the README says, in words, by what it is: network, input, accuracy.
        target: of the model's file, see `explorer.int8.file.write`.

    Raises:
        FirmwareError: if its size or memory is not what was predicted.
        VelaError: if Vela is there and does not compile it for the board's NPU.
    """
    model = file.write(network, target)
    known = target == "tflm" and not network.encoded
    size = file_size(network.program) if known else len(model)
    interpreter = Interpreter(model)
    answers = [int(each) for each in interpreter.run(test.image).ravel()]
    found, predicted = interpreter.allocations(), arena(network.program, HOST, network.packed)
    if (found.head, found.tail) != (predicted.head, predicted.tail) or len(model) != size:
        raise FirmwareError(
            f"predicted {size:,} bytes and an arena of {predicted.head:,} + {predicted.tail:,}, "
            f"found {len(model):,} and {found.head:,} + {found.tail:,}"
        )
    for what, needed in (("flash", len(model)), ("ram", found.head + found.tail)):
        if needed > (left := board.limits[what]):
            raise FirmwareError(f"it needs {needed:,} bytes of {what}, {board.name} has {left:,} for a network")
    names = list(class_names) or [str(i) for i in range(len(answers))]
    facts: dict[str, Any] = {
        "flash": len(model),
        "arena": found.head + found.tail,
        "head": found.head,
        "tail": found.tail,
        "arena_32_bit": arena(network.program, BOARD, network.packed).total,
        "packed": bool(network.encoded),
        "input_shape": list(test.image.shape),
        "class_names": names,
        "label": test.label,
        "expected": answers,
        "operators": sorted(
            {*(each.kind for each in network.program.operators), *([DECODE] if network.encoded else [])}
        ),
        "board": board.name,
        "target": target,
        **about,
    }
    written = {
        MODEL: model,
        HEADER: _header(len(model), facts, names).encode(),
        ARRAY: _array(model, names).encode(),
        OPERATORS: _operators(facts["operators"]).encode(),
        PICTURE: _picture(test, answers).encode(),
        PICTURE_BYTES: test.image.tobytes(),
        FACTS: (json.dumps(facts, indent=1, ensure_ascii=False) + "\n").encode(),
        README: _readme(facts, board, about).encode(),
    }
    npu = None
    if board.npu is not None and vela.available():
        # Vela takes no convolution whose weights another operator makes, but codes weights itself.
        npu = vela.compiled(file.write(replace(network, encoded={}), target), board.npu)
    if npu is not None:
        written[NPU] = npu.file
        written[README] += f"\n## {board.npu}\n\n`{NPU}` is for the NPU. {npu.words}.\n".encode()
    for name in SOURCES:
        written[name] = (files("explorer.int8") / "sources" / name).read_bytes()
    return Firmware(written, len(model), found.head, found.tail, npu)


def _header(size: int, facts: Mapping[str, Any], names: Sequence[str]) -> str:
    return f"""#pragma once
// The network and what it needs. An arena of {facts["head"]:,} bytes of activations and {facts["tail"]:,} of the
// runtime's own was confirmed by TFLite Micro's allocator on a 64-bit host; a 32-bit board needs less.
extern const unsigned char model_tflite[{size}];
extern const unsigned int model_tflite_size;
extern const char* const class_names[{len(names)}];
constexpr int kArenaSize = {facts["arena"]};
constexpr int kClasses = {len(names)};
"""


def _array(model: bytes, names: Sequence[str]) -> str:
    quoted = ",\n".join(f"    {json.dumps(name, ensure_ascii=False)}" for name in names)
    return f"""#include "model.h"

alignas(16) const unsigned char model_tflite[{len(model)}] = {{
{_numbers(model)}
}};
const unsigned int model_tflite_size = sizeof(model_tflite);
const char* const class_names[{len(names)}] = {{
{quoted},
}};
"""


def _operators(kinds: Sequence[str]) -> str:
    calls = "\n".join(f"  TF_LITE_ENSURE_STATUS(resolver.Add{REGISTERED[kind]}());" for kind in kinds)
    return f"""#pragma once
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"

// Those that the network uses, and no other: each brings its kernel's code.
using Resolver = tflite::MicroMutableOpResolver<{len(kinds)}>;

inline TfLiteStatus AddOperators(Resolver& resolver) {{
{calls}
  return kTfLiteOk;
}}
"""


def _picture(test: Test, answers: Sequence[int]) -> str:
    values = test.image.tobytes()
    return f"""#pragma once
#include <cstdint>

// A picture of class {test.label}, as the network's input takes it.
constexpr int kExpectedClass = {answers.index(max(answers))};
alignas(16) const int8_t test_picture[{len(values)}] = {{
{_numbers(values, signed=True)}
}};
"""


def _numbers(values: bytes, *, signed: bool = False) -> str:
    numbers = [str(each - 256 if signed and each > 127 else each) for each in values]
    return "\n".join(f"    {','.join(numbers[i : i + COLUMNS])}," for i in range(0, len(numbers), COLUMNS))


def _readme(facts: Mapping[str, Any], board: Board, about: Mapping[str, str]) -> str:
    text = (files("explorer.int8") / "sources" / README).read_text(encoding="utf-8")
    return text.format(
        words=board.words,
        about="\n".join(f"- {key}: {words}" for key, words in about.items()),
        operators=", ".join(facts["operators"]),
        board_flash=board.flash,
        board_ram=board.ram,
        kept_flash=board.kept_flash,
        kept_ram=board.kept_ram,
        board=board.name,
        rows="\n".join(_rows(facts, board)),
    )


def _rows(facts: Mapping[str, Any], board: Board) -> Iterator[str]:
    """The table of the README: what it is, bytes, the board's, where the number comes from."""
    allocator, left = "TFLite Micro's allocator here (64 bit)", board.limits
    plain = not facts["packed"]
    known = "predicted from the layers; " if plain and facts["target"] == "tflm" else ""
    sizes = f"{facts['flash']:,} | {left['flash']:,}"
    yield f"| flash: model.tflite, the array in model.cc | {sizes} | {known}the file's size |"
    source = f"predicted; {allocator} said the same"
    yield f"| arena: `kArenaSize` | {facts['arena']:,} | {left['ram']:,} | {source} |"
    yield f"| of it activations{'' if plain else ' and unpacked weights'} | {facts['head']:,} | | the same |"
    computed = "computed from the runtime's structures, not confirmed on a board"
    yield f"| arena on a 32-bit board{'' if plain else ', at most'} | {facts['arena_32_bit']:,} | | {computed} |"
