#!/usr/bin/env python3
"""load.py - loads what `bag --export` wrote as its users would, strictly, and runs it.

    python tests/peer/load.py KIND MODEL.bag STATE.safetensors     KIND: vits vitt resnet50 smp

KIND's network is the one of tests/golden/names.py. Its output must be that of torch_model.py's network,
which has the model's tensors by its own table of names.
"""
import os
import sys

import torch
from safetensors import safe_open
from safetensors.torch import load_file

import torch_model
from train import read_recipe

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden"))
import names  # noqa: E402


def main(kind, model, state):
    net = names.network(kind).eval()
    net.load_state_dict(load_file(state), strict=True)
    with safe_open(model, "pt") as f:
        meta = f.metadata()
    r, bag = read_recipe(meta, []), load_file(model)
    ours = torch_model.Net(meta["cell"].split("-")[0], r, int(meta["side"])).eval()
    with torch.no_grad():
        for name, x in ours.named().items():
            x.copy_(bag[name])
        x = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(1))
        if kind == "smp":
            y, want = net(x), ours(x)
        elif kind == "resnet50":
            taps = {}
            net.layer4.register_forward_hook(lambda module, x, y: taps.update(last=y))
            net(x)
            y, want = taps["last"], ours.encoder(x)[1]
        else:
            y = net.forward_features(x)[:, 1:].transpose(1, 2)
            want = ours.encoder(x)[1].flatten(2)
    error = ((y - want).norm() / want.norm()).item()
    print(f"{kind}: {len(net.state_dict())} tensors, outputs differ by {error:.1e}")
    return 0 if error < 1e-6 else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
