"""models.py - whole networks by torchvision, timm and segmentation_models_pytorch, in float64.

Reduced ones train three steps: loss, every gradient, every parameter and statistic, and how far PyTorch's
own float32 comes from them. Full-width ones only look at a picture. Parameters, pictures and masks follow the
formulas of formula.py, so only results are stored. Names: README.md.
"""
import os
import sys

import numpy as np
import torch
from torch import nn

import formula
from ops import loss_by_word
from store import Store

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "peer"))
import torch_model  # noqa: E402  (beside the peer, which times the same networks)

SIDE, BATCH, STEPS, WIDTH, DRAWS = 64, 4, 3, {"resnet50": 8, "vits": 24}, 80
SAMPLE, MAPS, LOGITS = 64, 512, 2048  # elements kept of a tensor
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

SMALL = {"decoder.width": 16, "decoder.skip_width": 6, "decoder.dropout": 0, "encoder.skip_block": 0, "batch": BATCH}
REDUCED = (  # name, encoder, what differs from train/paper.conf besides SMALL
    ("resnet.plain", "resnet50", {}),
    ("resnet.smp", "resnet50", {"preset": "smp", "decoder.skip_width": 48}),
    ("resnet.chen2018", "resnet50", {"preset": "chen2018"}),
    ("resnet.other", "resnet50", {"encoder.output_stride": 8, "encoder.stride_position": "v1", "loss": "bce_dice",
                                  "weight_decay": .01, "bn_momentum": .03, "bn_eps": .001, "lr_encoder": "0.00002",
                                  "decoder.rates": "1 2 6"}),
    ("resnet.frozen", "resnet50", {"encoder.output_stride": 32, "bn": "frozen", "decoder.separable": "yes",
                                   "decoder.extra_convs": "before", "warmup": 3, "betas": "0.8 0.99"}),
    ("vit.plain", "vits", {}),
    ("vit.smp", "vits", {"preset": "smp", "decoder.skip_width": 48, "decoder.skip_scale": "after"}),
    ("vit.chen2018", "vits", {"preset": "chen2018"}),
    ("vit.other", "vits", {"preset": "smp", "decoder.skip_width": 48, "encoder.skip_block": -1,
                           "encoder.skip_norm": "yes", "loss": "dice", "eps": .0001}),
    ("vit.before", "vits", {"decoder.skip_scale": "before", "encoder.skip_block": 1, "encoder.skip_norm": "yes",
                            "encoder.last_norm": "no", "decoder.concat": "aspp_first", "decoder.align_corners": "yes"}),
)
FULL = (("full.resnet50.smp", "resnet50", {"preset": "smp"}), ("full.resnet50.plain", "resnet50", {}),
        ("full.vits.plain", "vits", {}), ("full.vits.chen2018", "vits", {"preset": "chen2018"}),
        ("full.vitt.plain", "vitt", {}))


