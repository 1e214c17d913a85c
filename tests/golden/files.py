"""Small checkpoints as PyTorch itself writes them, and what is in them as safetensors.

make(seed, directory) writes checkpoints/NAME.pth and NAME.expected.safetensors for the accepted ones:
  plain      every element type, no dimension, no element, transposed, sliced, expanded, two tensors
             on one storage
  nested     {"model": state dict, "epoch": 3, ...} as training loops save
  parameter  a dict of nn.Parameter
  module     an nn.Module's state_dict, with its _metadata
and legacy.pth (PyTorch's format before 1.6), script.pth (TorchScript), list.pth (no dict), which
must be refused. halves.safetensors holds F16, BF16 and F64 beside halves.expected.safetensors (F32).
pickles/NAME.pkl is the pickle inside NAME.pth: a seed of tests/fuzz/fuzz_pickle.c. Names and shapes
do not depend on the seed, the values do. Used by tests/convert_weights_test.c.
"""
import collections
import os
import zipfile

import numpy as np
import torch
from safetensors.torch import save_file

INTEGERS = [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8]
FLOATS = [torch.float32, torch.float64, torch.float16, torch.bfloat16]


def normal(rng, *shape):
    return torch.from_numpy(rng.standard_normal(shape))


def plain(rng):
    out = collections.OrderedDict()
    for dtype in FLOATS:
        out["dtype." + str(dtype).split(".")[1]] = normal(rng, 3, 5).to(dtype)
    for dtype in INTEGERS:
        out["dtype." + str(dtype).split(".")[1]] = torch.from_numpy(rng.integers(0, 100, (4, 3))).to(dtype)
    out["dtype.bool"] = torch.from_numpy(rng.integers(0, 2, 9)).to(torch.bool)
    base = normal(rng, 4, 6, 5).float()
    out["shape.scalar"] = normal(rng).float()
    out["shape.empty"] = torch.zeros(0, 3)
    out["shape.eight"] = normal(rng, 1, 2, 1, 2, 1, 2, 1, 3).float()
    out["stride.base"] = base
    out["stride.transposed"] = base.transpose(0, 2)
    out["stride.sliced"] = base[1:3, ::2, 1::3]
    out["stride.expanded"] = normal(rng, 3, 1).float().expand(3, 4)
    out["stride.channels_last"] = normal(rng, 2, 3, 4, 5).float().to(memory_format=torch.channels_last)
    return out


def batchnorm(rng):
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    with torch.no_grad():
        for name, t in module.state_dict().items():
            if t.is_floating_point():
                t.copy_(normal(rng, *t.shape).abs() if name.endswith("running_var") else normal(rng, *t.shape))
    return module


def expect(folder, name, tensors):
    whole = {k: v.detach().clone(memory_format=torch.contiguous_format) for k, v in tensors.items()}
    save_file(whole, os.path.join(folder, name + ".expected.safetensors"))


def make(seed, directory):
    rng = np.random.default_rng(seed)
    folder = os.path.join(directory, "checkpoints")
    os.makedirs(folder, exist_ok=True)
    path = lambda name: os.path.join(folder, name)
    state = plain(rng)
    torch.save(state, path("plain.pth"))
    expect(folder, "plain", state)

    inner = collections.OrderedDict(a=normal(rng, 2, 3).float(), b=normal(rng, 7).float())
    torch.save({"model": inner, "epoch": 3, "best": 0.25, "none": None, "flag": True,
                "steps": [1, 2, -3, 70000, 1 << 40], "optimizer": {"state": {0: {"step": torch.ones(())}}}},
               path("nested.pth"))
    expect(folder, "nested", inner)

    parameters = {k: torch.nn.Parameter(normal(rng, 3, 2).float()) for k in ("x", "y")}
    torch.save(parameters, path("parameter.pth"))
    expect(folder, "parameter", parameters)

    module = batchnorm(rng)
    torch.save(module.state_dict(), path("module.pth"))
    expect(folder, "module", module.state_dict())

    # without tensors: that format names storages by their addresses
    torch.save({"epoch": 3}, path("legacy.pth"), _use_new_zipfile_serialization=False)
    os.makedirs(os.path.join(directory, "pickles"), exist_ok=True)
    for name in ("plain", "nested", "parameter", "module"):
        with zipfile.ZipFile(path(name + ".pth")) as z, \
                open(os.path.join(directory, "pickles", name + ".pkl"), "wb") as f:
            f.write(z.read(name + "/data.pkl"))

    torch.save([torch.ones(2)], path("list.pth"))
    torch.jit.script(torch.nn.ReLU()).save(path("script.pth"))

    halves = {str(d).split(".")[1]: normal(rng, 40).to(d) for d in FLOATS}
    save_file(halves, path("halves.safetensors"))
    expect(folder, "halves", {k: v.float() for k, v in halves.items()})

