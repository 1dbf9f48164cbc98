"""What torch itself counts of a network, against what the program says of it."""

import torch
from torch import nn

from explorer.arch import cost
from explorer.training.network import build


def observe(network, architecture, batch=2):
    """What torch itself says: {path: (output shape, macs)} from hooks, and the logits."""
    seen, handles = {}, []

    def hook(path):
        def note(module, inputs, output):
            macs = 0
            if isinstance(module, nn.Conv2d | nn.Linear):  # each output is a dot product of one filter's weights
                macs = output[0].numel() * module.weight[0].numel()
            seen[path] = (tuple(output.shape[1:]), macs)

        return note

    for path, module in network.named_modules():
        if path and not list(module.children()):
            handles.append(module.register_forward_hook(hook(path)))
    with torch.no_grad():
        logits = network(torch.randn(batch, *architecture.input_shape))
    for handle in handles:
        handle.remove()
    return seen, logits


def assert_cost_equals_torch(network_as_data):
    counted, network = cost(network_as_data), build(network_as_data).eval()
    seen, logits = observe(network, network_as_data)
    rows = {row.name: row for row in counted.layers}
    assert counted.params == sum(p.numel() for p in network.parameters())
    by_layer = {}
    for name, parameter in network.named_parameters():
        layer = name.rpartition(".")[0]
        by_layer[layer] = by_layer.get(layer, 0) + parameter.numel()
    assert by_layer == {row.name: row.params for row in counted.layers if row.params}
    running = sum(b.numel() for name, b in network.named_buffers() if "running" in name)
    assert counted.statistics_bytes == 4 * running
    assert {path: (rows[path].output_shape, rows[path].macs) for path in seen} == seen
    assert counted.macs == sum(macs for _, macs in seen.values())
    channels, height, width = counted.output_shape
    assert tuple(logits.shape) == (2, channels * height * width)
