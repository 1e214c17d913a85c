"""ops.py - every op of model/op.h by PyTorch in float64: inputs, parameters, outputs, gradients.

Inputs, parameters and upstream gradients are float32 numbers, so that machines in float start from the
same values; results are float64. Names and attributes of a case: README.md.
"""
import os

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

import formula
from store import Store


class Cases:
    def __init__(self, seed):
        self.rng, self.store, self.count = np.random.Generator(np.random.PCG64(seed)), Store(), {}

    def normal(self, *shape, scale=1.0, offset=0.0):
        value = (offset + scale * self.rng.standard_normal(shape)).astype(np.float32)
        return torch.tensor(value.astype(np.float64), requires_grad=True)

    def begin(self, op, n, attrs):
        case = f"{op}.{self.count.get(op, 0)}"
        self.count[op] = self.count.get(op, 0) + 1
        words = " ".join(f"{k}={v}" for k, v in attrs.items())
        self.store.note(case, f"N={n} {words}".strip())
        return case

    def run(self, op, attrs, xs, ws, f, after=None):
        """One case: forward, a random upstream gradient, all gradients. `after` gives tensors that
        the forward changed (running statistics), by slot."""
        case = self.begin(op, xs[0].shape[0], attrs)
        for i, x in enumerate(xs):
            self.store.add(f"{case}.x{i}", x, np.float32)
        for i, w in enumerate(ws):
            self.store.add(f"{case}.w{i}", w, np.float32)
        y = f(*xs)
        dy = self.normal(*y.shape).detach()
        wanted = [t for t in xs + ws if t.requires_grad]
        grads = dict(zip(map(id, wanted), torch.autograd.grad(y, wanted, dy)))
        self.store.add(f"{case}.y", y)
        self.store.add(f"{case}.dy", dy, np.float32)
        for letter, tensors in (("dx", xs), ("dw", ws)):
            for i, t in enumerate(tensors):
                if id(t) in grads:
                    self.store.add(f"{case}.{letter}{i}", grads[id(t)])
        for i, t in (after() if after else {}).items():
            self.store.add(f"{case}.after{i}", t)


