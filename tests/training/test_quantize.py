import numpy as np
import pytest

pytest.importorskip("onnx")

import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from lightsleeper.training.observe import Floats, observe
from lightsleeper.training.quantize import quantize

pytestmark = pytest.mark.torch

TOKENS, CHANNELS, OUTPUTS = 50, 32, 8


def network(embeddings: Floats, weight: Floats, *, read_by: str = "input_ids") -> onnx.ModelProto:
    """Embeddings, of words unless something else reads them, and one linear layer with a bias."""
    tensors = {"table": embeddings, "weight": weight, "bias": np.arange(OUTPUTS, dtype=np.float32)}
    nodes = [
        helper.make_node("Identity", ["input_ids"], ["something_else"]),
        helper.make_node("Gather", ["table", read_by], ["words"]),
        helper.make_node("MatMul", ["words", "weight"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["logits"]),
    ]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "width"])
        for name in ("input_ids", "attention_mask")
    ]
    output = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "width", OUTPUTS])
    constants = [numpy_helper.from_array(tensor, name) for name, tensor in tensors.items()]
    graph = helper.make_graph(nodes, "network", inputs, [output], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def run(model: onnx.ModelProto, ids: list[list[int]], *, exact: bool = True) -> Floats:
    array = np.array(ids, dtype=np.int64)
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.x64quantprecision", "1" if exact else "0")
    session = onnxruntime.InferenceSession(model.SerializeToString(), sess_options=options)
    inputs = dict.fromkeys((each.name for each in session.get_inputs()), array)
    logits: Floats = session.run(["logits"], inputs)[0]
    return logits


def with_outlier(seed: int) -> tuple[Floats, Floats]:
    """Embeddings of which one channel is fifty times the others, as in trained transformers, and a weight."""
    draw = np.random.default_rng(seed)
    embeddings = draw.normal(size=(TOKENS, CHANNELS)).astype(np.float32)
    embeddings[:, 3] *= 50
    weight = draw.normal(size=(CHANNELS, OUTPUTS)).astype(np.float32)
    weight[3] /= 50
    return embeddings, weight


def relative_error(found: Floats, exact: Floats) -> float:
    return float(np.sqrt(np.square(found - exact).mean() / exact.var()))


TEXTS = [list(range(start, start + 10)) for start in range(TOKENS - 10)]


def test_a_channel_of_outliers_costs_the_others_little() -> None:
    embeddings, weight = with_outlier(seed=0)
    model = network(embeddings, weight, read_by="something_else")
    exact = run(model, [list(range(TOKENS))])
    # One scale for all channels, as MinMax calibration takes it; exact weights.
    step = np.ptp(embeddings) / 255
    plain = (np.rint(embeddings / step) * step) @ weight + np.arange(OUTPUTS)
    ours = run(quantize(model, observe(model, TEXTS)), [list(range(TOKENS))])
    assert relative_error(ours, exact) < relative_error(plain, exact) / 5


def test_weights_and_words_are_kept_in_one_byte_each() -> None:
    model = network(*with_outlier(seed=1))
    kept = {tensor.name: tensor for tensor in quantize(model, observe(model, TEXTS)).graph.initializer}
    assert "table" not in kept
    assert "weight" not in kept
    int8 = {tuple(tensor.dims) for tensor in kept.values() if tensor.data_type == TensorProto.INT8}
    assert int8 == {(TOKENS, CHANNELS), (CHANNELS, OUTPUTS)}


@pytest.mark.parametrize("channels", [CHANNELS, CHANNELS + 1])
def test_two_neighbouring_products_fit_16_bits_whatever_the_weights(channels: int) -> None:
    draw = np.random.default_rng(9)
    embeddings = draw.uniform(0, 1, size=(TOKENS, channels)).astype(np.float32)  # uint8 at its highest
    weight = draw.choice(np.array([-1, -0.9, -0.5, 0.4, 0.95, 1], dtype=np.float32), size=(channels, OUTPUTS))
    weight[:, 0], weight[:, 1] = 1, -1
    model = network(embeddings, weight, read_by="something_else")
    quantized = quantize(model, observe(model, TEXTS))
    (levels,) = (numpy_helper.to_array(t) for t in quantized.graph.initializer if t.name == "weight.int8")
    pairs = levels[: channels // 2 * 2].astype(int).reshape(-1, 2, OUTPUTS)
    same_sign = pairs[:, 0] * pairs[:, 1] > 0
    assert np.abs(pairs.sum(axis=1))[same_sign].max() == 128
    assert relative_error(run(quantized, TEXTS), run(model, TEXTS)) < 0.03
    assert (run(quantized, TEXTS, exact=False) == run(quantized, TEXTS)).all()


def test_what_follows_the_last_norm_is_the_head_and_stays_as_it_is() -> None:
    model = network(*with_outlier(seed=7))
    gain, head = np.ones(OUTPUTS, dtype=np.float32), np.ones((OUTPUTS, 2), dtype=np.float32)
    model.graph.initializer.extend([numpy_helper.from_array(gain, "gain"), numpy_helper.from_array(head, "head")])
    norm = helper.make_node("LayerNormalization", ["logits", "gain"], ["normed"])
    model.graph.node.extend([norm, helper.make_node("MatMul", ["normed", "head"], ["answer"])])
    seen = observe(model, TEXTS)
    assert list(seen) == ["words"]
    assert "head" in {tensor.name for tensor in quantize(model, seen).graph.initializer}


def test_a_layer_that_holds_its_weight_the_other_way_round_is_the_same_layer() -> None:
    embeddings, weight = with_outlier(seed=8)
    plain = network(embeddings, weight)
    turned = network(embeddings, weight)
    turned.graph.initializer[1].CopyFrom(numpy_helper.from_array(np.ascontiguousarray(weight.T), "weight"))
    turned.graph.initializer.append(numpy_helper.from_array(np.array([-1, CHANNELS]), "flat"))
    del turned.graph.node[2:]
    turned.graph.node.append(helper.make_node("Reshape", ["words", "flat"], ["tokens"]))
    turned.graph.node.append(helper.make_node("Gemm", ["tokens", "weight", "bias"], ["logits"], transB=1))
    turned.graph.output[0].CopyFrom(helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["tokens", OUTPUTS]))
    seen = observe(plain, TEXTS)["words"]
    expected = run(quantize(plain, {"words": seen}), TEXTS)
    found = run(quantize(turned, {"tokens": seen}), TEXTS)
    assert (found == expected.reshape(-1, OUTPUTS)).all()


def test_a_text_does_not_feel_its_company() -> None:
    model = network(*with_outlier(seed=2))
    quantized = quantize(model, observe(model, TEXTS))
    assert (run(quantized, TEXTS)[7] == run(quantized, TEXTS[7:8])[0]).all()


def test_values_beyond_the_calibration_are_clipped_to_it() -> None:
    embeddings, weight = with_outlier(seed=3)
    model = network(embeddings, weight)
    quantized = quantize(model, observe(model, [[0, 1], [2, 3]]))
    logits = run(quantized, [list(range(TOKENS))])[0]
    seen = np.abs(embeddings[:4]).max(axis=0)
    assert np.isfinite(logits).all()
    assert np.abs(logits).max() < 2 * (seen @ np.abs(weight)).max()


def test_channels_that_are_always_zero_do_no_harm() -> None:
    embeddings, weight = with_outlier(seed=4)
    embeddings[:, 5] = 0
    weight[6] = 0
    model = network(embeddings, weight, read_by="something_else")
    exact = run(model, [list(range(TOKENS))])
    assert relative_error(run(quantize(model, observe(model, TEXTS)), [list(range(TOKENS))]), exact) < 0.02


def test_extremes_are_those_of_every_token_not_of_the_sample() -> None:
    model = network(*with_outlier(seed=5))
    texts = [[token] * 40 for token in range(TOKENS)] * 4  # 8,000 rows, of which 1,024 are kept
    seen = observe(model, texts)["words"]
    words = numpy_helper.to_array(model.graph.initializer[0])
    assert seen.rows.shape == (1024, CHANNELS)
    assert (seen.low == words.min(axis=0)).all()
    assert (seen.high == words.max(axis=0)).all()


def test_the_same_texts_give_the_same_graph() -> None:
    model = network(*with_outlier(seed=6))
    first, second = (quantize(model, observe(model, TEXTS)).SerializeToString() for _ in range(2))
    assert first == second
