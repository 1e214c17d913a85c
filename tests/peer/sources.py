#!/usr/bin/env python3
"""sources.py - raw downloads and checkpoints to bags: how fast, in how much memory, and what is wanted.

    python tests/peer/sources.py MIRROR [--rounds 7] [--frames 2000]

MIRROR holds kvasir-seg.zip and CVC-ClinicDB.tar.xz. Beside packing stand Pillow with two processes
(pack.py), `xz -dc`, and decoding alone (out/bin/frames); checkpoints are made by torch, safetensors and
h5py (checkpoints.py). All that is compared runs in turn, so that what else the machine does meets both
alike, and ratios are medians of the rounds' own; seconds by the clock mean something on a quiet machine
only. SUN-SEG has 49136 frames: 22 GB of disk for the archive made up here, 8 for its pack. Exit 1 if
anything falls short. `make bench-sources` builds what it wants and runs it.
"""
import argparse
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
short = 0


class Runs:
    """One command's rounds: seconds by the clock, seconds of the processor, bytes resident at most."""

    def __init__(self):
        self.wall, self.cpu, self.peak = [], [], 0

    def add(self, *commands, new=()):
        """All of them one after the other, as one round; files that are to be made anew are removed before."""
        for path in new:
            if os.path.exists(path):
                os.unlink(path)
        wall = cpu = 0
        for command in commands:
            start = time.perf_counter()
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            said = process.stderr.read()
            _, status, used = os.wait4(process.pid, 0)
            wall += time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                sys.exit(f"sources.py: {' '.join(command)}: exit {process.returncode}: {said.decode()}")
            cpu += used.ru_utime + used.ru_stime
            self.peak = max(self.peak, used.ru_maxrss * 1024)
        self.wall.append(wall)
        self.cpu.append(cpu)

    def __str__(self):
        return f"{min(self.wall):8.3f} {statistics.median(self.wall):8.3f} {min(self.cpu):8.3f}"


def row(what, runs, found, wanted, good):
    global short
    short += not good
    print(f"{what:44}{str(runs or ''):26}  {found:22} {wanted:18} {'yes' if good else 'NO'}", flush=True)


def ratio(a, b):
    return statistics.median(x / y for x, y in zip(a.wall, b.wall))


def pack(name, raw, out, threads=2, source=None):
    return ["out/bin/pack", "--threads", str(threads), f"convert/{name}.conf",
            source or f"fetch/sources/{name}.src", raw, out]


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def pictures(mirror, here, rounds):
    zipped, packed = (os.path.join(mirror, f) for f in ("kvasir-seg.zip", "CVC-ClinicDB.tar.xz"))
    tar, bag = f"{here}/CVC-ClinicDB.tar", f"{here}/x.bag"
    with open(tar, "wb") as f:
        subprocess.run(["xz", "-dc", packed], stdout=f, check=True)
    ours, pillow, plain, txz, xz = (Runs() for _ in range(5))
    for _ in range(rounds):
        ours.add(pack("kvasir", zipped, bag), new=[bag])
        arrays = [f"{here}/i.npy", f"{here}/m.npy"]
        pillow.add([sys.executable, f"{HERE}/pack.py", zipped, *arrays], new=arrays)
        plain.add(pack("cvc", tar, bag), new=[bag])
        txz.add(pack("cvc", packed, bag), new=[bag])
        xz.add(["xz", "-dc", packed])
    rate = 1000 / statistics.median(ours.wall)
    row("Kvasir-SEG from its zip", ours, f"{rate:.0f} pictures/s", ">= 350", rate >= 350)
    r = ratio(pillow, ours)
    row("  Pillow, two processes, the same", pillow, f"we are {r:.2f} x", ">= 1.5", r >= 1.5)
    rate = 612 / statistics.median(plain.wall)
    row("CVC-ClinicDB from a plain tar", plain, f"{rate:.0f} pictures/s", ">= 900", rate >= 900)
    print(f"{'CVC-ClinicDB from its .tar.xz':44}{txz}", flush=True)
    r = ratio(xz, txz)
    row("  xz -dc of that file", xz, f"we are {r:.3f} x", ">= 0.95", r >= .95)
    same = True
    for name, raw in ("kvasir", zipped), ("cvc", tar), ("cvc", packed):
        for threads in 1, 2, 5:
            Runs().add(pack(name, raw, f"{here}/{name}.{threads}", threads))
        same &= len({sha256(f"{here}/{name}.{threads}") for threads in (1, 2, 5)}) == 1
    row("packs at 1, 2 and 5 threads", None, "same" if same else "differ", "same bytes", same)


