"""Pillow's answers for core/resize.c and core/image.c: pictures made from the seed, resized by
every filter, and encoded and decoded by every codec. Refuses to run where Pillow lacks one.

    pillow.safetensors
      picture.K              u8 [H,W,C]   an input
      resize.FILTER.K.I      u8 [h,w,C]   Image.resize of it
      luma.K                 u8 [H,W,1]   convert("L") of a colour input
      file.NAME, pixels.NAME u8 [bytes], u8 [H,W,C]: an encoded file, and what Pillow reads in it
"""

import io

import numpy as np
import PIL
from PIL import Image
from safetensors.numpy import save_file

FILTERS = {"nearest": Image.NEAREST, "bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}
# (width, height) of inputs and of what becomes of them: down, up, one side alone, both ways,
# by a hair, to one pixel.
INPUTS = [(61, 37, 3), (61, 37, 1), (23, 48, 3), (5, 3, 1)]
OUTPUTS = [(13, 7), (40, 29), (64, 45), (61, 20), (23, 37), (30, 37), (50, 11), (9, 50), (60, 36), (1, 1)]


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


def make(seed, folder):
    rng = np.random.default_rng(seed)
    tensors = {f"picture.{k}": picture(rng, *shape) for k, shape in enumerate(INPUTS)}
    resized(tensors)
    encoded(tensors, rng)
    save_file(tensors, f"{folder}/pillow.safetensors", {"pillow": PIL.__version__})
