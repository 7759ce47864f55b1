"""The twins in PyTorch, as one would write them there (NCHW): classifier.onnx, unet.onnx."""

import pathlib

import torch
from torch import nn
from torch.nn import functional as F

import weights

HERE = pathlib.Path(__file__).resolve().parent


def conv(kernel, bias=None, groups=1):
    out, per_group, size, _ = kernel.shape
    layer = nn.Conv2d(per_group * groups, out, size, padding=size // 2, groups=groups, bias=bias is not None)
    return filled(layer, kernel, bias)


def filled(layer, kernel, bias=None):
    layer.weight.data = torch.tensor(kernel)
    if bias is not None:
        layer.bias.data = torch.tensor(bias)
    return layer


def norm(values):
    scale, offset, mean, variance = map(torch.tensor, values)
    layer = nn.BatchNorm2d(len(scale), eps=weights.EPSILON)
    layer.weight.data, layer.bias.data, layer.running_mean, layer.running_var = scale, offset, mean, variance
    return layer


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        w = weights.classifier
        self.conv, self.norm = conv(w["conv"]), norm(w["norm"])
        self.depthwise, self.depthwise_norm = conv(w["depthwise"], groups=8), norm(w["depthwise_norm"])
        self.pointwise, self.pointwise_norm = conv(w["pointwise"]), norm(w["pointwise_norm"])
        self.dense = filled(nn.Linear(8, 10), w["dense"], w["dense_bias"])

    def forward(self, image):
        x = skip = F.max_pool2d(F.relu(self.norm(self.conv(image))), 2)
        x = F.relu(self.depthwise_norm(self.depthwise(x)))
        x = F.relu(self.pointwise_norm(self.pointwise(x)) + skip)
        x = torch.flatten(F.avg_pool2d(x, 8), 1)
        return torch.softmax(self.dense(x), dim=1)


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        w = weights.unet
        self.down, self.bottom = conv(w["down"], w["down_bias"]), conv(w["bottom"], w["bottom_bias"])
        self.up = filled(nn.ConvTranspose2d(8, 4, 2, stride=2), w["up"], w["up_bias"])
        self.merge, self.scores = conv(w["merge"], w["merge_bias"]), conv(w["scores"], w["scores_bias"])

    def forward(self, image):
        skip = F.relu(self.down(image))
        x = F.relu(self.bottom(F.max_pool2d(skip, 2)))
        return self.scores(F.relu(self.merge(torch.cat([skip, self.up(x)], dim=1))))


def main():
    for name, model, output, values in [
        ("classifier", Classifier(), "probabilities", weights.classifier),
        ("unet", UNet(), "scores", weights.unet),
    ]:
        model.eval()
        torch.onnx.export(
            model, (torch.tensor(values["samples"][:1]),), HERE / f"{name}.onnx", input_names=["image"],
            output_names=[output], opset_version=17, dynamo=False, do_constant_folding=False,
            training=torch.onnx.TrainingMode.PRESERVE,
        )


if __name__ == "__main__":
    main()
