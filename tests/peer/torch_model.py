"""torch_model.py - our networks in PyTorch, made of other people's parts.

Encoders are torchvision's ResNet and timm's VisionTransformer; decoders torchvision's ASPP (preset plain
and full ones) and segmentation_models_pytorch's decoder or whole model (preset smp). What no library has, a
skip, a concatenation, a last convolution, is written here from torch.nn. Choices come from a recipe, so that
train/*.conf stay the one place where they stand. Tensors go by this project's names: Net.named().
"""
import os

import segmentation_models_pytorch as smp
import timm
import torch
import torch.nn.functional as F
import torchvision
from segmentation_models_pytorch.base import SegmentationHead
from segmentation_models_pytorch.decoders.deeplabv3.decoder import DeepLabV3PlusDecoder, SeparableConv2d
from segmentation_models_pytorch.encoders._utils import replace_strides_with_dilation
from torch import nn
from torchvision.models.resnet import Bottleneck, ResNet
from torchvision.models.segmentation.deeplabv3 import ASPP

CONF = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "train")
WIDTHS = {"vits": dict(embed_dim=384, num_heads=6, depth=12), "vitt": dict(embed_dim=192, num_heads=3, depth=12)}


def recipe(path=os.path.join(CONF, "paper.conf"), **overrides):
    """A recipe file's keys with its preset's; overrides as decoder__width="16" or {"decoder.width": "16"}."""
    keys = _lines(path)
    keys.update({k.replace("__", "."): str(v) for k, v in overrides.items()})
    base = _lines(os.path.join(os.path.dirname(path), keys["preset"] + ".conf"))
    return {**base, **keys}


def _lines(path):
    keys = {}
    with open(path) as f:
        for line in f:
            key, _, value = line.partition("#")[0].strip().partition(" ")
            if key:
                keys[key] = value.strip()
    return keys


def yes(r, key):
    return r[key] == "yes"


class ReducedResNet(ResNet):
    """torchvision's ResNet with one bottleneck a stage and `width` planes in place of 64."""

    def __init__(self, width, replace_stride_with_dilation):
        nn.Module.__init__(self)
        self._norm_layer, self.inplanes, self.dilation, self.groups, self.base_width = nn.BatchNorm2d, width, 1, 1, 64
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1, self.relu, self.maxpool = nn.BatchNorm2d(width), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        self.layer1 = self._make_layer(Bottleneck, width, 1)
        for i, dilate in enumerate(replace_stride_with_dilation):
            layer = self._make_layer(Bottleneck, width << (i + 1), 1, stride=2, dilate=dilate)
            setattr(self, f"layer{i + 2}", layer)


class ResNetTaps(nn.Module):
    """layer1 and layer4 of a torchvision ResNet."""

    def __init__(self, r, reduced):
        super().__init__()
        stride, own = int(r["encoder.output_stride"]), not yes(r, "encoder.first_dilated")
        dilate = [False, stride < 16 and own, stride < 32 and own]
        if reduced:
            net, self.channels = ReducedResNet(reduced, dilate), (4 * reduced, 32 * reduced)
        else:
            net = torchvision.models.resnet50(weights=None, replace_stride_with_dilation=dilate)
            self.channels = 256, 2048
        if yes(r, "encoder.first_dilated"):  # smp's way: every convolution of the stage
            for layer, rate in {8: ((net.layer3, 2), (net.layer4, 4)), 16: ((net.layer4, 2),), 32: ()}[stride]:
                replace_strides_with_dilation(layer, rate)
        if r["encoder.stride_position"] == "v1":
            for block in [m for m in net.modules() if isinstance(m, Bottleneck)]:
                block.conv1.stride, block.conv2.stride = block.conv2.stride, (1, 1)
        if not reduced:
            del net.fc
        self.net = net

    def forward(self, x):
        n = self.net
        skip = n.layer1(n.maxpool(n.relu(n.bn1(n.conv1(x)))))
        return skip, n.layer4(n.layer3(n.layer2(skip)))


class ViTTaps(nn.Module):
    """A block's output and the last one's as maps without class token."""

    def __init__(self, r, name, side, reduced):
        super().__init__()
        size = dict(embed_dim=reduced, num_heads=3, depth=3) if reduced else WIDTHS[name]
        self.net = timm.models.vision_transformer.VisionTransformer(img_size=side, patch_size=16, num_classes=0, **size)
        self.block = int(r["encoder.skip_block"])
        self.norms = yes(r, "encoder.skip_norm"), yes(r, "encoder.last_norm")
        self.channels = (size["embed_dim"],) * 2

    def forward(self, x):
        n, side = self.net, x.shape[-1] // 16
        depth = len(n.blocks)
        tokens, maps = n.forward_intermediates(x, indices=[max(self.block, 0), depth - 1], norm=False, output_fmt="NLC")
        last = tokens[:, 1:] if self.norms[1] else maps[-1]  # forward_intermediates ends in the final norm
        skip = maps[0] if self.block >= 0 else n._pos_embed(n.patch_embed(x))[:, 1:]
        skip = n.norm(skip) if self.norms[0] else skip
        return tuple(t.transpose(1, 2).reshape(len(x), -1, side, side) for t in (skip, last))


