"""An exported float32 graph → int8, with activation scales that were fixed beforehand.

Fixed (static) scales make a text's answer independent of its batch-mates; ONNX Runtime's dynamic quantisation takes
one scale per batch. What usually makes static scales inaccurate in transformers are a few channels with values ten
times the others'. SmoothQuant (Xiao et al. 2023, arXiv:2211.10438) divides each channel of the activations by a
constant and multiplies the matching row of the weights by it: the product is the same, the range is even.

Mean error of the logit margin on 500 texts (embedded model, 24 % of its training): static MinMax 0.34, dynamic 0.043,
this 0.019, at 0.78-0.87 of the dynamic graph's CPU time. Clipping ranges (MSE) was worse than MinMax on smoothed
channels, and one scale per row no better.

The product runs in one operator, `MatMulIntegerToFloat`, written as ONNX Runtime's own fusion of QuantizeLinear /
DequantizeLinear pairs would leave it, so that nothing has to be found and fused at every wake.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from lightsleeper.model.bundle import FITS_16_BITS, OPTIMIZED
from lightsleeper.training.observe import Floats, Observation, linear_layers

#: SmoothQuant's α: 0.5 splits the outliers evenly between activations and weights, 1 leaves none in the activations.
_ALPHAS = (0.5, 0.65, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
_WEIGHT_LEVELS = 127
#: x86-64 without VNNI adds two products of uint8 and int8 in 16 bits: two weights side by side may come to no more.
_PAIR_LEVELS = 128
#: Finest and coarsest that a channel's largest weight becomes: the coarser, the fewer pairs have to be cut.
_FINENESS = (127, 119, 112, 106, 100, 95, 90, 85, 80, 72, 64)
_ACTIVATION_LEVELS = 255

SCHEME = {
    "method": "SmoothQuant, static",
    "weights": "int8 per output channel",
    "sums": FITS_16_BITS,
    "graph": OPTIMIZED,
    "activations": "uint8 per tensor, smoothed per channel",
    "embeddings": "int8 per row",
}


@dataclass(frozen=True)
class _Input:
    """How one tensor is made uint8: `round(x / (smoothing * scale)) + zero_point`."""

    smoothing: Floats
    scale: np.float32
    zero_point: np.uint8

    def rounded(self, rows: Floats) -> Floats:
        """What is left of `rows / smoothing` after the detour through uint8."""
        zero = np.float32(self.zero_point)
        levels = np.clip(np.rint(rows / (self.smoothing * self.scale)) + zero, 0, _ACTIVATION_LEVELS)
        rounded: Floats = (levels - zero) * self.scale
        return rounded


def quantize(model: onnx.ModelProto, observations: dict[str, Observation]) -> onnx.ModelProto:
    """A copy of `model` with int8 linear layers and word embeddings; the small head stays float32."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    graph = _Graph(result.graph)
    for group in _sharing(linear_layers(result.graph)):
        used = {layer.input[1]: graph.weight(layer) for layers in group.values() for layer in layers}
        chosen = _choose(_together([observations[name] for name in group]), list(used.values()))
        for name, layers in group.items():
            graph.quantize_layers(layers, _fitted(observations[name], chosen.smoothing))
    for lookup in [node for node in graph.proto.node if _is_word_embedding(node, graph.tensors)]:
        graph.quantize_embedding(lookup)
    graph.finish()
    result.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return result


def _sharing(layers: Mapping[str, list[NodeProto]]) -> list[dict[str, list[NodeProto]]]:
    """The layers again, those together that share weights, which are then smoothed alike: all of ALBERT's."""
    groups: list[tuple[set[str], dict[str, list[NodeProto]]]] = []
    for name, nodes in layers.items():
        weights = {node.input[1] for node in nodes}
        own = {name: nodes}
        for other in [group for group in groups if group[0] & weights]:
            groups.remove(other)
            weights |= other[0]
            own = {**other[1], **own}
        groups.append((weights, own))
    return [own for _, own in groups]


def _together(seen: Sequence[Observation]) -> Observation:
    """Several tensors' observations as one."""
    low, high = (np.stack([getattr(each, side) for each in seen]) for side in ("low", "high"))
    return Observation(np.concatenate([each.rows for each in seen]), low.min(axis=0), high.max(axis=0))


