"""BERT and its kind over the tokens of all texts of a batch, end to end: nothing is padded but the attention.

What a linear layer, a norm or an activation makes of a token depends on that token alone, so they run over
[tokens, channels]; queries, keys and values are laid out by text, [texts, heads, width, head], for the attention, and
what it yields is gathered back. Padding keys get a weight of exactly 0, so a text's numbers do not depend on the
width (the idea of unpadding: NVIDIA's FasterTransformer, ByteTransformer, arXiv:2210.03052).

The classifier reads the first token alone, so the last layer computes nothing but that once it has keys and values:
10 of its 12 parts, a seventh of all work in six layers.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding
from transformers import PreTrainedModel

#: As `config.model_type` names them, by how their modules are called.
_LIKE_ROBERTA = ("roberta", "xlm-roberta", "camembert")
PACKABLE = ("distilbert", "bert", *_LIKE_ROBERTA)


@dataclass(frozen=True)
class _Layer:
    """One layer of the encoder, whatever its parts are called."""

    queries: nn.Linear
    keys: nn.Linear
    values: nn.Linear
    mixed: nn.Linear
    mixed_norm: nn.LayerNorm
    wide: nn.Linear
    activation: Callable[[Tensor], Tensor]
    narrow: nn.Linear
    narrow_norm: nn.LayerNorm


class Packed(nn.Module):
    """A sequence classifier of `PACKABLE`, as a function of packed tokens.

    `input_ids`, int64 [tokens], are those of all texts, one text after the other; `rows` and `positions`, int64
    [tokens], say in which text and where in it each of them stands; `grid`, int64 [texts, width], which token stands
    there, -1 where none does. Logits, float32 [texts, labels].
    """

    def __init__(self, model: PreTrainedModel) -> None:
        """Hold `model`, and beside it what only this form of it has."""
        super().__init__()
        self.model = model
        self._layers = list(_layers(model))
        self.qkv = nn.ModuleList(_joined(layer) for layer in self._layers)
        self.position_embeddings = nn.Parameter(_position_embeddings(model), requires_grad=False)
        self.register_buffer("heads", torch.arange(model.config.num_attention_heads))

    def forward(self, input_ids: Tensor, rows: Tensor, positions: Tensor, grid: Tensor) -> Tensor:
        """See the class."""
        heads, width = len(self.heads), grid.shape[1]
        #: Of each token's 3 × heads vectors, the query of each head at each place: [texts, heads, width].
        places = grid.clamp(min=0)[:, None, :] * (3 * heads) + self.heads[:, None]
        back = (rows * heads)[:, None] * width + self.heads * width + positions[:, None]
        hidden = torch.finfo(torch.float32).min * (grid < 0).float()[:, None, None, :]
        every_query = hidden.expand(-1, -1, width, -1)  # in one piece: ONNX Runtime adds it faster to each head

        embeddings = _base(self.model).embeddings
        states = embeddings.LayerNorm(
            embeddings.word_embeddings(input_ids) + embedding(positions, self.position_embeddings)
        )
        for index, layer in enumerate(self._layers):
            last = index == len(self._layers) - 1
            vectors = self.qkv[index](states)
            vectors = vectors.view(-1, vectors.shape[1] // (3 * heads))
            if last:
                mixed = _attention(vectors, places[:, :, :1], places, heads, hidden).flatten(1)
                states = embedding(grid[:, 0], states)
            else:
                mixed = _attention(vectors, places, places, heads, every_query)
                mixed = embedding(back, mixed.reshape(-1, mixed.shape[3])).flatten(1)
            states = layer.mixed_norm(layer.mixed(mixed) + states)
            states = layer.narrow_norm(layer.narrow(layer.activation(layer.wide(states))) + states)
        return _head(self.model, states)


def _attention(vectors: Tensor, asking: Tensor, places: Tensor, heads: int, hidden: Tensor) -> Tensor:
    """[texts, heads, asking, head]: for each query the mean of the values, by how well their keys match."""
    queries, keys, values = (embedding(at, vectors) for at in (asking, places + heads, places + 2 * heads))
    scores = queries @ keys.transpose(2, 3) * vectors.shape[1] ** -0.5
    return torch.softmax(scores + hidden, dim=3) @ values


def _base(model: PreTrainedModel) -> nn.Module:
    base: nn.Module = getattr(model, model.base_model_prefix)
    return base


def _layers(model: PreTrainedModel) -> Iterator[_Layer]:
    if model.config.model_type == "distilbert":
        for layer in model.distilbert.transformer.layer:
            own, ffn = layer.attention, layer.ffn
            yield _Layer(
                *(own.q_lin, own.k_lin, own.v_lin, own.out_lin, layer.sa_layer_norm),
                *(ffn.lin1, ffn.activation, ffn.lin2, layer.output_layer_norm),
            )
        return
    for layer in _base(model).encoder.layer:
        own, mixed, wide = layer.attention.self, layer.attention.output, layer.intermediate
        yield _Layer(
            *(own.query, own.key, own.value, mixed.dense, mixed.LayerNorm),
            *(wide.dense, wide.intermediate_act_fn, layer.output.dense, layer.output.LayerNorm),
        )


def _joined(layer: _Layer) -> nn.Linear:
    """Queries, keys and values as one product: a third of the calls, and faster by the token in small batches."""
    parts = (layer.queries, layer.keys, layer.values)
    joined = nn.Linear(layer.queries.in_features, sum(part.out_features for part in parts))
    joined.weight = nn.Parameter(torch.cat([part.weight.detach() for part in parts]))
    joined.bias = nn.Parameter(torch.cat([part.bias.detach() for part in parts]))
    return joined


def _position_embeddings(model: PreTrainedModel) -> Tensor:
    """One row per place in a text, the embedding of the only token type included."""
    embeddings = _base(model).embeddings
    table = embeddings.position_embeddings.weight.detach()
    if model.config.model_type in _LIKE_ROBERTA:
        table = table[model.config.pad_token_id + 1 :]  # it counts from there
    if hasattr(embeddings, "token_type_embeddings"):
        table = table + embeddings.token_type_embeddings.weight.detach()[0]
    return table


def _head(model: PreTrainedModel, first: Tensor) -> Tensor:
    """Logits from the state of each text's first token."""
    if model.config.model_type == "distilbert":
        logits: Tensor = model.classifier(model.pre_classifier(first).relu())
    elif model.config.model_type == "bert":
        logits = model.classifier(model.bert.pooler(first[:, None]))
    else:
        logits = model.classifier(first[:, None])
    return logits
