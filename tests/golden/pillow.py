"""Pillow's answers for core/resize.c and core/image.c: pictures made from the seed, resized by
every filter, and encoded and decoded by every codec. Refuses to run where Pillow lacks one.

    pillow.safetensors
      picture.K              u8 [H,W,C]   an input
      resize.FILTER.K.I      u8 [h,w,C]   Image.resize of it
      luma.K                 u8 [H,W,1]   convert("L") of a colour input
      file.NAME, pixels.NAME u8 [bytes], u8 [H,W,C]: an encoded file, and what Pillow reads in it
      bad.NAME               u8 [bytes]    a file Pillow reads and we refuse
      plane.K                f64 [H,W]     logits; PyTorch's interpolate of them in float64:
      bilinear.K.A.I, bicubic.K.I  f64 [h,w]   align_corners A; bicubic with antialias
"""

import io
import struct
import zlib

import numpy as np
import PIL
import torch
from PIL import Image
from safetensors.numpy import save_file
from torch.nn.functional import interpolate

FILTERS = {"nearest": Image.NEAREST, "bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}
# (width, height) of inputs and of what becomes of them: down, up, one side alone, both ways,
# by a hair, to one pixel.
INPUTS = [(61, 37, 3), (61, 37, 1), (23, 48, 3), (5, 3, 1)]
OUTPUTS = [(13, 7), (40, 29), (64, 45), (61, 20), (23, 37), (30, 37), (50, 11), (9, 50), (22, 46), (1, 1)]


def picture(rng, width, height, channels):
    """A slope with edges and noise: every bit of the sums is used, and both ends are clipped."""
    y, x = np.mgrid[:height, :width]
    out = np.empty((height, width, channels), np.uint8)
    for c in range(channels):
        a, b, phase = rng.uniform(-3, 3, 3)
        wave = 128 + 90 * np.sin(a * x / 5 + b * y / 4 + phase)
        edge = np.where((x // 7 + y // 5 + c) % 2, 255, 0)
        noise = rng.integers(0, 256, (height, width))
        pick = rng.integers(0, 3, (height // 8 + 1, width // 8 + 1)).repeat(8, 0).repeat(8, 1)
        out[..., c] = np.choose(pick[:height, :width], [wave, edge, noise])
    return out


def image(pixels):
    return Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[..., 0])


def array(im):
    pixels = np.asarray(im)
    return np.ascontiguousarray(pixels.reshape(*pixels.shape[:2], -1))


def same_in_every_version(width, height, w, h):
    """Pillow 13 (pull request 9549) goes down first where the height shrinks much more."""
    return height - h <= 2 * max(width - w, 0) or w == width


def resized(tensors):
    recent = int(PIL.__version__.split(".")[0]) >= 13
    for k, (width, height, _) in enumerate(INPUTS):
        im = image(tensors[f"picture.{k}"])
        for name, number in FILTERS.items():
            for i, (w, h) in enumerate(OUTPUTS):
                if recent or name == "nearest" or same_in_every_version(width, height, w, h):
                    tensors[f"resize.{name}.{k}.{i}"] = array(im.resize((w, h), number))
        if im.mode == "RGB":
            tensors[f"luma.{k}"] = array(im.convert("L"))


def encoded(tensors, rng):
    colour, grey = (image(picture(rng, 51, 35, c)) for c in (3, 1))
    smooth = colour.resize((9, 6)).resize((51, 35), Image.BICUBIC)
    files = {
        "jpeg420": (smooth, dict(format="JPEG", quality=90)),
        "jpeg422": (smooth, dict(format="JPEG", quality=75, subsampling=1)),
        "jpeg444": (colour, dict(format="JPEG", quality=60, subsampling=0)),
        "jpeg_progressive": (smooth, dict(format="JPEG", quality=85, progressive=True)),
        "jpeg_grey": (grey, dict(format="JPEG", quality=95)),
        "png": (colour, dict(format="PNG")),
        "png_grey": (grey, dict(format="PNG")),
        "png_palette": (smooth.quantize(50), dict(format="PNG")),
        "png_palette2": (smooth.quantize(4), dict(format="PNG")),
        "png_bit": (grey.convert("1"), dict(format="PNG")),
        "tiff": (colour, dict(format="TIFF")),
        "tiff_grey": (grey, dict(format="TIFF")),
        "tiff_lzw": (colour, dict(format="TIFF", compression="tiff_lzw")),
        "tiff_deflate": (smooth, dict(format="TIFF", compression="tiff_adobe_deflate")),
    }
    for name, (im, how) in files.items():
        out = io.BytesIO()
        im.save(out, **how)
        back = Image.open(io.BytesIO(out.getvalue()))
        back = back.convert({"P": "RGB", "1": "L"}.get(back.mode, back.mode))
        tensors[f"file.{name}"] = np.frombuffer(out.getvalue(), np.uint8)
        tensors[f"pixels.{name}"] = array(back)


def short_palette(png):
    """The file with its palette cut to one colour: indices point beyond it."""
    at = png.index(b"PLTE")
    length = struct.unpack(">I", png[at - 4 : at])[0]
    plte = b"PLTE" + png[at + 4 : at + 7]
    crc = struct.pack(">I", zlib.crc32(plte))
    return png[: at - 4] + struct.pack(">I", 3) + plte + crc + png[at + 8 + length :]


def refused(tensors, rng):
    colour = image(picture(rng, 19, 14, 3))
    palette = colour.quantize(20)
    files = {
        "jpeg_cmyk": (colour.convert("CMYK"), dict(format="JPEG")),
        "png_alpha": (colour.convert("RGBA"), dict(format="PNG")),
        "png_grey_alpha": (colour.convert("LA"), dict(format="PNG")),
        "png_transparent": (palette, dict(format="PNG", transparency=3)),
        "png_16": (colour.convert("L").convert("I;16"), dict(format="PNG")),
        "png_index": (palette, dict(format="PNG", bits=8)),
        "tiff_bit": (colour.convert("1"), dict(format="TIFF")),
        "tiff_float": (colour.convert("L").convert("F"), dict(format="TIFF")),
        "tiff_cmyk": (colour.convert("CMYK"), dict(format="TIFF")),
        "tiff_alpha": (colour.convert("RGBA"), dict(format="TIFF")),
        "tiff_palette": (palette, dict(format="TIFF")),
        "tiff_jpeg": (colour, dict(format="TIFF", compression="jpeg")),
        "gif": (palette, dict(format="GIF")),
        "bmp": (colour, dict(format="BMP")),
    }
    for name, (im, how) in files.items():
        out = io.BytesIO()
        im.save(out, **how)
        data = short_palette(out.getvalue()) if name == "png_index" else out.getvalue()
        tensors[f"bad.{name}"] = np.frombuffer(data, np.uint8)


def planes(tensors, rng):
    sizes = [(7, 11), (14, 14), (3, 5), (1, 1), (20, 6)]
    for k, shape in enumerate([(7, 11), (14, 14), (1, 4)]):
        tensors[f"plane.{k}"] = rng.normal(0, 3, shape).astype(np.float32).astype(np.float64)
        x = torch.from_numpy(tensors[f"plane.{k}"])[None, None]
        for i, size in enumerate(sizes):
            for a in (0, 1):
                y = interpolate(x, size, mode="bilinear", align_corners=bool(a))
                tensors[f"bilinear.{k}.{a}.{i}"] = y[0, 0].numpy()
            y = interpolate(x, size, mode="bicubic", antialias=True, align_corners=False)
            tensors[f"bicubic.{k}.{i}"] = y[0, 0].numpy()


def make(seed, folder):
    rng = np.random.default_rng(seed)
    tensors = {f"picture.{k}": picture(rng, *shape) for k, shape in enumerate(INPUTS)}
    resized(tensors)
    encoded(tensors, rng)
    refused(tensors, rng)
    planes(tensors, rng)
    save_file(tensors, f"{folder}/pillow.safetensors", {"pillow": PIL.__version__})