def _is_word_embedding(node: NodeProto, tensors: dict[str, Floats]) -> bool:
    return node.op_type == "Gather" and node.input[0] in tensors and node.input[1] == "input_ids"


def _choose(seen: Observation, weights: Sequence[Floats]) -> _Input:
    """The α whose quantised products come closest to the float ones, relative to their size, over `weights`."""
    products = [seen.rows @ weight for weight in weights]

    def error(candidate: _Input) -> float:
        rows = candidate.rounded(seen.rows)
        pairs = zip(weights, products, strict=True)
        return sum(_error(rows @ _rounded(candidate.smoothing[:, None] * weight), exact) for weight, exact in pairs)

    return min(_candidates(seen, weights), key=error)


def _error(found: Floats, exact: Floats) -> float:
    size = np.square(exact).mean()  # 0 of a layer of zeros, of which no α is the best
    return float(np.square(found - exact).mean() / size) if size else 0.0


def _candidates(seen: Observation, weights: Sequence[Floats]) -> Iterator[_Input]:
    tiny = np.float32(1e-5)  # a channel that was never active
    activations = np.maximum(np.maximum(-seen.low, seen.high), tiny)
    rows = np.maximum(np.abs(np.concatenate(weights, axis=1)).max(axis=1), tiny)
    for alpha in _ALPHAS:
        yield _fitted(seen, (activations**alpha / rows ** (1 - alpha)).astype(np.float32))


def _fitted(seen: Observation, smoothing: Floats) -> _Input:
    """The finest scale that clips nothing of what was seen."""
    low = min(float((seen.low / smoothing).min()), 0.0)
    high = max(float((seen.high / smoothing).max()), 0.0)
    scale = np.float32((high - low) / _ACTIVATION_LEVELS)
    return _Input(smoothing, scale, np.uint8(np.rint(-low / scale)))


def _int8(weight: Floats, axis: int) -> tuple[NDArray[np.int8], Floats]:
    """`weight` as int8 with one scale for each slice along the other axis."""
    scale = np.maximum(np.abs(weight).max(axis=axis, keepdims=True) / _WEIGHT_LEVELS, 1e-12).astype(np.float32)
    return np.rint(weight / scale).astype(np.int8), scale


def _int8_in_pairs(weight: Floats) -> tuple[NDArray[np.int8], Floats]:
    """`weight`, [in, out], as int8 whose products with uint8 fit 16 bits in pairs, and the scale of each column.

    Each column takes the fineness that loses least. One in a hundred pairs is too large at 127 levels; cutting them
    made the squared error of rounding 2 to 50 times as large, choosing the fineness first 1.2 to 1.8 times, where 64
    levels, the common way to be safe, make it 4.
    """
    largest = np.maximum(np.abs(weight).max(axis=0), 1e-12)
    best, scales = np.zeros(weight.shape, dtype=np.int8), np.zeros_like(largest)
    least = np.full_like(largest, np.inf)
    for levels in _FINENESS:
        scale = (largest / levels).astype(np.float32)
        found = _cut_pairs(weight, scale)
        error = np.square(found * scale - weight).sum(axis=0)
        better = error < least
        best[:, better], scales[better], least[better] = found[:, better], scale[better], error[better]
    return best, scales


