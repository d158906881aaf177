"""The tokenizer of a checkpoint, in whichever files it lies → one `tokenizers.Tokenizer` that gives the same ids.

transformers' own `AutoTokenizer` reads it, because more files than `tokenizer.json` decide: `tokenizer_config.json` may
say that letters are lowered, older checkpoints have SentencePiece's file or vocabularies alone.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from lightsleeper.errors import BundleError
from lightsleeper.model.bundle import TOKENIZER
from lightsleeper.training.families import family_of
from lightsleeper.training.files import AS_IT_LIES, listed, read_json, reported, require_contents

#: Any of these holds a vocabulary. Without one the library makes up five tokens, and every word is unknown.
VOCABULARIES = (TOKENIZER, "vocab.txt", "vocab.json", "sentencepiece.bpe.model", "spiece.model", "spm.model")
#: What decides the tokens besides.
TOKENIZER_FILES = (
    *VOCABULARIES,
    *("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "merges.txt", "bpe.codes"),
)
#: Fewer tokens than this share of the model's are another model's; published tables are padded by a few per cent.
_LEAST_SHARE = 0.5
#: What a model without a limit says of itself.
_NO_LIMIT = 1 << 24

#: One before a text and one after, as all families have it.
_AROUND = 2
#: Of a private area, of two planes: in nobody's vocabulary.
_UNKNOWN = "\ue123 \U0010fffd"

_SETTINGS = ("tokenizer_config.json",)
_FLAG = ((bool,), "true or false")
#: Of what type these have to be, where they are there.
_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    **dict.fromkeys(("do_lower_case", "strip_accents", "tokenize_chinese_chars", "add_prefix_space"), _FLAG),
    "model_max_length": ((int, float), "a number of tokens"),
    "tokenizer_class": ((str,), "a name"),
}

_SPECIAL = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")


def read_tokenizer(folder: Path, config: Any) -> Any:  # noqa: ANN401  # transformers' classes are untyped
    """Transformers' tokenizer of the checkpoint in `folder`, whose model is as `config` says.

    BundleError, in one line, where there is none, it cannot be read, or it is another model's.
    """
    found = [name for name in VOCABULARIES if (folder / name).exists()]
    if not found:
        raise BundleError(f"no tokenizer: expected one of {', '.join(VOCABULARIES)} in {folder}")
    require_contents(folder, TOKENIZER_FILES)
    _require_kinds(folder)
    if TOKENIZER in found:
        with reported(f"{TOKENIZER} cannot be loaded"):
            Tokenizer.from_file(str(folder / TOKENIZER))
    with reported(f"the tokenizer ({', '.join(found)}) cannot be loaded"):
        tokenizer = AutoTokenizer.from_pretrained(folder, **AS_IT_LIES)
    _require_known(tokenizer, found[0], config.vocab_size)
    padded = tokenizer.pad_token_id
    if family_of(config).positions_from == "padding" and padded not in (None, config.pad_token_id):
        raise BundleError(f"config.json: pad_token_id is {config.pad_token_id}, but the tokenizer pads with {padded}")
    if tokenizer.truncation_side != "right":
        raise BundleError(
            "the tokenizer's truncation_side is left: it keeps the ends of long texts, a bundle their beginnings; "
            'where those may decide, set truncation_side to "right" in tokenizer_config.json'
        )
    return tokenizer


def _require_kinds(folder: Path) -> None:
    """BundleError for a file beside the vocabulary that is no object, or of which a field is not what it has to be."""
    for name in (*_SETTINGS, "special_tokens_map.json", "added_tokens.json"):
        if not (folder / name).exists():
            continue
        said = read_json(folder / name, finite=False)
        for field, (kinds, expected) in _KINDS.items():
            if name in _SETTINGS and said.get(field) is not None and type(said[field]) not in kinds:
                raise BundleError(f"{name}: {field} is {json.dumps(said[field])[:100]}; expected {expected}")


def _require_known(tokenizer: Any, file: str, words: int) -> None:  # noqa: ANN401  # see above
    """BundleError unless the model has an embedding for every token, and the tokenizer most of the model's."""
    ids = tokenizer.get_vocab()
    beyond = sorted(token for token, index in ids.items() if index >= words)
    added = set(map(str, tokenizer.get_added_vocab()))
    if beyond and added.issuperset(beyond):
        raise BundleError(
            f"the tokenizer adds {listed(beyond)}, for which the model with its {words:,} tokens has no place"
        )
    known = max(len(ids), len(tokenizer))
    if known > words or known < _LEAST_SHARE * words:
        raise BundleError(f"the tokenizer knows {known:,} tokens, the model {words:,}: {file} is another model's")
    if beyond:
        raise BundleError(f"{file}: {beyond[0]!r} has the id {ids[beyond[0]]:,}; the model knows 0 to {words - 1:,}")