def conv(c):
    #        N  C  H   W   K  R  stride pad dil groups bias
    table = ((2, 5, 7, 6, 4, 1, 1, 0, 1, 1, 0),
             (3, 4, 9, 5, 6, 1, 2, 0, 1, 1, 0),
             (2, 3, 9, 7, 5, 3, 1, 1, 1, 1, 0),
             (2, 4, 9, 7, 3, 3, 2, 1, 1, 1, 0),
             (2, 3, 17, 15, 8, 7, 2, 3, 1, 1, 0),
             (2, 4, 7, 7, 5, 3, 1, 2, 2, 1, 0),
             (2, 3, 14, 13, 4, 3, 1, 6, 6, 1, 0),
             (1, 4, 5, 6, 3, 3, 1, 6, 6, 1, 0),    # every off-centre tap falls into padding
             (2, 3, 5, 4, 3, 3, 1, 4, 4, 1, 0),    # the rate equals the width
             (2, 6, 8, 7, 6, 3, 1, 1, 1, 6, 0),    # depthwise
             (2, 5, 9, 8, 5, 3, 2, 1, 1, 5, 0),
             (2, 5, 7, 9, 5, 3, 1, 3, 3, 5, 0),
             (1, 4, 4, 4, 4, 3, 1, 12, 12, 4, 0),
             (3, 6, 1, 1, 4, 1, 1, 0, 1, 1, 0),    # after the global pool
             (2, 3, 6, 5, 1, 1, 1, 0, 1, 1, 1),    # the head: bias, one output
             (2, 3, 12, 8, 7, 4, 4, 0, 1, 1, 1),   # patches
             (1, 17, 6, 5, 33, 3, 1, 1, 1, 1, 1),  # wider than any vector
             (2, 8, 6, 6, 6, 3, 1, 1, 1, 2, 0))    # groups of four
    for n, ci, h, w, k, r, stride, pad, dilation, groups, bias in table:
        x = c.normal(n, ci, h, w)
        ws = [c.normal(k, ci // groups, r, r, scale=(ci // groups * r * r) ** -.5)]
        ws += [c.normal(k)] if bias else []
        attrs = dict(kernel=r, stride=stride, pad=pad, dilation=dilation, groups=groups, bias=bias)
        c.run("conv", attrs, [x], ws,
              lambda x: F.conv2d(x, ws[0], ws[1] if bias else None, stride, pad, dilation, groups))


def batchnorm(c):
    #        N  C   H  W  frozen eps   momentum
    table = ((2, 5, 4, 3, 0, 1e-5, .1),
             (4, 3, 1, 1, 0, 1e-5, .1),   # after the global pool: statistics over the batch alone
             (3, 7, 5, 6, 0, 1.001e-5, .01),
             (2, 17, 7, 7, 0, 1e-3, 1.0),
             (2, 5, 4, 3, 1, 1e-5, .1),
             (1, 6, 3, 3, 1, 1e-3, .1))
    for n, ch, h, w, frozen, eps, momentum in table:
        x = c.normal(n, ch, h, w, scale=1.5, offset=.7)
        mean, var = c.normal(ch, scale=.3).detach(), (.5 + c.normal(ch).detach().abs()).to(torch.float32).double()
        ws = [c.normal(ch, scale=.3, offset=1), c.normal(ch), mean.clone(), var.clone()]
        c.run("batchnorm", dict(frozen=frozen, eps=eps, momentum=momentum), [x], ws,
              lambda x: F.batch_norm(x, mean, var, ws[0], ws[1], not frozen, momentum, eps), lambda: {2: mean, 3: var})


def plain(c):
    c.run("relu", {}, [c.normal(2, 3, 5, 4)], [], F.relu)
    c.run("relu", {}, [torch.tensor(np.zeros((1, 2, 2, 2)), requires_grad=True)], [], F.relu)  # gradient at 0 is 0
    c.run("add", {}, [c.normal(2, 3, 5, 4), c.normal(2, 3, 5, 4)], [], torch.add)
    c.run("add", {}, [c.normal(2, 7, 6), c.normal(2, 7, 6)], [], torch.add)
    c.run("gelu", {}, [c.normal(2, 5, 9, scale=2)], [], F.gelu)
    c.run("gelu", {}, [c.normal(1, 3, 33, scale=6)], [], F.gelu)
    mean = lambda x: x.mean((2, 3), keepdim=True)
    c.run("gap", {}, [c.normal(2, 5, 4, 7)], [], mean)
    c.run("gap", {}, [c.normal(1, 33, 1, 1)], [], mean)
    for counts in ((3, 4), (2, 1, 3, 5, 4)):
        c.run("concat", {}, [c.normal(2, k, 3, 5) for k in counts], [], lambda *x: torch.cat(x, 1))


def maxpool(c):
    for n, ch, h, w, ties in ((2, 3, 9, 8, 0), (1, 2, 7, 6, 1), (2, 2, 1, 5, 0)):
        x = c.normal(n, ch, h, w)
        if ties:  # four values only: the first of equals takes the gradient
            x = torch.round(x.detach()).clamp(-1, 2).requires_grad_()
        c.run("maxpool", dict(kernel=3, stride=2, pad=1), [x], [], lambda x: F.max_pool2d(x, 3, 2, 1))


def resize(c):
    #        N  C  H  W  to    align
    for n, ch, h, w, oh, ow, align in ((2, 3, 4, 5, 16, 20, 0), (2, 3, 4, 5, 16, 20, 1), (1, 2, 7, 6, 9, 11, 0),
                                       (1, 2, 7, 6, 9, 11, 1), (2, 2, 9, 8, 4, 3, 0), (2, 2, 9, 8, 4, 3, 1),
                                       (2, 5, 1, 1, 4, 4, 0), (2, 5, 1, 1, 4, 4, 1), (1, 3, 5, 5, 5, 5, 0),
                                       (1, 2, 6, 4, 1, 1, 0), (1, 2, 6, 4, 1, 1, 1), (1, 1, 3, 3, 48, 48, 0)):
        c.run("resize", dict(height=oh, width=ow, align=align), [c.normal(n, ch, h, w)], [],
              lambda x: F.interpolate(x, (oh, ow), mode="bilinear", align_corners=bool(align)))


def tokens(c):
    for n, d, h, w in ((2, 6, 3, 4), (1, 5, 1, 1)):
        ws = [c.normal(d), c.normal(1 + h * w, d)]
        c.run("tokens", {}, [c.normal(n, d, h, w)], ws,
              lambda x: torch.cat((ws[0].expand(n, 1, d), x.flatten(2).transpose(1, 2)), 1) + ws[1])
        c.run("grid", dict(height=h, width=w), [c.normal(n, 1 + h * w, d)], [],
              lambda x: x[:, 1:].transpose(1, 2).reshape(n, d, h, w))
    for n, t, d, out, bias in ((2, 5, 7, 4, 1), (3, 17, 24, 33, 1), (1, 1, 3, 2, 1), (2, 4, 6, 5, 0)):
        ws = [c.normal(out, d, scale=d ** -.5)] + ([c.normal(out)] if bias else [])
        c.run("linear", dict(bias=bias), [c.normal(n, t, d)], ws, lambda x: F.linear(x, *ws))
    for n, t, d, eps in ((2, 5, 7, 1e-6), (1, 17, 24, 1e-5), (2, 3, 33, 1e-2)):
        ws = [c.normal(d, scale=.3, offset=1), c.normal(d)]
        c.run("layernorm", dict(eps=eps), [c.normal(n, t, d, scale=2, offset=.5)], ws,
              lambda x: F.layer_norm(x, (d,), ws[0], ws[1], eps))
    for n, t, d, heads in ((2, 5, 6, 1), (2, 5, 12, 3), (1, 17, 24, 3), (3, 17, 20, 4), (1, 1, 8, 2)):
        def attention(x):  # timm's Attention.forward between qkv and proj
            q, k, v = x.reshape(n, t, 3, heads, d // heads).permute(2, 0, 3, 1, 4)
            return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, t, d)
        c.run("attention", dict(heads=heads), [c.normal(n, t, 3 * d, scale=1.5)], [], attention)


def loss_by_word(word, z, t):
    """A picture's loss, [N]. bce: F.binary_cross_entropy_with_logits, mean over pixels. dice: soft Dice
    with p = sigmoid(z): 1 - (2 sum(p t) + 1) / (sum p + sum t + 1). bce_dice: their sum."""
    p = torch.sigmoid(z)
    bce = F.binary_cross_entropy_with_logits(z, t, reduction="none").mean((1, 2, 3))
    dice = 1 - (2 * (p * t).sum((1, 2, 3)) + 1) / (p.sum((1, 2, 3)) + t.sum((1, 2, 3)) + 1)
    return {"bce": bce, "dice": dice, "bce_dice": bce + dice}[word]


def losses(c):
    for word in ("bce", "dice", "bce_dice"):
        for n, side, flips in ((2, 8, (0, 0)), (3, 12, (1, 2, 3))):
            z = c.normal(n, 1, side, side, scale=4)
            mask = (c.rng.random((n, side, side)) < .3).astype(np.uint8)
            mask[0] = 0  # a picture without truth
            case = c.begin("loss", n, dict(loss=word))
            t = torch.tensor(np.stack([flip(m, f) for m, f in zip(mask, flips)])[:, None].astype(np.float64))
            each = loss_by_word(word, z, t)
            c.store.add(f"{case}.x0", z, np.float32)
            c.store.add(f"{case}.mask", mask)
            c.store.add(f"{case}.flip", np.array(flips, dtype=np.uint8))
            c.store.add(f"{case}.y", each)
            c.store.add(f"{case}.mean", each.mean())
            c.store.add(f"{case}.dx0", torch.autograd.grad(each.mean(), z)[0])


def flip(a, bits):
    a = a[:, ::-1] if bits & 1 else a
    return np.ascontiguousarray(a[::-1] if bits & 2 else a)


def pictures(c):
    rgb, bgr = (0, 1, 2), (2, 1, 0)
    #         side plane gray range mean                  std                   flips
    table = ((5, rgb, 0, 255, (.485, .456, .406), (.229, .224, .225), (0, 1)),
             (6, bgr, 0, 255, (.406, .456, .485), (.225, .224, .229), (2, 3)),
             (5, bgr, 0, 1, (103.939, 116.779, 123.68), (1., 1., 1.), (0, 0)),
             (7, rgb, 1, 255, (.5, .5, .5), (.5, .5, .5), (0, 1)))
    for side, plane, gray, scale, mean, std, flips in table:
        n = len(flips)
        image = c.rng.integers(0, 256, (n, side, side, 3), dtype=np.uint8)
        case = c.begin("input", n, dict(plane=",".join(map(str, plane)), gray=gray))
        seen = []
        for picture, bits in zip(image, flips):
            picture = Image.fromarray(flip(picture, bits))
            picture = picture.convert("L").convert("RGB") if gray else picture  # Pillow's own luma
            seen.append(np.asarray(picture)[:, :, list(plane)].transpose(2, 0, 1))
        v = torch.tensor(np.stack(seen).astype(np.float64)) / scale
        m, s = (torch.tensor(np.array(t)).reshape(3, 1, 1) for t in (mean, std))
        c.store.add(f"{case}.image", image)
        c.store.add(f"{case}.flip", np.array(flips, dtype=np.uint8))
        c.store.add(f"{case}.mean", np.array(mean) * scale)  # in 0..255 units, by plane of the tensor
        c.store.add(f"{case}.std", np.array(std) * scale)
        c.store.add(f"{case}.y", (v - m) / s)


def dropout(c, seed):
    """Not PyTorch's bits but stream 5's; the scaling is F.dropout's."""
    for n, shape, rate, epoch, ordinal in ((2, (3, 5, 4), .1, 0, 0), (3, (7, 3, 3), .5, 7, 1)):
        e = int(np.prod(shape))
        place = np.array([11, 5, 4093][:n], dtype=np.int64)
        index = (ordinal << 56) + place[:, None] * e + np.arange(e)
        keep = formula.u32(seed, formula.STREAM_DROPOUT, epoch, index).reshape(n, *shape) >= rate * 2.0 ** 32
        factor = torch.tensor(keep / (1 - rate))
        c.store.add(f"dropout.{c.count.get('dropout', 0)}.position", place)
        c.run("dropout", dict(rate=rate, seed=seed, epoch=epoch, ordinal=ordinal), [c.normal(n, *shape)], [],
              lambda x: x * factor)


def adam(c):
    for case, (decay, eps, betas) in enumerate(((0., 1e-8, (.9, .999)), (.05, 1e-3, (.8, .99)))):
        w = c.normal(37)
        c.store.note(f"adam.{case}", f"lr=0.01 beta1={betas[0]} beta2={betas[1]} eps={eps} "
                                     f"weight_decay={decay} steps=4")
        c.store.add(f"adam.{case}.w", w, np.float32)
        p = w.detach().clone().requires_grad_()
        optimizer = torch.optim.Adam([p], lr=.01, betas=betas, eps=eps, weight_decay=decay)
        for step in range(4):
            p.grad = c.normal(37).detach()
            p.grad[:3] = torch.tensor([0., 1e-12, 1e6]).double().float().double()
            c.store.add(f"adam.{case}.g{step}", p.grad, np.float32)
            optimizer.step()
            c.store.add(f"adam.{case}.w{step}", p.clone())
            state = optimizer.state[p]
            c.store.add(f"adam.{case}.m{step}", state["exp_avg"].clone())
            c.store.add(f"adam.{case}.v{step}", state["exp_avg_sq"].clone())


def make(seed, directory):
    formula.check()
    torch.set_num_threads(1)  # sums in one order: the same bytes again
    c = Cases(seed)
    conv(c), batchnorm(c), plain(c), maxpool(c), resize(c), tokens(c)
    losses(c), pictures(c), dropout(c, seed), adam(c)
    c.store.note("seed", seed)
    c.store.note("made with", f"torch {torch.__version__.split('+')[0]} float64")
    c.store.write(os.path.join(directory, "ops.safetensors"))