def _cut_pairs(weight: Floats, scale: Floats) -> NDArray[np.int8]:
    """`weight / scale` rounded, where two neighbours of one sign come to too much cut by the same amount each."""
    levels = np.rint(weight / scale).astype(np.int16)
    pairs = levels[: len(levels) // 2 * 2].reshape(-1, 2, levels.shape[1])
    sums = pairs.sum(axis=1)
    beyond = np.where(pairs[:, 0] * pairs[:, 1] > 0, np.maximum(np.abs(sums) - _PAIR_LEVELS, 0), 0)
    pairs[:, 0] -= np.sign(sums) * (beyond // 2)
    pairs[:, 1] -= np.sign(sums) * (beyond - beyond // 2)
    rounded: NDArray[np.int8] = levels.astype(np.int8)
    return rounded


def _rounded(weight: Floats) -> Floats:
    levels, scale = _int8(weight, axis=0)
    rounded: Floats = levels * scale
    return rounded


class _Graph:
    """A graph while nodes are exchanged; `finish` drops the tensors that nothing reads any more."""

    def __init__(self, proto: onnx.GraphProto) -> None:
        self.proto = proto
        self.tensors: dict[str, Floats] = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.initializer}
        self._readers: dict[str, list[NodeProto]] = {}
        for node in proto.node:
            for name in node.input:
                self._readers.setdefault(name, []).append(node)
        # Keyed by a node's first output, which no two nodes share.
        self._replacements: dict[str, list[NodeProto]] = {}

    def weight(self, layer: NodeProto) -> Floats:
        """[channels in, channels out] of a linear layer."""
        transposed = any(attribute.name == "transB" and attribute.i for attribute in layer.attribute)
        weight = self.tensors[layer.input[1]]
        return weight.T if transposed else weight

    def quantize_layers(self, layers: Sequence[NodeProto], chosen: _Input) -> None:
        """Exchange linear layers that read one tensor for a shared quantisation and their integer products."""
        name = layers[0].input[0]
        levels, zero, scale = f"{name}.uint8", f"{name}.zero_point", f"{name}.scale"
        before = [
            # One multiplication smooths and scales; QuantizeLinear then only rounds.
            helper.make_node(
                "Mul", [name, self._add(f"{name}.factor", 1 / (chosen.smoothing * chosen.scale))], [f"{name}.scaled"]
            ),
            helper.make_node(
                "QuantizeLinear",
                [f"{name}.scaled", self._add("one", np.float32(1)), self._add(zero, chosen.zero_point)],
                [levels],
            ),
        ]
        self._add(scale, chosen.scale)
        for layer in layers:
            weight, weight_scale = _int8_in_pairs(chosen.smoothing[:, None] * self.weight(layer))
            quantized = self._add_again(f"{layer.input[1]}.int8", weight)
            scales = self._add(f"{layer.input[1]}.scale", weight_scale)
            bias, output = self._take_bias(layer)
            product = helper.make_node(
                "MatMulIntegerToFloat",
                [levels, quantized, scale, scales, zero, *(["", bias] if bias else [])],
                [output],
                domain="com.microsoft",
            )
            self._replacements[layer.output[0]] = [*before, product]
            before = []

    def quantize_embedding(self, lookup: NodeProto) -> None:
        """Look the word up in an int8 table, and its scale in another."""
        table, output = lookup.input[0], lookup.output[0]
        levels, scale = _int8(self.tensors[table], axis=1)
        self._replacements[output] = [
            helper.make_node("Gather", [self._add(f"{table}.int8", levels), "input_ids"], [f"{table}.levels"]),
            helper.make_node("Cast", [f"{table}.levels"], [f"{table}.float"], to=TensorProto.FLOAT),
            helper.make_node("Gather", [self._add(f"{table}.scales", scale), "input_ids"], [f"{table}.scale"]),
            helper.make_node("Mul", [f"{table}.float", f"{table}.scale"], [output]),
        ]

    def finish(self) -> None:
        """Put the new nodes where the old ones were."""
        nodes = [new for node in self.proto.node for new in self._replacements.get(node.output[0], [node])]
        read = {name for node in nodes for name in node.input}
        self.proto.ClearField("node")
        self.proto.node.extend(nodes)
        self.proto.ClearField("initializer")
        self.proto.initializer.extend(
            numpy_helper.from_array(np.asarray(tensor), name) for name, tensor in self.tensors.items() if name in read
        )

    def _take_bias(self, layer: NodeProto) -> tuple[str | None, str]:
        """The bias of `layer`, perhaps added right after it, and where the sum goes; such an addition is dropped."""
        if layer.op_type == "Gemm":
            return layer.input[2] if len(layer.input) > 2 else None, layer.output[0]  # noqa: PLR2004  # ModernBERT's
        readers = self._readers[layer.output[0]]
        if len(readers) == 1 and readers[0].op_type == "Add":
            for name in readers[0].input:
                if name in self.tensors and self.tensors[name].ndim == 1:
                    self._replacements[readers[0].output[0]] = []
                    return name, readers[0].output[0]
        return None, layer.output[0]

    def _add_again(self, name: str, tensor: object) -> str:
        """A name for each product that reads weights: without VNNI, ONNX Runtime fails on one."""
        free = (name if use == 1 else f"{name}.{use}" for use in count(1))
        return self._add(next(each for each in free if each not in self.tensors), tensor)

    def _add(self, name: str, tensor: object) -> str:
        self.tensors[name] = np.asarray(tensor)
        return name
