#!/usr/bin/env python3
"""train.py - the same training run in PyTorch: same initial parameters, pack, split, order of pictures.

    out/bin/train --set decoder.dropout=0 --init-only START.bag CELL train/paper.conf PACK SPLIT WEIGHTS OUTDIR
    train.py --pack PACK --split SPLIT --init START.bag [--seed 0] [--steps N] [--threads 2]
             [--set KEY=VALUE]... [--double] > log.tsv

START.bag says all else: parameters, recipe, mean, std, order and range. --set changes a key of the recipe. The
output has the columns of train's log.tsv: a `train` row a step, a `val` row an epoch with Dice and IoU (mean over
pictures at the network's size, logit > 0, both empty = 1). The order of an epoch is stream 3's permutation
(core/rng.h) by --seed, so that without dropout losses are to be compared one by one. Dropout's bits are PyTorch's,
by --seed. Keys it has no code for are refused unless they stand as in train/paper.conf.
"""
import argparse
import os
import sys

import numpy as np
import torch
from safetensors import safe_open

import torch_model

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden"))
import formula  # noqa: E402
from ops import loss_by_word  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(description="the same training run in PyTorch")
    for name in ("pack", "split", "init"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--seed", type=int, default=0, help="of the order and of dropout")
    parser.add_argument("--steps", type=int, default=0, help="stop after so many")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--double", action="store_true", help="in float64, beside --device ref")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    return parser.parse_args()


def read_pack(path):
    """Pictures u8 [N,S,S,3], masks u8 [N,S,S], names."""
    with safe_open(path, "np") as f:
        image, bits, names = f.get_tensor("image"), f.get_tensor("mask"), f.get_tensor("name")
    side = image.shape[1]
    mask = np.unpackbits(bits, axis=1, bitorder="little").reshape(-1, side, side)
    return image, mask, names.tobytes().decode().split("\n")[:-1]


def read_split(path, names):
    place = {name: i for i, name in enumerate(names)}
    sets = {"train": [], "val": [], "pick": []}
    with open(path) as f:
        rows = [line.rstrip("\n").split("\t") for line in f if not line.startswith("#")]
    head = rows[0]
    for row in rows[1:]:
        sets[row[head.index("set")]].append(place[row[head.index("name")]])
    return sets["train"] + sets["pick"], sets["val"]  # in the file's order, as train/sets.c


PLAIN = dict(norm="source", scale="source", channels="source", gray="no", bn="train", freeze="none", augment="none",
             lr_encoder="same", warmup="0", drop_last="no", steps="0", precision="fp32", metric="image")


def read_recipe(meta, changes):
    r = dict(line.split(" ", 1) for line in meta["recipe"].splitlines())
    r.update(pair.split("=", 1) for pair in changes)
    other = [key for key, value in PLAIN.items() if r[key] != value]
    if other:
        sys.exit(f"train.py: no code for {', '.join(f'{k} {r[k]}' for k in other)}; wanted as in train/paper.conf")
    return r


def read_model(path, changes):
    with safe_open(path, "pt") as f:
        meta, tensors = f.metadata(), {k: f.get_tensor(k) for k in f.keys()}
    r = read_recipe(meta, changes)
    net = torch_model.Net(meta["cell"].split("-")[0], r, int(meta["side"]))
    named = net.named()
    if named.keys() != tensors.keys():
        sys.exit(f"train.py: {path}: other tensors than the recipe's: {sorted(named.keys() ^ tensors.keys())[:6]}")
    with torch.no_grad():
        for name, tensor in named.items():
            tensor.copy_(tensors[name].reshape(tensor.shape))
    return net, r, meta


class Data:
    def __init__(self, args, meta):
        self.real = torch.float64 if args.double else torch.float32
        self.image, self.mask, names = read_pack(args.pack)
        self.train, self.val = read_split(args.split, names)
        numbers = lambda key: torch.tensor([float(v) for v in meta[key].split()], dtype=self.real).reshape(3, 1, 1)
        self.mean, self.std, self.range = numbers("mean"), numbers("std"), float(meta["range"])
        self.planes = [2, 1, 0] if meta["order"] == "bgr" else [0, 1, 2]

    def batch(self, items):
        x = torch.from_numpy(self.image[items][..., self.planes].transpose(0, 3, 1, 2).copy()).to(self.real)
        return (x / self.range - self.mean) / self.std, torch.from_numpy(self.mask[items][:, None]).to(self.real)


def validate(net, data, word):
    net.eval()
    dice, iou, loss = [], [], []
    with torch.inference_mode():
        for first in range(0, len(data.val), 32):
            x, t = data.batch(data.val[first:first + 32])
            z = net(x)
            p, t = (z > 0).double(), t.double()
            inter, both = (p * t).sum((1, 2, 3)), p.sum((1, 2, 3)) + t.sum((1, 2, 3))
            dice += torch.where(both > 0, 2 * inter / both, torch.ones(())).tolist()
            iou += torch.where(both > 0, inter / (both - inter), torch.ones(())).tolist()
            loss += loss_by_word(word, z.double(), t).tolist()
    return np.mean(loss), np.mean(dice), np.mean(iou)


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    net, r, meta = read_model(args.init, args.set)
    data = Data(args, meta)
    net = net.to(data.real).to(memory_format=torch.channels_last)
    adam = torch.optim.Adam(net.parameters(), lr=float(r["lr"]), betas=[float(b) for b in r["betas"].split()],
                            eps=float(r["eps"]), weight_decay=float(r["weight_decay"]))
    batch, items, step = int(r["batch"]), np.array(data.train), 0
    print("kind\tepoch\tstep\tloss\tlr\tdice\tiou")
    for epoch in range(1, int(r["epochs"]) + 1):
        net.train()
        order = items[formula.permutation(args.seed, formula.STREAM_ORDER, epoch, len(items))]
        for first in range(0, len(order), batch):
            x, t = data.batch(order[first:first + batch])
            adam.zero_grad()
            loss = loss_by_word(r["loss"], net(x.contiguous(memory_format=torch.channels_last)), t).mean()
            loss.backward()
            adam.step()
            step += 1
            print(f"train\t{epoch}\t{step}\t{loss.item():.17g}\t{r['lr']}\tna\tna", flush=True)
            if step == args.steps:
                return
        loss, dice, iou = validate(net, data, r["loss"])
        print(f"val\t{epoch}\t{step}\t{loss:.9g}\tna\t{dice:.9g}\t{iou:.9g}", flush=True)


if __name__ == "__main__":
    main()
