#!/usr/bin/env python3
"""peer.py - PyTorch's side of the benchmark: one step a request, its seconds on one line.

    peer.py --what train|infer --encoder resnet50|vits|vitt --preset plain|smp|chen2018
            --precision fp32|bf16|fp16 --batch N --threads N [--layout auto|contiguous|channels_last]
            [--device cpu|cuda] [--way eager|compile] [--steps N] [--side PIXELS] [--set KEY=VALUE]

Reads lines `run` on its input and answers each with the seconds of one step (train: forward, BCE, backward,
Adam; infer: forward), of --steps done one after another; `mem` with the megabytes of device memory its tensors
had at the peak. It works only between a request and its answer, so that the other side can be timed in
turn. PyTorch is given its best: the quicker memory layout of the two (tried at the first request, which the
caller throws away), in-place ReLUs, Adam in one fused kernel, inputs already normalised; on a GPU besides cuDNN's
timed choice of algorithms, inputs that lie there, no waiting between steps, fp16 with its own loss scaling, and no
TF32 in fp32, as ours; --way compile: torch.compile's max-autotune. On a machine with
glibc start it with MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000 MALLOC_TOP_PAD_=268435456: its
allocator then keeps pages, worth a tenth. With --once N it asks itself N times and prints one TSV line:
what encoder preset precision batch threads layout min median peak_MB, seconds a picture.
"""
import argparse
import contextlib
import resource
import statistics
import sys
import time

import torch
import torch.nn.functional as F

import torch_model


def arguments():
    parser = argparse.ArgumentParser(description="PyTorch's side of the benchmark")
    parser.add_argument("--what", choices=("train", "infer"), default="train")
    parser.add_argument("--encoder", choices=("resnet50", "vits", "vitt"), required=True)
    parser.add_argument("--preset", choices=("plain", "smp", "chen2018"), default="plain")
    parser.add_argument("--precision", choices=("fp32", "bf16", "fp16"), default="fp32")
    parser.add_argument("--layout", choices=("auto", "contiguous", "channels_last"), default="auto")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--way", choices=("eager", "compile"), default="eager")
    parser.add_argument("--steps", type=int, default=1)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--once", type=int, default=0, metavar="N")
    return parser.parse_args()


class Step:
    def __init__(self, args):
        torch.set_num_threads(args.threads)
        torch.manual_seed(1)
        self.gpu, self.steps, self.way = args.device == "cuda", args.steps, args.way
        if self.gpu:
            torch.backends.cudnn.benchmark = True
            torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
        self.train = args.what == "train"
        keys = dict(pair.split("=", 1) for pair in args.set)
        net = torch_model.Net(args.encoder, torch_model.recipe(preset=args.preset, **keys), args.side)
        self.net = net.train(self.train).to(args.device)
        self.x = torch.randn(args.batch, 3, args.side, args.side, device=args.device)
        self.t = (torch.rand(args.batch, 1, args.side, args.side, device=args.device) < .2).float()
        self.adam = torch.optim.Adam(self.net.parameters(), lr=1e-4, fused=True) if self.train else None
        kind = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(args.precision)
        self.cast = (lambda: torch.autocast(args.device, kind)) if kind else contextlib.nullcontext
        self.scaler = torch.amp.GradScaler(args.device, enabled=self.gpu and kind == torch.float16)
        self.forward = self.logits if args.what == "infer" else self.loss

    def compile(self):
        if self.way == "compile":
            self.forward = torch.compile(self.forward, mode="max-autotune")

    def layout(self, name):
        form = torch.channels_last if name == "channels_last" else torch.contiguous_format
        self.net, self.x = self.net.to(memory_format=form), self.x.to(memory_format=form)

    def logits(self):
        with self.cast():
            return self.net(self.x)

    def loss(self):
        return F.binary_cross_entropy_with_logits(self.logits().float(), self.t)

    def once(self):
        if self.train:
            self.adam.zero_grad()
            self.scaler.scale(self.forward()).backward()
            self.scaler.step(self.adam)
            self.scaler.update()
        else:
            with torch.inference_mode():
                self.forward()

    def run(self):
        """Seconds of one step, of as many as a request asks for."""
        began = time.perf_counter()
        for _ in range(self.steps):
            self.once()
        if self.gpu:
            torch.cuda.synchronize()
        return (time.perf_counter() - began) / self.steps


def choose(step, wanted):
    """The quicker layout: a warm-up and two steps each."""
    times = {}
    for name in ("contiguous", "channels_last") if wanted == "auto" else ():
        step.layout(name)
        step.run()
        times[name] = min(step.run(), step.run())
    best = min(times, key=times.get) if times else wanted
    step.layout(best)
    step.compile()  # in the layout that is quicker without: two compilations take minutes
    print("peer: " + " ".join(f"{k} {v:.3f} s" for k, v in times.items()) + f": {best}", file=sys.stderr)
    return best


def megabytes(step):
    if step.gpu:
        return torch.cuda.max_memory_allocated() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def once(args, step):
    best = choose(step, args.layout)
    step.run()
    times = [step.run() / args.batch for _ in range(args.once)]
    print(args.what, args.encoder, args.preset, args.precision, args.batch, args.threads, best, f"{min(times):.5f}",
          f"{statistics.median(times):.5f}", f"{megabytes(step):.0f}", sep="\t")


def main():
    args = arguments()
    step, chosen = Step(args), False
    if args.once:
        return once(args, step)
    for line in sys.stdin:
        if line.strip() == "mem":
            print(f"{megabytes(step):.1f}", flush=True)
            continue
        if line.strip() != "run":
            sys.exit(f"peer: request {line!r}: wanted run or mem")
        if not chosen:
            choose(step, args.layout)
            chosen = True
        print(f"{step.run():.9f}", flush=True)


if __name__ == "__main__":
    main()
