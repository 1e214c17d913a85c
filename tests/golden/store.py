"""store.py - writes a safetensors file: same tensors, same bytes.

The safetensors package is not used for writing because its metadata come in another order each time.
Tensors of wide elements come first, so that each is aligned to its element in a mapped file.
"""
import json
import os

import numpy as np

TYPES = {"float64": "F64", "float32": "F32", "int64": "I64", "int32": "I32", "uint8": "U8"}


class Store:
    def __init__(self):
        self.tensors, self.meta = {}, {}

    def add(self, name, value, dtype=None):
        """value: a number, an array or a torch tensor."""
        if hasattr(value, "detach"):
            value = value.detach().numpy()
        value = np.array(value, dtype=dtype, order="C")
        assert name not in self.tensors, name
        assert value.dtype.kind != "f" or np.isfinite(value).all(), name
        self.tensors[name] = value

    def note(self, key, value):
        assert key not in self.meta, key
        self.meta[key] = str(value)

    def write(self, path):
        header, offset = {"__metadata__": self.meta}, 0
        order = sorted(self.tensors, key=lambda name: -self.tensors[name].itemsize)
        for name in order:
            t = self.tensors[name]
            header[name] = {"dtype": TYPES[t.dtype.name], "shape": list(t.shape),
                            "data_offsets": [offset, offset + t.nbytes]}
            offset += t.nbytes
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-(len(text) + 8) % 64)
        with open(path + ".part", "wb") as f:
            f.write(len(text).to_bytes(8, "little") + text)
            for name in order:
                f.write(self.tensors[name].tobytes())
        os.replace(path + ".part", path)
