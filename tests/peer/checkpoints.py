#!/usr/bin/env python3
"""checkpoints.py - a ResNet-50 as three libraries save it, for tests/peer/sources.sh to convert.

    checkpoints.py NAMES.tsv FOLDER

Random weights of torchvision's network, so that nothing is fetched: FOLDER/resnet50.pth by torch.save,
.safetensors by safetensors, .h5 by h5py under Keras's names, of which NAMES.tsv
(convert/names/keras_resnet50.tsv) says which is which; its convolutions have a bias each.
"""
import os
import sys

import h5py
import safetensors.torch
import torch
import torchvision


def main():
    names, folder = sys.argv[1:]
    torch.manual_seed(1)
    state = torchvision.models.resnet50(weights=None).state_dict()
    torch.save(state, os.path.join(folder, "resnet50.pth"))
    safetensors.torch.save_file(state, os.path.join(folder, "resnet50.safetensors"))
    with open(names) as table, h5py.File(os.path.join(folder, "resnet50.h5"), "w") as out:
        for line in table:
            if line.startswith(("#", "from\t")):
                continue
            keras, ours, turn = line.rstrip("\n").split("\t")
            layer, what = keras.split("/")
            value = state.get(ours)
            if value is None:  # the bias of a convolution, as many as its batch norm has
                value = torch.zeros(state[ours.replace(".bias", ".weight")].shape[0])
            if turn == "hwio":
                value = value.permute(2, 3, 1, 0)
            out[f"{layer}/{layer}/{what}:0"] = value.contiguous().numpy()


if __name__ == "__main__":
    main()
