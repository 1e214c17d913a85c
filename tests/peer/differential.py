#!/usr/bin/env python3
"""differential.py - accept(ours) is a part of accept(theirs), and what both accept says the same.

    python tests/peer/differential.py BIN WORK FOLDER...

The folders hold checkpoints, pickles, arrays and Keras files, good and bad. BIN/accept and BIN/h5 say which
of them we accept and what is in them; each of these is given to who made the format: PyTorch's weights-only
loader, the safetensors package, numpy, h5py (each file in a process of its own). A bare pickle or array is
put into a zip as torch.save and np.savez make it, in WORK. A file that we accept and they refuse is a
failure, unless REASONS has why; so is a tensor of another name, type, shape or value. Speaks TAP.
"""
import collections
import hashlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
import zipfile

import h5py
import numpy as np
import safetensors
import torch

SECONDS, FEWEST = 60, 5  # of a file; of accepted files, for a reader to be said to have been compared
WRAPPERS = ("state_dict", "model", "model_state_dict", "teacher", "net")

# What we accept and they refuse, with the reason why that is right: reader, what they say, why.
REASONS = []


def digest(array):
    return hashlib.sha256(array.astype(array.dtype.newbyteorder("<")).tobytes("C")).hexdigest()


def shape(dims):
    return "[" + ",".join(map(str, dims)) + "]"


TYPES = {torch.bool: "BOOL", torch.uint8: "U8", torch.int8: "I8", torch.int16: "I16", torch.int32: "I32",
         torch.int64: "I64", torch.float16: "F16", torch.bfloat16: "BF16", torch.float32: "F32",
         torch.float64: "F64"}


def read_torch(path):
    state = torch.load(path, map_location="cpu", weights_only=True)
    while True:
        inner = [state[k] for k in WRAPPERS if isinstance(state.get(k), dict)]
        if not inner:
            break
        state = inner[0]
    out = {}
    for name, t in state.items():
        data = t.detach().contiguous().reshape(-1).view(torch.uint8).numpy() if t.numel() else np.empty(0)
        out[name] = TYPES[t.dtype], shape(t.shape), digest(data)
    return out


def read_safetensors(path):
    with open(path, "rb") as f:
        tensors = safetensors.deserialize(f.read())
    return {name: (t["dtype"], shape(t["shape"]), hashlib.sha256(bytes(t["data"])).hexdigest())
            for name, t in tensors}


def described(array):
    return f"{array.dtype.kind.upper()}{8 * array.dtype.itemsize}", shape(array.shape), digest(array)


def read_numpy(path):
    with np.load(path, allow_pickle=False) as z:
        return {name: described(z[name]) for name in z.files}


def read_h5py(path):
    out = {}
    with h5py.File(path, "r") as f:
        root = f["model_weights"] if "model_weights" in f else f

        def visit(name, item):
            if isinstance(item, h5py.Dataset):
                out[re.sub(r"(?<=.):0$", "", name)] = described(item[()])
        root.visititems(visit)
    return out


def quoted(name):
    """As core/die.h's: what accept prints."""
    out = ""
    for byte in name.encode():
        one = chr(byte) if 0x20 <= byte < 0x7f else f"\\x{byte:02x}"
        if len(out) + len(one) > 200:
            return out + "..."
        out += one
    return out


READERS = {"torch": read_torch, "safetensors": read_safetensors, "numpy": read_numpy, "h5py": read_h5py}


def ask(reader, path):
    """What their reader reads, or its refusal as a text. In a child: it may crash, hang or grow."""
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(out)
        signal.alarm(SECONDS)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        try:
            answer = READERS[reader](path)
        except BaseException as e:
            answer = f"{type(e).__name__}: {e}"
        with os.fdopen(into, "w") as f:
            json.dump(answer, f)
        os._exit(0)
    os.close(into)
    with os.fdopen(out) as f:
        text = f.read()
    _, status = os.waitpid(pid, 0)
    if status:
        return f"died of signal {status & 127}"
    answer = json.loads(text)
    return answer if isinstance(answer, str) else {quoted(k): tuple(v) for k, v in answer.items()}


