#!/usr/bin/env bash
# Versions: torch 2.14.1 (CPU works), onnx 1.23.2, onnxscript 0.7.2, Python 3.11.
# Behaviour: torch.onnx.export(..., dynamo=True) writes into every node of the model a Python stack trace, with the absolute paths
#   and source lines of whoever exported it, and beside it the names of the torch modules, as metadata that no runtime reads.
#   external_data=False, verbose=False and optimize=True all keep them; no argument of the function leaves them out.
# Seen: twelve small convolutions, 6,672 bytes of weights: a file of 32,796 bytes, 4.9 times the weights (the length of the
#   paths counts); the path of the author's script stands in it in clear. Without metadata_props and value_info it has 10,226
#   bytes, and onnxruntime gives the same outputs to the last bit.
# Why it matters: for networks that are counted in kilobytes the file's size says nothing about the network, and a published
#   model tells its author's folders and code.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check torch==2.14.1 onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.32.0 2>/dev/null
mkdir "$folder/home_of_the_author"
cat >"$folder/home_of_the_author/train.py" <<'PY'
import sys
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

warnings.simplefilter("ignore")
torch.manual_seed(0)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(1 if i == 0 else 4, 4, 3, padding=1) for i in range(12))

    def forward(self, images):
        for layer in self.layers:
            images = layer(images).relu()
        return images


network = Network().eval()
images = torch.randn(1, 1, 16, 16)
torch.onnx.export(network, (images,), "model.onnx", dynamo=True, external_data=False, verbose=False)
written = open("model.onnx", "rb").read()
model = onnx.load_from_string(written)
del model.metadata_props[:], model.graph.metadata_props[:], model.graph.value_info[:]
for each in (*model.graph.node, *model.graph.input, *model.graph.output, *model.graph.initializer):
    del each.metadata_props[:]
plain = model.SerializeToString()
weights = 4 * sum(parameter.numel() for parameter in network.parameters())


def run(content):
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: images.numpy()})[0]


same = np.array_equal(run(written), run(plain))
path = b"home_of_the_author/train.py" in written
print(f"torch {torch.__version__}: {weights:,} bytes of weights, file {len(written):,} ({len(written) / weights:.1f} times)")
print(f"the author's path is in it: {path}; without metadata {len(plain):,} bytes, the same outputs: {same}")
sys.exit(not (path and same and len(written) > 2 * len(plain)))
PY
cd "$folder"
PYTHONPATH="$folder/home_of_the_author" "$folder/env/bin/python" "$folder/home_of_the_author/train.py"
