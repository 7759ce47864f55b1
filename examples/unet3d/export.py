"""A 3D-UNet in PyTorch, exported to ONNX with seeded weights.

The architecture is that of Cicek et al., "3D U-Net: Learning Dense Volumetric Segmentation from Sparse Annotation"
(MICCAI 2016), with padded convolutions: each level has two 3x3x3 convolutions with batch norm and ReLU, of which the second
doubles the channels; max pooling leads down, transposed convolutions lead up, and skips are concatenated.

    export.py                                  the whole one, to target/unet3d.onnx: 1x1x64x64x64, 4 levels, width 16
    export.py --size 8 --levels 2 --width 4    the tiny one of the tests
"""

import argparse
import pathlib

import numpy as np
import onnx
import torch
from torch import nn

SEED = 20
CLASSES = 3
ROOT = pathlib.Path(__file__).resolve().parents[2]


def block(channels, middle, out):
    """Two 3x3x3 convolutions, each with batch norm and ReLU."""
    layers = []
    for a, b in [(channels, middle), (middle, out)]:
        layers += [nn.Conv3d(a, b, 3, padding=1, bias=False), nn.BatchNorm3d(b), nn.ReLU()]
    return nn.Sequential(*layers)


class UNet3d(nn.Module):
    """One channel in, a score for each class and voxel out."""

    def __init__(self, levels, width):
        super().__init__()
        self.down, self.up, self.merge = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        channels = 1
        for level in range(levels):
            middle = width << level
            self.down.append(block(channels, middle, 2 * middle))
            channels = 2 * middle
        for level in reversed(range(levels - 1)):
            skip = 2 * width << level
            self.up.append(nn.ConvTranspose3d(channels, channels, 2, stride=2))
            self.merge.append(block(channels + skip, skip, skip))
            channels = skip
        self.pool = nn.MaxPool3d(2)
        self.scores = nn.Conv3d(channels, CLASSES, 1)

    def forward(self, x):
        skips = []
        for level, down in enumerate(self.down):
            x = down(x if level == 0 else self.pool(x))
            skips.append(x)
        for up, merge, skip in zip(self.up, self.merge, reversed(skips[:-1])):
            x = merge(torch.cat([skip, up(x)], dim=1))
        return self.scores(x)


def seed(model):
    """He-initialised weights, and batch norms that do something."""
    for module in model.modules():
        if isinstance(module, (nn.Conv3d, nn.ConvTranspose3d)):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.uniform_(module.bias, -0.1, 0.1)
        if isinstance(module, nn.BatchNorm3d):
            nn.init.uniform_(module.weight, 0.8, 1.2)
            nn.init.uniform_(module.bias, -0.1, 0.1)
            nn.init.uniform_(module.running_mean, -0.1, 0.1)
            nn.init.uniform_(module.running_var, 0.8, 1.2)


def multiply_accumulates(model, x):
    """Those of the convolutions, for one input."""
    total = 0

    def count(module, inputs, output):
        nonlocal total
        if isinstance(module, nn.ConvTranspose3d):
            total += inputs[0].numel() * module.weight[0].numel()
        else:
            total += output.numel() * module.weight[0].numel()

    convolutions = [m for m in model.modules() if isinstance(m, (nn.Conv3d, nn.ConvTranspose3d))]
    hooks = [m.register_forward_hook(count) for m in convolutions]
    model(x)
    for hook in hooks:
        hook.remove()
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=64, help="voxels along each axis")
    parser.add_argument("--levels", type=int, default=4)
    parser.add_argument("--width", type=int, default=16, help="channels of the first convolution")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "target/unet3d.onnx")
    parser.add_argument("--samples", type=int, default=0, help="write so many inputs, with PyTorch's answers, beside it")
    args = parser.parse_args()

    torch.manual_seed(SEED)
    model = UNet3d(args.levels, args.width)
    seed(model)
    model.eval()
    volume = torch.randn(1, 1, args.size, args.size, args.size)
    with torch.no_grad():
        macs = multiply_accumulates(model, volume)
        torch.onnx.export(
            model, (volume,), args.output, input_names=["volume"], output_names=["scores"], opset_version=17,
            dynamo=False, do_constant_folding=False, training=torch.onnx.TrainingMode.PRESERVE,
        )
        if args.samples:
            volumes = torch.randn(args.samples, 1, args.size, args.size, args.size)
            expected = torch.cat([model(v[None]) for v in volumes])
            np.savez_compressed(args.output.with_suffix(".npz"), volume=volumes.numpy(), expected=expected.numpy())
    onnx.checker.check_model(str(args.output), full_check=True)
    parameters = sum(t.numel() for t in model.parameters())
    print(f"{args.output}: {parameters:,} parameters, {macs / 1e9:.2f} GMAC, {args.output.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
