#!/usr/bin/env python3
"""pack.py - Pillow's side of tests/peer/sources.py: Kvasir-SEG's zip to two arrays, by two processes.

    pack.py KVASIR.zip OUT.npy MASKS.npy

Pictures bilinear, masks nearest and then above 127, 224x224: what convert/kvasir.conf says. Each process
takes every second pair, straight from the zip, into files mapped to memory; nothing is kept twice.
"""
import io
import multiprocessing
import sys
import zipfile

import numpy as np
from PIL import Image

SIDE, PROCESSES = 224, 2


def work(args):
    path, names, images, masks, first = args
    image = np.lib.format.open_memmap(images, mode="r+")
    mask = np.lib.format.open_memmap(masks, mode="r+")
    with zipfile.ZipFile(path) as archive:
        for i in range(first, len(names), PROCESSES):
            picture = Image.open(io.BytesIO(archive.read(names[i])))
            image[i] = picture.convert("RGB").resize((SIDE, SIDE), Image.BILINEAR)
            truth = Image.open(io.BytesIO(archive.read(names[i].replace("/images/", "/masks/"))))
            mask[i] = np.asarray(truth.convert("L").resize((SIDE, SIDE), Image.NEAREST)) > 127


def main():
    path, images, masks = sys.argv[1:]
    with zipfile.ZipFile(path) as archive:
        names = sorted(n for n in archive.namelist() if "/images/" in n and n.endswith(".jpg"))
    np.lib.format.open_memmap(images, "w+", np.uint8, (len(names), SIDE, SIDE, 3)).flush()
    np.lib.format.open_memmap(masks, "w+", np.bool_, (len(names), SIDE, SIDE)).flush()
    with multiprocessing.Pool(PROCESSES) as pool:
        pool.map(work, [(path, names, images, masks, k) for k in range(PROCESSES)])
    print(len(names))


if __name__ == "__main__":
    main()