def sampled(x, most):
    """Every k-th element of the flattened tensor from 0, k the least that leaves at most `most`."""
    flat = x.detach().double().contiguous().reshape(-1)
    return flat[::-(-flat.numel() // most)].numpy()


def fill(net, seed):
    with torch.no_grad():
        for index, (name, tensor) in enumerate(net.named().items()):
            tensor.copy_(torch.from_numpy(formula.parameter(seed, index, name, tuple(tensor.shape))))


def inputs(seed, draw, count, side):
    image, mask = formula.pictures(seed, draw, count, side)
    x = torch.from_numpy(image.transpose(0, 3, 1, 2).astype(np.float64)) / 255
    m, s = (torch.tensor(np.array(t)).reshape(3, 1, 1) for t in (MEAN, STD))
    return (x - m) / s, torch.from_numpy(mask[:, None].astype(np.float64))


def frozen_norms(net, r):
    for m in net.encoder.modules() if r["bn"] == "frozen" else ():
        if isinstance(m, nn.BatchNorm2d):
            m.eval()


class Edges:
    """What a forward pass's ReLUs and max pools saw: a value within rounding of 0, or of another, decides by
    rounding which gradients flow, and no two programs agree there."""

    def __init__(self, net):
        self.seen, self.hooks = [], []
        for m in net.modules():
            if isinstance(m, nn.ReLU):
                self.hooks.append(m.register_forward_pre_hook(self.relu))
            if isinstance(m, nn.MaxPool2d):
                self.hooks.append(m.register_forward_pre_hook(self.pool))

    def relu(self, module, x):
        self.seen.append(x[0].detach().double().clone())  # it is computed in place

    def pool(self, module, x):
        places = nn.functional.max_pool2d(x[0].detach(), 3, 2, 1, return_indices=True)[1]
        self.seen.append(places.double() + .5)  # another place is a great distance

    def end(self):
        for hook in self.hooks:
            hook.remove()
        return self.seen


def margin(a, b):
    """Least |value| over the greatest distance of its layer: above 1, rounding decides nothing."""
    least = 1e9
    for x, y in zip(a, b):
        least = min(least, float(x.abs().min() / ((x - y).abs().max() + 1e-300)))
    return least


PATHS = (("contiguous", True), ("channels_last", True), ("contiguous", False))  # layout, oneDNN


def start(make, seed, draw, dtype, layout):
    """A net filled by formula and a batch, in one memory layout."""
    form = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    net = make().to(dtype=dtype).to(memory_format=form)
    fill(net, seed)
    x, t = inputs(seed, draw, BATCH, SIDE)
    return net, x.to(dtype=dtype).contiguous(memory_format=form), t.to(dtype)


def look(make, r, seed, draw, dtype, path=PATHS[0]):
    """What the ReLUs and pools of the first training step see."""
    net, x, _ = start(make, seed, draw, dtype, path[0])
    net.train()
    frozen_norms(net, r)
    edges = Edges(net)
    with torch.no_grad(), torch.backends.mkldnn.flags(enabled=path[1]):
        net(x)
    return edges.end()


def choose(make, r, seed):
    """The first pictures that put no ReLU on an edge, by all of PyTorch's ways, or the best found."""
    best = (0, 0)
    for draw in range(DRAWS):
        truth, found = look(make, r, seed, draw, torch.float64), 1e9
        for path in PATHS:
            found = min(found, margin(truth, look(make, r, seed, draw, torch.float32, path)))
            if found <= best[0]:
                break
        best = max(best, (found, -draw))
        if found > 2:
            break
    return -best[1], best[0]


def train(make, r, seed, draw, dtype, path=PATHS[0]):
    """Three Adam steps on one batch: a dict of everything worth keeping."""
    with torch.backends.mkldnn.flags(enabled=path[1]):
        return steps(r, *start(make, seed, draw, dtype, path[0]))


def steps(r, net, x, t):
    named = net.named()
    params = {k: v for k, v in named.items() if isinstance(v, nn.Parameter)}
    lr = float(r["lr"])
    rates = (lr if r["lr_encoder"] == "same" else float(r["lr_encoder"]), lr)
    groups = [{"params": [p for k, p in params.items() if k.startswith(half)]} for half in ("encoder.", "decoder.")]
    adam = torch.optim.Adam(groups, lr=lr, betas=[float(b) for b in r["betas"].split()], eps=float(r["eps"]),
                            weight_decay=float(r["weight_decay"]))
    with torch.no_grad():
        z = net.eval()(x)
        kept = {"logits0": z, "each": loss_by_word(r["loss"], z, t)}
    net.train()
    frozen_norms(net, r)
    losses = []
    for step in range(1, STEPS + 1):
        for group, rate in zip(adam.param_groups, rates):
            group["lr"] = rate * min(1, step / max(1, int(r["warmup"])))
        adam.zero_grad()
        losses.append(loss_by_word(r["loss"], net(x), t).mean())
        losses[-1].backward()
        if step == 1:
            kept.update({f"grad.{k}": p.grad.clone() for k, p in params.items()})
        adam.step()
    kept["losses"] = torch.stack(losses).detach()
    kept.update({f"after.{k}": v.detach().clone() for k, v in named.items()})
    with torch.no_grad():
        kept["logits3"] = net.eval()(x)
    return kept


def reduced(store, seed, name, encoder, changes):
    overrides = {**SMALL, **changes}
    r = torch_model.recipe(**overrides)
    make = lambda: torch_model.Net(encoder, r, SIDE, WIDTH[encoder])
    draw, found = choose(make, r, seed)
    truth = train(make, r, seed, draw, torch.float64)
    runs = [train(make, r, seed, draw, torch.float32, path) for path in PATHS]
    store.note(name, f"encoder={encoder} width={WIDTH[encoder]} side={SIDE} batch={BATCH} draw={draw}")
    store.note(f"{name}.recipe", "\n".join(f"{k}={v}" for k, v in overrides.items()))
    for key, value in truth.items():
        keep(store, f"{name}.{key}", value, [run[key] for run in runs], SAMPLE if "." in key else 256)
    report(name, draw, found, truth, runs)


def keep(store, name, truth, others, most):
    """A sample, and beside it [sum, sum of squares, distance of PyTorch's float32 (L2, over the sample)]."""
    sample = sampled(truth, most)
    away = max(float(np.linalg.norm(sampled(o, most) - sample)) for o in others)
    whole = truth.detach().double()
    store.add(name, sample)
    store.add(f"{name}#", np.array([float(whole.sum()), float((whole ** 2).sum()), away]))


def report(name, draw, found, truth, runs):
    line = f"{name}: draw {draw}, margin {found:.1f};"
    for group in ("logits0", "losses", "grad.", "after."):
        keys = [k for k in truth if k.startswith(group)]
        norms = {k: float(truth[k].double().norm()) for k in keys}
        floor = 1e-3 * float(np.median(list(norms.values())))
        away = [max(float((run[k].double() - truth[k]).norm()) for run in runs) / max(norms[k], floor) for k in keys]
        line += f" {group} {np.median(away):.1e} worst {max(away):.1e}"
    print(line, file=sys.stderr)


def full(store, seed, name, encoder, changes):
    overrides = {"decoder.dropout": 0, **changes}
    r = torch_model.recipe(**overrides)
    net = torch_model.Net(encoder, r).double().eval()
    fill(net, seed)
    x, _ = inputs(seed, 0, 1, 224)

    def look(dtype):
        with torch.no_grad():
            n, v = net.to(dtype), x.to(dtype)
            if net.whole:
                maps = n.whole.net.encoder(v)
                return {"skip": maps[2], "last": maps[-1], "logits": n(v)}
            skip, last = n.encoder(v)
            return {"skip": skip, "last": last, "aspp": n.decoder.aspp(last), "logits": n.decoder(skip, last, 224)}

    truth, single = look(torch.float64), look(torch.float32)
    store.note(name, f"encoder={encoder} side=224 batch=1 draw=0")
    store.note(f"{name}.recipe", "\n".join(f"{k}={v}" for k, v in overrides.items()))
    for key, value in truth.items():
        keep(store, f"{name}.{key}", value, [single[key]], LOGITS if key == "logits" else MAPS)
    away = {k: f"{float((single[k] - truth[k]).norm() / truth[k].norm()):.1e}" for k in truth}
    print(f"{name}: float32 is away by {away}", file=sys.stderr)


def make(seed, directory):
    formula.check()
    torch.set_num_threads(1)
    store = Store()
    store.note("seed", seed)
    store.note("made with", f"torch {torch.__version__.split('+')[0]} float64")
    for case in REDUCED:
        reduced(store, seed, *case)
    for case in FULL:
        full(store, seed, *case)
    store.write(os.path.join(directory, "models.safetensors"))
