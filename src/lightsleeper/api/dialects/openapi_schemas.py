"""What dialects ask and answer, as JSON schemas of the OpenAPI document."""

from typing import Any


def object_of(required: list[str], /, **properties: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON schema
    """Of those properties and any others."""
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": True}


def _options(**properties: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON schema
    """None of them is needed, nor is the object."""
    return {"anyOf": [object_of([], **properties), {"type": "null"}]}


def list_of(items: dict[str, Any], **more: int) -> dict[str, Any]:
    """As many of them as `more` says."""
    return {"type": "array", "items": items, **more}


def ref(name: str) -> dict[str, Any]:
    """The schema of that name."""
    return {"$ref": f"#/components/schemas/{name}"}


def _one_of(*values: str) -> dict[str, Any]:
    return {"type": ["string", "null"], "enum": [*values, None]}


STRING = {"type": "string"}
_NAMED = {"type": "string", "minLength": 1}
_COUNT = {"type": "integer", "minimum": 1}
#: Where a dialect's own clients send null for a default.
_FLAG = {"type": ["boolean", "null"]}
_LIMIT = {"type": ["integer", "null"], "minimum": 1}
_SHARE = {"type": ["number", "null"], "minimum": 0, "maximum": 1}
_TEXT = {"type": "string", "minLength": 1, "pattern": r"\S"}
_TEXTS = list_of(_TEXT, minItems=1, maxItems=64)
#: Of models that have them: one output has no label, and only of many is each selected or not.
_OUTPUT = {**STRING, "enum": ["label", "selected", "scores", "logits", "truncated"]}

LABELS = list_of(ref("LabelScoreModel"))

SCHEMAS: dict[str, Any] = {
    "DialectError": object_of(["error"], error={**STRING, "description": "What went wrong, for people."}),
    "TeiError": object_of(["error", "error_type"], error=STRING, error_type=STRING),
    "HuggingFaceRequest": object_of(
        ["inputs"],
        inputs={"anyOf": [_TEXT, _TEXTS]},
        parameters=_options(
            top_k=_LIMIT,
            return_all_scores={**_FLAG, "description": "false is top_k 1, where no top_k is given."},
            function_to_apply=_one_of("default", "softmax", "sigmoid", "none"),
            threshold=_SHARE,
            truncation={
                "anyOf": [
                    {"type": "boolean"},
                    _one_of("longest_first", "only_first", "only_second", "do_not_truncate"),
                ],
                "description": "false and do_not_truncate refuse a text that is too long.",
            },
        ),
    ),
    "TeiRequest": object_of(
        ["inputs"],
        inputs={"anyOf": [_TEXT, _TEXTS, list_of(list_of(_TEXT, minItems=1, maxItems=1), minItems=1, maxItems=64)]},
        raw_scores=_FLAG,
        truncate=_FLAG,
        truncation_direction=_one_of("Right", "Left"),
        threshold=_SHARE,
    ),
    "TeiInfo": object_of(["model_id", "model_type"], model_id=STRING, model_type={"type": "object"}),
    "KserveRequest": object_of(
        ["instances"],
        instances=_TEXTS,
        parameters=_options(top_k=_LIMIT, raw_scores=_FLAG, truncate=_FLAG, threshold=_SHARE),
    ),
    "KserveResponse": object_of(["predictions"], predictions=list_of(LABELS)),
    "ClassifyRequest": object_of(
        ["examples"], examples=list_of({"anyOf": [_TEXT, object_of(["text"], text=_TEXT)]}, minItems=1, maxItems=64)
    ),
    "ClassifyResponse": object_of(["result"], result=list_of(list_of(list_of({})))),
    "InferRequest": object_of(
        ["inputs"],
        id={"type": ["string", "null"], "maxLength": 256},
        inputs=list_of(ref("InferTensor"), minItems=1, maxItems=1),
        outputs={
            **list_of(object_of(["name"], name=_OUTPUT)),
            "type": ["array", "null"],
        },
        parameters=_options(truncate=_FLAG, raw_scores=_FLAG, threshold=_SHARE, binary_data_output=_FLAG),
    ),
    "InferTensor": object_of(
        ["shape", "datatype", "data"],
        name=STRING,
        shape=list_of(_COUNT, minItems=1, maxItems=2),
        datatype={**STRING, "enum": ["BYTES"]},
        data=_TEXTS,
    ),
    "InferResponse": object_of(
        ["model_name", "id", "outputs"],
        model_name=STRING,
        model_version=STRING,
        id=STRING,
        outputs=list_of(object_of(["name", "shape", "datatype"], name=STRING, datatype=STRING, shape=list_of(_COUNT))),
    ),
    "CloudEvent": object_of(
        ["specversion", "id", "source", "type", "data"],
        specversion={**STRING, "enum": ["1.0"]},
        id=_NAMED,
        source=_NAMED,
        type=_NAMED,
        data={"anyOf": [_TEXT, _TEXTS, object_of(["text"], text=_TEXT)]},
    ),
    "PredictionEvent": object_of(
        ["specversion", "id", "source", "type", "data"],
        specversion=STRING,
        id=STRING,
        source=STRING,
        type=STRING,
        data=ref("KserveResponse"),
    ),
    "Anything": {"type": "object"},
}
