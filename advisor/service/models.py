"""The shapes of requests and answers, derived from the records of the advisor so that they cannot drift apart."""

from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, ForwardRef, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, create_model

from advisor.advice import OpenGate, Reframing, Stage
from advisor.description import MOST_CHARACTERS
from advisor.framing import Framing
from advisor.service.problems import Problem
from taxonomy.schema import Category, Rule

MOST_ROWS_SENT, MOST_COLUMNS_SENT = 200, 500
MOST_COMMENT, MOST_ID = 2_000, 100  # characters
EXAMPLE = "How many hours will this surgery take?"

_TEXT = {
    "type": "string",
    "minLength": 1,
    "maxLength": MOST_CHARACTERS,
    "description": "The problem in your own words. Lengths and offsets count Unicode code points.",
    "examples": [EXAMPLE],
}
_TARGET = {
    "anyOf": [
        {"type": "string"},
        {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True},
        {"type": "null"},
    ],
    "description": "The column of the table to predict, or a list of the columns that are predicted together.",
    "examples": ["hours", ["width_mm", "height_mm"]],
}
Cell = str | int | float | bool | None
# advisor.description and advisor.target check these, with the same words at every door
Description = Annotated[Any, WithJsonSchema(_TEXT)]
Target = Annotated[Any, WithJsonSchema(_TARGET)]


class Strict(BaseModel):
    """Nothing beyond the named fields, and no number that JSON has no word for."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class TableModel(Strict):
    """The first rows of a table, or rows evenly chosen from it."""

    columns: list[str] = Field(min_length=1, max_length=MOST_COLUMNS_SENT, description="one name a column")
    rows: list[list[Cell]] = Field(min_length=1, max_length=MOST_ROWS_SENT, description="one cell a column in each row")


class FramingRequest(Strict):
    """A description to frame, perhaps a table, and answers to questions that an earlier framing asked."""

    text: Description
    table: TableModel | None = Field(default=None, description="what there is to learn from")
    target: Target = None
    answers: dict[str, str] = Field(default={}, description="question id -> answer id")


class BatchLine(FramingRequest):
    """One line of a batch: what a single request holds, and an id of your own that comes back with the answer."""

    id: str | None = Field(default=None, max_length=MOST_ID, description="comes back with the answer")


class StarterRequest(FramingRequest):
    """A description to write a starter project for."""

    template: str | None = Field(
        default=None, description="a template id such as regression/linear; else the usual one"
    )


class FeedbackRequest(Strict):
    """What the right answer would have been."""

    framing: str = Field(pattern="^[0-9a-f]{32}$", description="the header framing-id of the answer that is meant")
    category: str = Field(description="the category that is right")
    subtask: str | None = Field(default=None, description="the sub-task of that category that is right")
    comment: str = Field(
        default="", max_length=MOST_COMMENT, pattern=r"^[^\x00]*$", description="anything that should be known"
    )
    text: Description | None = Field(default=None, description="the description; only with consent")
    consent: bool = Field(description="whether text and comment may become a worked case of the knowledge base")


class FeedbackReceipt(BaseModel):
    """The feedback is on disk."""

    id: str
    received: str = Field(description="date and time in UTC, ISO 8601")


class Live(BaseModel):
    """The service answers."""

    status: str = "ok"


class Ready(BaseModel):
    """What the service answers with: programs with the same hashes answer alike."""

    status: str = "ready"
    version: str
    knowledge: str = Field(description="hash of the knowledge base")
    encoder: str | None = Field(description="hash of the sentence encoder; null where the rules decide alone")


@lru_cache
def model_of(record: type) -> type[BaseModel]:
    """A pydantic model with the fields of a NamedTuple, which JSON shows as an object."""
    lazily = {kind.__name__: kind for kind in (OpenGate, Reframing, Stage)}  # the framing loads them when it must
    hints = get_type_hints(record, localns={**dict.fromkeys(("Profile", "Proof"), dict[str, Any]), **lazily})
    fields: Any = {name: (_json_type(kind), ...) for name, kind in hints.items()}
    return create_model(record.__name__, __doc__=record.__doc__, **fields)


def _json_type(kind: Any) -> Any:
    """`kind` with every NamedTuple inside it replaced by its model."""
    if isinstance(kind, ForwardRef):
        return dict[str, Any]
    if hasattr(kind, "_fields"):
        return model_of(kind)
    arguments = tuple(_json_type(argument) for argument in get_args(kind))
    origin = get_origin(kind)
    if origin is UnionType or origin is Union:
        return Union[arguments]  # noqa: UP007  built at run time
    if origin in (tuple, dict):
        return origin[arguments]
    return kind


FramingModel = create_model(
    "FramingAnswer",
    __base__=model_of(Framing),
    schema_=(int, Field(alias="schema", description="version of this form")),
)
CategoryModel = model_of(Category)
RuleModel = model_of(Rule)


class BatchAnswer(BaseModel):
    """One line of a batch's answer: a framing, or a problem."""

    line: int = Field(description="the line of the request that is answered, from 1")
    id: str | None = Field(description="the id that came with the line")
    framing_id: str | None = Field(default=None, description="names this framing in feedback")
    framing: FramingModel | None = None  # type: ignore[valid-type]
    problem: Problem | None = None
