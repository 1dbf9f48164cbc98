"""Network in Network (Lin et al., arXiv:1312.4400): 1x1 convolutions after each other, global average pooling."""

from __future__ import annotations

from explorer.arch import layers as L
from explorer.arch import small
from explorer.arch.architecture import Architecture

NAMED: dict[str, dict[str, object]] = {"nin_imagenet": {}}


def nin(input_shape: L.Shape, classes: int, *, final_relu: bool = True) -> Architecture:
    """The authors' ImageNet network (their Caffe model; the paper itself prints only the smaller ones).

    7,595,176 params, from its layers: each of four blocks is a convolution and two 1x1 convolutions ("cccp").

        conv1 11x11x3x96    34,944   cccp1 cccp2  2 x 9,312
        conv2 5x5x96x256   614,656   cccp3 cccp4  2 x 65,792
        conv3 3x3x256x384  885,120   cccp5 cccp6  2 x 147,840
        conv4 3x3x384x1024 3,539,968 cccp7        1,049,600   cccp8 1,025,000

    Args:
        input_shape: (channels, height, width), 224 px in the original. Smaller images adapt the stem and the pools, see
            `small.py`.
        classes: filters of cccp8.
        final_relu: ReLU after cccp8, as in the authors' file.
    """
    if classes < 1:
        raise L.ArchitectureError(f"classes is {classes}, expected at least 1")
    adapted: list[str] = []
    conv1, side = small.stem(L.Conv2d("conv1", 96, 11, stride=4), min(input_shape[1:]), adapted)
    blocks = [
        (conv1, 96, 96),
        (L.Conv2d("conv2", 256, 5, padding=2), 256, 256),
        (L.Conv2d("conv3", 384, 3, padding=1), 384, 384),
        (L.Conv2d("conv4", 1024, 3, padding=1), 1024, classes),
    ]
    layers: list[L.Layer] = []
    for i, (conv, middle, last) in enumerate(blocks, start=1):
        first, second = f"cccp{2 * i - 1}", f"cccp{2 * i}"
        layers += [conv, L.ReLU(f"relu_{conv.name}")]
        layers += [L.Conv2d(first, middle, 1), L.ReLU(f"relu_{first}"), L.Conv2d(second, last, 1)]
        if i < 4:
            pool, side = small.pool(L.MaxPool2d(f"pool{i}", 3, 2, ceil_mode=True), side, adapted)
            layers += [L.ReLU(f"relu_{second}"), *pool]
            if i == 3:
                layers.append(L.Dropout("drop"))
        elif final_relu:
            layers.append(L.ReLU(f"relu_{second}"))
    return Architecture(input_shape, (*layers, L.GlobalAvgPool2d("pool4"), L.Flatten("flatten")), tuple(adapted))