def fast_form(tokenizer: Any) -> Tokenizer:  # noqa: ANN401  # transformers' own
    """Its `tokenizers.Tokenizer`, without the cutting and padding that many files have baked in."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if not isinstance(backend, Tokenizer):
        backend = _converted(tokenizer)
    fast = Tokenizer.from_str(backend.to_str())
    fast.no_truncation()
    fast.no_padding()
    around = fast.num_special_tokens_to_add(is_pair=False)
    if around != _AROUND:
        raise BundleError(f"the tokenizer puts {around} special tokens around a text; expected {_AROUND}")
    with reported("the tokenizer cannot read what it does not know"):
        fast.encode(_UNKNOWN)
    return fast


def longest_text(tokenizer: Any) -> int | None:  # noqa: ANN401  # see above
    """How many tokens its makers cut texts at; None if they do not say."""
    limit = tokenizer.model_max_length
    return int(limit) if 0 < limit < _NO_LIMIT else None


def save_tokenizer(tokenizer: Tokenizer, folder: Path, *, special: dict[str, str] | None = None) -> None:
    """Write it beside a checkpoint in a form that every reader takes as it is, whatever the architecture's own is.

    `special` names the tokens by role (`pad_token`, …); by default those of BERT that it knows.
    """
    if special is None:
        names = {f"{role}_token": f"[{role.upper()}]" for role in _SPECIAL}
        special = {role: token for role, token in names.items() if tokenizer.token_to_id(token) is not None}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)


def special_tokens(tokenizer: Any) -> dict[str, str]:  # noqa: ANN401  # transformers' own
    """Its special tokens by role, as `save_tokenizer` takes them."""
    return {role: str(token) for role, token in tokenizer.special_tokens_map.items() if isinstance(token, str)}


def require_same_ids(tokenizer: Any, fast: Tokenizer, texts: Sequence[str]) -> None:  # noqa: ANN401  # see above
    """BundleError unless `fast` gives every text the ids that transformers gives it."""
    for text in texts:
        expected = tokenizer(text, split_special_tokens=True).input_ids
        if fast.encode(text).ids != expected:
            raise BundleError(f"the tokenizer of class {type(tokenizer).__name__} has no fast form with the same ids")


def _converted(tokenizer: Any) -> Tokenizer:  # noqa: ANN401  # see above
    """BERTweet's is the one slow class of these families that has a fast form, as long as it does not rewrite texts."""
    name = type(tokenizer).__name__
    if name != "BertweetTokenizer":
        raise BundleError(f"the tokenizer's class {name} is slow (Python alone): expected tokenizer.json")
    if tokenizer.normalization:
        raise BundleError(
            "tokenizer_config.json: normalization is true, which only BertweetTokenizer's own Python code can do; "
            "what works: a checkpoint trained with normalization false, or another with tokenizer.json"
        )
    return _from_bertweet(tokenizer)


def _from_bertweet(tokenizer: Any) -> Tokenizer:  # noqa: ANN401  # transformers' own
    """Pieces that go on end in `@@` there; here the last ones end in `</w>`, as they do while pairs are merged."""
    special = set(special_tokens(tokenizer).values())
    vocabulary = {_piece(token, special): index for token, index in tokenizer.get_vocab().items()}
    merges = [pair for pair in tokenizer.bpe_ranks if {*pair, "".join(pair)} <= vocabulary.keys()]
    fast = Tokenizer(
        models.BPE(vocabulary, merges, unk_token=tokenizer.unk_token, end_of_word_suffix="</w>", fuse_unk=False)
    )
    fast.pre_tokenizer = pre_tokenizers.Split(Regex(r"\S+\n?"), behavior="removed", invert=True)
    fast.add_special_tokens(sorted(special))
    fast.post_processor = processors.RobertaProcessing(
        (tokenizer.sep_token, tokenizer.sep_token_id),
        (tokenizer.cls_token, tokenizer.cls_token_id),
        trim_offsets=False,
        add_prefix_space=False,
    )
    return fast


def _piece(token: str, special: set[str]) -> str:
    if token in special:
        return token
    return token.removesuffix("@@") if token.endswith("@@") else f"{token}</w>"