def conv_bn_relu(cin, cout, kernel, separable=False):
    conv = SeparableConv2d(cin, cout, kernel, padding=kernel // 2, bias=False) if separable and kernel > 1 else \
        nn.Conv2d(cin, cout, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(cout), nn.ReLU())


class Decoder(nn.Module):
    """The decoder of any recipe, by our names; the ASPP is torchvision's or, if separable, smp's."""

    def __init__(self, r, channels):
        super().__init__()
        self.r, width, skip = r, int(r["decoder.width"]), int(r["decoder.skip_width"])
        rates, separable = [int(v) for v in r["decoder.rates"].split()], yes(r, "decoder.separable")
        if separable:
            self.aspp = smp.decoders.deeplabv3.decoder.ASPP(channels[1], width, rates, True, 0)
        else:
            self.aspp = ASPP(channels[1], rates, width)
        self.aspp.project[3].p = float(r["decoder.dropout"])
        if r["decoder.extra_convs"] == "before":
            self.before = conv_bn_relu(width, width, 3, separable)
        self.skip = conv_bn_relu(channels[0], skip, 1)
        self.fuse = conv_bn_relu(width + skip, width, 3, separable)
        if r["decoder.extra_convs"] == "after":
            self.after = conv_bn_relu(width, width, 3, separable)
        self.head = nn.Conv2d(width, 1, 1)
        self.align = yes(r, "decoder.align_corners")

    def resize(self, x, side):
        return F.interpolate(x, (side, side), mode="bilinear", align_corners=self.align)

    def forward(self, skip, last, side):
        x = self.aspp(last)
        x = self.before(x) if hasattr(self, "before") else x
        scale = self.r["decoder.skip_scale"] if skip.shape[-1] == last.shape[-1] else "none"
        skip = self.resize(skip, 4 * skip.shape[-1]) if scale == "before" else skip
        skip = self.skip(skip)
        skip = self.resize(skip, 4 * skip.shape[-1]) if scale == "after" else skip
        x = self.resize(x, skip.shape[-1])
        x = self.fuse(torch.cat((skip, x) if self.r["decoder.concat"] == "skip_first" else (x, skip), 1))
        x = self.after(x) if hasattr(self, "after") else x
        return self.resize(self.head(x), side)


class SmpDecoder(nn.Module):
    """segmentation_models_pytorch's own decoder and head behind any encoder. It knows no encoder whose maps
    have one size: there its upsampling is left out, or the skip's added, as the recipe says."""

    NAMES = (("decoder.aspp.0.", "aspp."), ("decoder.aspp.1.", "before.0."), ("decoder.aspp.2.", "before.1."),
             ("decoder.block1.", "skip."), ("decoder.block2.", "fuse."), ("segmentation_head.0.", "head."))

    def __init__(self, r, channels, same_size):
        super().__init__()
        assert r["decoder.skip_width"] == "48" and yes(r, "decoder.separable") and yes(r, "decoder.align_corners")
        width, rates = int(r["decoder.width"]), [int(v) for v in r["decoder.rates"].split()]
        self.decoder = DeepLabV3PlusDecoder((0, 0, channels[0], 0, 0, channels[1]), 5, width, rates, 16, True,
                                            float(r["decoder.dropout"]))
        scale = r["decoder.skip_scale"] if same_size else ""
        self.segmentation_head = SegmentationHead(width, 1, 1, upsampling=16 if scale == "none" else 4)
        if scale == "none":
            self.decoder.up = nn.Identity()
        self.scale, self.up = scale, nn.UpsamplingBilinear2d(scale_factor=4)
        if scale == "after":
            self.decoder.block1.register_forward_hook(lambda module, x, y: self.up(y))

    def forward(self, skip, last, side):
        del side  # fixed scales are this library's way
        skip = self.up(skip) if self.scale == "before" else skip
        return self.segmentation_head(self.decoder([None, None, skip, None, None, last]))


class SmpWhole(nn.Module):
    """smp.DeepLabV3Plus("resnet50") with all its defaults but random weights and the recipe's dropout."""

    def __init__(self, r):
        super().__init__()
        self.net = smp.DeepLabV3Plus("resnet50", encoder_weights=None, decoder_aspp_dropout=float(r["decoder.dropout"]))

    def forward(self, x):
        return self.net(x)


class Net(nn.Module):
    """encoder: resnet50, vits, vitt; reduced: 0, or a width for the small nets of the goldens."""

    def __init__(self, encoder, r, side=224, reduced=0):
        super().__init__()
        vit = encoder.startswith("vit")
        self.whole = None
        if encoder == "resnet50" and r["preset"] == "smp" and not reduced:
            self.whole = SmpWhole(r)
        else:
            self.encoder = ViTTaps(r, encoder, side, reduced) if vit else ResNetTaps(r, reduced)
            smps = r["preset"] == "smp"
            self.decoder = SmpDecoder(r, self.encoder.channels, vit) if smps else Decoder(r, self.encoder.channels)
        for m in self.modules():
            if isinstance(m, nn.ReLU):
                m.inplace = True
            if isinstance(m, nn.BatchNorm2d):
                m.momentum, m.eps = float(r["bn_momentum"]), float(r["bn_eps"])

    def forward(self, x):
        if self.whole:
            return self.whole(x)
        return self.decoder(*self.encoder(x), x.shape[-1])

    def named(self):
        """Our name -> tensor, in byte order of the names: parameters and running statistics."""
        tensors = {**dict(self.named_parameters()), **dict(self.named_buffers())}
        return dict(sorted((self.ours(k), v) for k, v in tensors.items() if not k.endswith("num_batches_tracked")))

    def ours(self, name):
        name = name.replace("whole.net.", "").replace("encoder.net.", "encoder.")
        name = name.replace("decoder.decoder.", "decoder.").replace("decoder.segmentation_head", "segmentation_head")
        smps = self.whole or isinstance(self.decoder, SmpDecoder)
        for theirs, ours in SmpDecoder.NAMES if smps else ():
            if name.startswith(theirs):
                return "decoder." + ours + name[len(theirs):]
        return name