def wrap(folders, work):
    """Bare pickles and arrays of the folders, as torch.save and np.savez would have put them away."""
    folder = os.path.join(work, "wrapped")
    os.makedirs(folder)
    for path in (os.path.join(f, name) for f in folders for name in sorted(os.listdir(f))):
        with open(path, "rb") as f:
            data = f.read()
        key = hashlib.sha1(data).hexdigest()
        if data[:2] == b"\x80\x02":
            storage = b"\0\0\xc0\x3f\0\0\0\xc0"
            members = {"archive/data.pkl": data, "archive/data/0": storage, "archive/version": b"3\n"}
        elif data[:6] == b"\x93NUMPY":
            members = {"a.npy": data}
        else:
            continue
        with zipfile.ZipFile(os.path.join(folder, key), "w") as z:
            for name, member in members.items():
                z.writestr(zipfile.ZipInfo(name), member)
    return folder


def ours(bin_folder, folders):
    """What accept prints: {file: (reader, {tensor: (type, shape, sha256)})}, and the lines about libzip."""
    text = subprocess.run([os.path.join(bin_folder, "accept"), *folders], check=True, stdout=subprocess.PIPE).stdout
    files, zips = {}, []
    for line in text.decode().splitlines():
        path, reader, name, dtype, dims, value = line.split("\t")
        if reader == "libzip":
            zips.append((path, name, value))
        elif name == "-" and dtype == "-":
            files[path] = reader, {}
        else:
            files[path][1][name] = dtype, dims, value
    return files, zips


def ours_h5(bin_folder, folders, work):
    """Keras files: each a bag first."""
    folder, paths = os.path.join(work, "bags"), {}
    os.makedirs(folder)
    for path in (os.path.join(f, name) for f in folders for name in sorted(os.listdir(f))):
        with open(path, "rb") as f:
            if f.read(8) != b"\x89HDF\r\n\x1a\n":
                continue
        bag = os.path.join(folder, hashlib.sha1(path.encode()).hexdigest())
        status = subprocess.run([os.path.join(bin_folder, "h5"), path, bag], stderr=subprocess.DEVNULL).returncode
        paths[bag] = path
        if status not in (0, 1):
            raise SystemExit(f"h5 {path}: exit {status}, wanted 0 or 1")
    files, _ = ours(bin_folder, [folder])
    read = {paths[bag]: ("h5py", tensors) for bag, (_, tensors) in files.items()}
    return {path: read.get(path, ("refused", {})) for path in paths.values()}


def compare(mine, theirs):
    for name in sorted(set(mine) | set(theirs)):
        if mine.get(name) != theirs.get(name):
            return f"tensor {name!r}: ours {mine.get(name)}, theirs {theirs.get(name)}"
    return None


def reason(reader, said):
    for who, pattern, why in REASONS:
        if who == reader and re.search(pattern, said):
            return why
    return None


class Tap:
    count = failed = 0

    def ok(self, good, sentence, *why):
        self.count += 1
        self.failed += not good
        print(("" if good else "not ") + f"ok {self.count} - {sentence}", *("# " + w for w in why), sep="\n")


def judge_reader(tap, reader, accepted):
    bad, excused, same = [], collections.Counter(), 0
    for path, mine in accepted:
        theirs = ask(reader, path)
        if isinstance(theirs, str):
            why = reason(reader, theirs)
            excused[why] += 1
            if not why:
                bad.append(f"{path}: {reader} refuses it: {theirs[:300]!r}")
        else:
            why = compare(mine, theirs)
            same += not why
            if why:
                bad.append(f"{path}: {why}")
    tap.ok(not bad, f"{reader} accepts what we accept, and reads the same", *bad[:40])
    print(f"# {len(accepted)} files accepted by us, {same} of them read alike, {len(bad)} not")
    for why, n in excused.items():
        print(f"# {n} refused by {reader} alone: {why}") if why else None
    tap.ok(same >= FEWEST, f"{same} files were compared with {reader}, wanted {FEWEST}")


def main(bin_folder, work, *folders):
    tap = Tap()
    os.makedirs(work, exist_ok=True)
    torch.set_num_threads(1)
    folders = list(folders) + [wrap(folders, work)]
    files, zips = ours(bin_folder, folders)
    files.update(ours_h5(bin_folder, folders, work))
    by_reader = collections.defaultdict(list)
    for path, (reader, tensors) in files.items():
        by_reader[reader].append((path, tensors))
    print(f"# {len(files)} files, {len(by_reader['refused'])} refused by us")
    for reader in READERS:
        judge_reader(tap, reader, by_reader[reader])
    for kind in sorted({k for _, k, _ in zips}):
        bad = [f"{path}: {said}" for path, k, said in zips if k == kind and said != "same"]
        n = sum(k == kind for _, k, _ in zips)
        tap.ok(not bad and n >= FEWEST, f"libzip reads {n} zips as our reader of {kind} zips does", *bad[:40])
    print(f"1..{tap.count}")
    return tap.failed != 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
