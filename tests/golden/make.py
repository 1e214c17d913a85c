#!/usr/bin/env python3
"""make.py - makes the golden vectors: what PyTorch, Pillow and friends say, for the C tests to meet.

    python3 make.py --seed N [--only pillow,files,names,ops,models] DIR

It is not run by `make test`: tests/golden/data holds the set of seed 1. Another set is made with any
other seed and checked by `make test GOLDEN=DIR`. What is in which file: README.md beside this script.

Install (2.1 GB, two minutes; machines with the CUDA 13 and cuDNN 9 libraries in their search path can
leave out the nvidia packages but the three named), or `make oracle`, which does the same:

    python3 -m venv .oracle
    .oracle/bin/pip install --no-deps torch==2.11.0 torchvision==0.26.0 timm==1.0.31 \\
        segmentation_models_pytorch==0.6.0
    .oracle/bin/pip install --no-deps nvidia-cufile nvidia-cusparselt-cu13 nvidia-nvshmem-cu13
    .oracle/bin/pip install filelock typing_extensions sympy networkx jinja2 fsspec mpmath numpy \\
        pillow scipy safetensors pyyaml tqdm h5py huggingface_hub httpx2
"""
import argparse
import importlib
import os
import sys
import time

SECTIONS = ("pillow", "files", "names", "ops", "models")  # a module each, with make(seed, directory)


def main():
    parser = argparse.ArgumentParser(description="makes the golden vectors")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, comma between")
    parser.add_argument("directory")
    args = parser.parse_args()
    os.makedirs(args.directory, exist_ok=True)
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    for section in args.only.split(","):
        if section not in SECTIONS:
            parser.error(f"no section {section!r}; there are {' '.join(SECTIONS)}")
        began = time.monotonic()
        importlib.import_module(section).make(args.seed, args.directory)
        print(f"{section}: {time.monotonic() - began:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
