"""What a teacher's layers hold of every token, for the student's layers to point at: more to learn than a label a text.

Hints (Romero et al. 2015, arXiv:1412.6550) as TinyBERT places them (Jiao et al. 2020, arXiv:1909.10351): from the last
layer and the middle one, through a linear map of its own; cosines instead of squares, since the lengths differ.
On the embedded model's data they were worth 1.3 points on SST-2 and IMDB, with half the texts read.
"""

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import PreTrainedModel

from lightsleeper.errors import BundleError

#: As the encoders' vocabularies call what hides a token.
MASKS = ("[MASK]", "<mask>")
#: Of the student's vocabulary; emoji that were given tokens are lacking in every teacher.
_LEAST_SHARED = 0.9


class Hints(nn.Module):
    """The loss of a student's hidden states beside a teacher's, whose weights stay as they are."""

    def __init__(self, student: PreTrainedModel, teacher: PreTrainedModel, ids: Tensor) -> None:
        """`ids`, int64 [student's vocabulary]: the teacher's token for each of the student's, see `same_tokens`."""
        super().__init__()
        teacher.requires_grad_(requires_grad=False)
        self._teacher = [teacher.base_model.eval()]  # in a list: no part of what is trained
        self._ids = ids
        self._layers = [(_depth(student) // part, _depth(teacher) // part) for part in (1, 2)]
        sizes = student.config.hidden_size, teacher.config.hidden_size
        self.maps = nn.ModuleList(nn.Linear(*sizes) for _ in self._layers)

    def place(self, device: torch.device) -> None:
        """Move everything to where the student is."""
        self.to(device)
        self._ids = self._ids.to(device)
        self._teacher[0].to(device)

    def forward(self, ids: Tensor, mask: Tensor, states: tuple[Tensor, ...]) -> Tensor:
        """The mean over tokens of 1 - cosine, summed over layers.

        `ids` and `mask`, int64 [texts, width], are the student's; `states` are its layers', [texts, width, channels].
        """
        with torch.no_grad():
            shown = self._teacher[0](input_ids=self._ids[ids], attention_mask=mask, output_hidden_states=True)
        kept, losses = mask.bool(), []
        for layer, (own, other) in zip(self.maps, self._layers, strict=True):
            pointed, aim = layer(states[own][kept]).float(), shown.hidden_states[other][kept].float()
            losses.append(1 - nn.functional.cosine_similarity(pointed, aim, dim=-1).mean())
        return torch.stack(losses).sum()


def same_tokens(student: Tokenizer, teacher: Tokenizer, padding: tuple[int, int]) -> Tensor:
    """The teacher's token for each of the student's, int64 [student's vocabulary], its unknown one where it has none.

    `padding` are their tokens for it. BundleError if the two split texts otherwise.
    """
    for tokenizer in (student, teacher):
        tokenizer.no_padding()
    own, other = student.get_vocab(), teacher.get_vocab()
    unknown = next((other[token] for token in ("[UNK]", "<unk>") if token in other), padding[1])
    table = torch.full((max(own.values()) + 1,), unknown, dtype=torch.long)
    shared = {index: other[token] for token, index in own.items() if token in other}
    if len(shared) < _LEAST_SHARED * len(own):
        raise BundleError(
            f"hints need a teacher of the encoder's vocabulary: it knows {len(shared):,} of those {len(own):,} tokens"
        )
    ends = [(student.encode("").ids[end], teacher.encode("").ids[end]) for end in (0, -1)]
    masks = [next((vocabulary[mask] for mask in MASKS if mask in vocabulary), unknown) for vocabulary in (own, other)]
    for index, aim in [*shared.items(), *ends, (masks[0], masks[1]), padding]:
        table[index] = aim
    return table


def _depth(model: PreTrainedModel) -> int:
    return int(model.config.num_hidden_layers)