def frames(here, rounds, count):
    tar, source = f"{here}/sun.tar", f"{here}/sun.src"
    with open("fetch/sources/sun-tree.src") as published, open(source, "w") as ours:
        for line in published:  # which clips there are is not what is measured
            if not line.startswith(("counts", "groups")):
                ours.write(line)
    Runs().add(["out/bin/frames", "--frames", str(count), tar])
    ours, decode = Runs(), Runs()
    for _ in range(rounds):
        ours.add(pack("sun", tar, f"{here}/sun.bag", source=source), new=[f"{here}/sun.bag"])
        decode.add(["out/bin/frames", "--decode", source, tar])
    mb = ours.peak / 1e6
    row(f"{count} frames of SUN-SEG's size, packed", ours, f"{mb:.0f} MB", "<= 500 MB", mb <= 500)
    r = ratio(decode, ours)
    row("  decoded only", decode, f"our rate is {r:.3f} x", ">= 0.90", r >= .9)


def checkpoints(here, rounds):
    Runs().add([sys.executable, f"{HERE}/checkpoints.py", "convert/names/keras_resnet50.tsv", here])
    sources = {}
    for name, magic in ("pth", "zip"), ("safetensors", "safetensors"):
        sources[name] = f"{here}/{name}.src"
        with open(sources[name], "w") as f:
            f.write(f"name x-resnet50\nkind weights\narm x\nencoder resnet50\nfile x.{name}\nmanual none\n"
                    f"bytes unknown\nsha256 unknown\nmagic {magic}\nformat {name}\n"
                    "mean 0.485 0.456 0.406\nstd 0.229 0.224 0.225\norder rgb\nrange 255\n")
    sources["h5"] = "fetch/sources/radimagenetkeras-resnet50.src"
    runs = {name: Runs() for name in sources}
    for _ in range(rounds):
        for name in runs:
            raw, bag = f"{here}/resnet50.{name}", f"{here}/{name}.bag"
            first = [["out/bin/h5", raw, bag]] if name == "h5" else []
            runs[name].add(*first, ["out/bin/weights", sources[name], bag if first else raw, f"{here}/w.bag"])
    for name, r in runs.items():
        size = os.path.getsize(f"{here}/resnet50.{name}")
        seconds, room = statistics.median(r.wall), r.peak / size
        row(f"{size / 1e6:.1f} MB of .{name}{' (h5, then weights)' if name == 'h5' else ''}, converted",
            r, f"{seconds:.2f} s, {room:.2f} x file", "<= 1 s, 1.2 x file", seconds <= 1 and room <= 1.2)


def main():
    parser = argparse.ArgumentParser(usage="%(prog)s MIRROR [--rounds N] [--frames N]")
    parser.add_argument("mirror")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--frames", type=int, default=2000)
    args = parser.parse_args()
    os.makedirs("out", exist_ok=True)
    print(f"{'':44}{'least':>8} {'median':>8} {'cpu':>8}    found                  wanted")
    with tempfile.TemporaryDirectory(prefix="bench.", dir="out") as here:
        pictures(args.mirror, here, args.rounds)
    with tempfile.TemporaryDirectory(prefix="bench.", dir="out") as here:
        frames(here, args.rounds, args.frames)
    with tempfile.TemporaryDirectory(prefix="bench.", dir="out") as here:
        checkpoints(here, args.rounds)
    sys.exit(short > 0)


if __name__ == "__main__":
    main()
