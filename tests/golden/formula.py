"""formula.py - numbers that need not be stored: Philox4x32-10 as core/rng.h has it, in numpy.

Parameters, pictures and masks of the model goldens are functions of (seed, place); C computes the same
ones. All formulas are in README.md; check() holds the cipher to the Random123 vectors.
"""
import numpy as np

STREAM_INIT, STREAM_ORDER, STREAM_DROPOUT = 2, 3, 5
M0, M1, W0, W1 = 0xD2511F53, 0xCD9E8D57, 0x9E3779B9, 0xBB67AE85
LOW, SHIFT = np.uint64(0xFFFFFFFF), np.uint64(32)


def philox(counter, key):
    """counter: 4 arrays of uint64 below 2^32; key: 2 ints. Returns 4 such arrays."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        p0, p1 = c0 * np.uint64(M0), c2 * np.uint64(M1)
        c0, c1, c2, c3 = (p1 >> SHIFT) ^ c1 ^ np.uint64(k0), p1 & LOW, (p0 >> SHIFT) ^ c3 ^ np.uint64(k1), p0 & LOW
        k0, k1 = (k0 + W0) & 0xFFFFFFFF, (k1 + W1) & 0xFFFFFFFF
    return c0, c1, c2, c3


def block(seed, stream, epoch, index):
    """Four words at each block index of an array."""
    i = np.asarray(index, dtype=np.uint64)
    same = np.zeros_like(i)
    return philox((i & LOW, i >> SHIFT, same + np.uint64(epoch), same + np.uint64(stream)),
                  (seed & 0xFFFFFFFF, seed >> 32))


def u64(seed, stream, epoch, index):
    words = block(seed, stream, epoch, index)
    return words[0] | words[1] << SHIFT


def uniform(seed, stream, epoch, n):
    """The first n of rng_uniform(seed, stream, epoch, i), in [0,1)."""
    out = np.empty(n)
    for first in range(0, n, 1 << 18):  # pieces that stay in the cache
        i = np.arange(first, min(n, first + (1 << 18)))
        out[i[0]:i[-1] + 1] = (u64(seed, stream, epoch, i) >> np.uint64(11)).astype(np.float64) * 2.0 ** -53
    return out


def u32(seed, stream, epoch, index):
    index = np.asarray(index, dtype=np.uint64)
    words = np.stack(block(seed, stream, epoch, index // np.uint64(4)))
    return np.take_along_axis(words, (index % np.uint64(4)).astype(np.int64)[None], 0)[0]


def permutation(seed, stream, epoch, n):
    """0..n-1 sorted by 64-bit draws, ties by index: the order of an epoch (stream 3)."""
    return np.argsort(u64(seed, stream, epoch, np.arange(n)), kind="stable")


def parameter(seed, index, name, shape):
    """Element i of the parameter or buffer that is number `index` among the model's names sorted by
    byte, as float32 (rounded once; kept in double)."""
    w = 2 * uniform(seed, STREAM_INIT, 1000 + index, int(np.prod(shape))) - 1
    if name.endswith("running_var"):
        value = 1 + .3 * w
    elif name.endswith("cls_token") or name.endswith("pos_embed"):
        value = .2 * w
    elif len(shape) > 1:  # conv and linear weights: variance 2 / fan in
        value = np.sqrt(6 / np.prod(shape[1:])) * w
    elif name.endswith(".weight"):  # norms; the last of a bottleneck small, against chaos
        value = (.25 if ".bn3." in name else 1) * (1 + .2 * w)
    else:  # biases, running means
        value = .1 * w
    return value.astype(np.float32).astype(np.float64).reshape(shape)


def pictures(seed, draw, count, side):
    """u8 [count,S,S,3] and masks u8 0 or 1 [count,S,S], constant on blocks of 8x8."""
    v = np.floor(256 * uniform(seed, STREAM_INIT, 800 + 2 * draw, count * side * side * 3))
    b = side // 8
    m = uniform(seed, STREAM_INIT, 801 + 2 * draw, count * b * b).reshape(count, b, b) < .4
    mask = m.repeat(8, 1).repeat(8, 2).astype(np.uint8)
    return v.astype(np.uint8).reshape(count, side, side, 3), mask


def check():
    """The Random123 vectors (kat_vectors: philox 4x32 10)."""
    ones, pi = 0xFFFFFFFF, (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344)
    known = (((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
             ((ones,) * 4, (ones,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
             (pi, (0xA4093822, 0x299F31D0), (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)))
    for counter, key, out in known:
        got = philox([np.array([c], dtype=np.uint64) for c in counter], key)
        assert tuple(int(g[0]) for g in got) == out, got
