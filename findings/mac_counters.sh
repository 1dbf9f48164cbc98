#!/usr/bin/env bash
# Versions: torch 2.14.1, torchvision 0.29.1; thop 0.1.1.post2209072238, ptflops 0.7.5, fvcore 0.1.5.post20221221, torchinfo
#   1.8.0, torchprofile 0.1.0, onnx-tool 1.0.1 (onnx 1.23.2, onnxscript 0.7.2).
# Behaviour: seven counters of multiply-accumulates give seven different numbers for MobileNetV2. Only torch's own
#   FlopCounterMode (halved) gives the products in convolutions and linear layers alone. Of what lies between, batch
#   normalisation counts 4 an element in thop, 2 in fvcore, 1 in torchprofile and nothing in torchinfo, which counts
#   biases; ptflops and onnx-tool count activations, pools and biases as well. None prints which.
# Seen: MobileNetV2, 224 px, in millions: by hand 300.77; thop 327.49, ptflops 320.30, fvcore 314.19, torchinfo 300.81,
#   torchprofile 307.45, onnx-tool 313.26, FlopCounterMode / 2 300.77.
# Why it matters: a budget of 310 million multiply-accumulates accepts MobileNetV2 by three of them and refuses it by four; a
#   published figure can be held against another only if the counter is known.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check torch==2.14.1 torchvision==0.29.1 2>/dev/null
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    thop==0.1.1.post2209072238 ptflops==0.7.5 fvcore==0.1.5.post20221221 torchinfo==1.8.0 torchprofile==0.1.0 \
    onnx-tool==1.0.1 onnx==1.23.2 onnxscript==0.7.2 2>/dev/null
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import contextlib
import io
import logging
import sys
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)

import onnx_tool
import thop
import torch
import torchinfo
import torchprofile
import torchvision
from fvcore.nn import FlopCountAnalysis
from ptflops import get_model_complexity_info
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

IMAGE = torch.zeros(1, 3, 224, 224)


def by_hand(model):
    total = []
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(lambda layer, _, out: total.append(out.numel() * layer.weight[0].numel()))
        if isinstance(layer, nn.Linear):
            layer.register_forward_hook(lambda layer, _, out: total.append(out.numel() * layer.in_features))
    model(IMAGE)
    return sum(total)


def by_onnx_tool(model):
    torch.onnx.export(model, (IMAGE,), "model.onnx", dynamo=True, external_data=False, verbose=False)
    opened = onnx_tool.Model("model.onnx")
    opened.graph.shape_infer()
    opened.graph.profile()
    macs = opened.graph.macs
    return float(sum(macs)) if hasattr(macs, "__len__") else float(macs)


def by_torch(model):
    with FlopCounterMode(display=False) as counter:
        model(IMAGE)
    return counter.get_total_flops() / 2


COUNTERS = {
    "by hand": by_hand,
    "thop": lambda model: thop.profile(model, inputs=(IMAGE,), verbose=False)[0],
    "ptflops": lambda model: get_model_complexity_info(
        model, (3, 224, 224), as_strings=False, print_per_layer_stat=False, verbose=False
    )[0],
    "fvcore": lambda model: FlopCountAnalysis(model, IMAGE)
    .unsupported_ops_warnings(False)
    .uncalled_modules_warnings(False)
    .total(),
    "torchinfo": lambda model: torchinfo.summary(model, input_data=IMAGE, verbose=0).total_mult_adds,
    "torchprofile": lambda model: torchprofile.profile_macs(model, IMAGE),
    "onnx-tool": by_onnx_tool,
    "FlopCounterMode / 2": by_torch,
}
EXPECTED = {
    "squeezenet1_0": "818.92 819.09 836.82 819.09 823.27 818.93 828.42 818.92",
    "squeezenet1_1": "349.15 349.32 359.98 349.32 351.74 349.15 354.88 349.15",
    "mobilenet_v2": "300.77 327.49 320.30 314.19 300.81 307.45 313.26 300.77",
    "resnet18": "1814.07 1824.03 1825.31 1819.07 1814.08 1816.56 1818.97 1814.07",
}
print("million multiply-accumulates, one image of 224x224")
print(f"{'':<16}" + "".join(f"{name:>21}" for name in COUNTERS))
changed = 0
for name, expected in EXPECTED.items():
    row = []
    for count in COUNTERS.values():
        model = getattr(torchvision.models, name)(weights=None).eval()
        with contextlib.redirect_stdout(io.StringIO()), torch.inference_mode(count is not COUNTERS["fvcore"]):
            row.append(f"{count(model) / 1e6:.2f}")
    print(f"{name:<16}" + "".join(f"{value:>21}" for value in row))
    changed += " ".join(row) != expected
sys.exit(changed)
PY
