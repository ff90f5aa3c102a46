"""Byte maps and 8-bit layers, slow and obvious, in NumPy."""

import numpy as np


def byte_maps(maps, reach, levels):
    """Maps (M, n, n) in bytes: linear in the distance 1 / sqrt(M), 0 where a neighbour is missing."""
    with np.errstate(divide="ignore"):
        distances = np.float32(1) / np.sqrt(maps.astype(np.float32))
    raw = np.float32(levels) * (np.float32(reach) - distances)
    return np.where(maps > 0, np.clip(np.rint(raw), 0, 255), 0).astype(np.uint8)


def cut(image, height, width):
    """Patches (M, P, h w c) of an image (M, rows, columns, c), row by row."""
    m, rows, columns, channels = image.shape
    grid = image.reshape(m, rows // height, height, columns // width, width, channels)
    patches = (rows // height) * (columns // width)
    return grid.transpose(0, 1, 3, 2, 4, 5).reshape(m, patches, height * width * channels)


def layer_sums(image, layer):
    """Give acc * scale + bias, (M, P, O), every operation rounded to float32."""
    height, width, weights, scale, bias = layer
    patches = cut(image, height, width).transpose(1, 0, 2).astype(float)  # which holds these integers exactly
    sums = (patches @ weights.transpose(0, 2, 1).astype(float)).transpose(1, 0, 2)
    assert np.abs(sums).max(initial=0) < 2**31
    return sums.astype(np.int32).astype(np.float32) * scale + bias


def run_network(maps, layers):
    """Embeddings (M, E) of byte maps (M, n, n)."""
    image = maps[..., None]
    for layer in layers[:-1]:
        values = layer_sums(image, layer)
        rows, columns = image.shape[1] // layer[0], image.shape[2] // layer[1]
        image = np.clip(np.rint(values), 0, 255).astype(np.uint8)
        image = image.reshape(len(maps), rows, columns, values.shape[2])
    values = np.maximum(layer_sums(image, layers[-1]), np.float32(0))
    return values.reshape(len(maps), values.shape[1] * values.shape[2])


def random_layers(size, plan, seed):
    """Layers of a plan [(h, w, outputs), ...] whose values spread over the bytes; h = 0 takes all."""
    rng = np.random.default_rng(seed)
    rows = columns = size
    channels, layers = 1, []
    for h, w, outputs in plan:
        height, width = h or rows, w or columns
        rows, columns = rows // height, columns // width
        shape = (rows * columns, outputs, height * width * channels)
        weights = rng.integers(-128, 128, shape).astype(np.int8)
        weights[rng.random(shape[:2]) < 0.01] = rng.choice([-128, 127])  # the largest sums there are
        spread = 74 * 128 * np.sqrt(shape[2])
        scale = (rng.uniform(0.5, 2, shape[:2]) * 80 / spread).astype(np.float32)
        bias = rng.normal(100, 60, shape[:2]).astype(np.float32)
        layers.append((height, width, weights, scale, bias))
        channels = outputs
    return layers
