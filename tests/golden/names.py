"""The names and shapes of other people's state dicts, which an exported model must have.

make(seed, directory) writes names.tsv: network, name, type and shape as `bag FILE` prints them; the
seed changes nothing. Used by tests/export.sh.
"""
import os

import segmentation_models_pytorch as smp
import timm
import torch
import torchvision

TYPES = {torch.float32: "F32", torch.int64: "I64"}


def network(kind):
    """What tests/export.sh loads into, as `bag --export` says."""
    if kind in ("vits", "vitt"):
        size = {"vits": "small", "vitt": "tiny"}[kind]
        return timm.create_model(f"vit_{size}_patch16_224", num_classes=0, img_size=224)
    if kind == "resnet50":
        net = torchvision.models.resnet50(replace_stride_with_dilation=[False, False, True])
        net.fc = torch.nn.Identity()
        return net
    return smp.DeepLabV3Plus("resnet50", encoder_weights=None, decoder_channels=256,
                             decoder_atrous_rates=(12, 24, 36), decoder_aspp_dropout=0.5)


def make(seed, directory):
    del seed
    with open(os.path.join(directory, "names.tsv"), "w", encoding="ascii") as f:
        f.write("network\tname\ttype\tshape\n")
        for kind in ("vits", "vitt", "resnet50", "smp"):
            for name, x in sorted(network(kind).state_dict().items()):
                shape = "[" + ",".join(map(str, x.shape)) + "]"
                f.write(f"{kind}\t{name}\t{TYPES[x.dtype]}\t{shape}\n")
