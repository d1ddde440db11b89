"""The shapes of requests and answers, derived from the records of the advisor so that they cannot drift apart."""

from functools import lru_cache
from types import GenericAlias, UnionType
from typing import Annotated, Any, ForwardRef, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, create_model

from advisor.advice import OpenGate, Reframing, Stage
from advisor.description import MOST_CHARACTERS
from advisor.framing import Framing
from taxonomy.schema import Category

MOST_ROWS_SENT, MOST_COLUMNS_SENT = 200, 500
_TEXT = {
    "type": "string",
    "minLength": 1,
    "maxLength": MOST_CHARACTERS,
    "description": "The problem in your own words. Lengths and offsets count Unicode code points.",
    "examples": ["How many hours will this surgery take?"],
}


Cell = str | int | float | bool | None


class TableModel(BaseModel):
    """The first rows of a table, or rows evenly chosen from it."""

    model_config = ConfigDict(extra="forbid")

    columns: list[str] = Field(min_length=1, max_length=MOST_COLUMNS_SENT, description="one name a column")
    rows: list[list[Cell]] = Field(min_length=1, max_length=MOST_ROWS_SENT, description="one cell a column in each row")


class FramingRequest(BaseModel):
    """A description to frame, perhaps a table, and answers to questions that an earlier framing asked."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[Any, WithJsonSchema(_TEXT)]  # advisor.description checks it, with the same words at every door
    table: TableModel | None = Field(default=None, description="what there is to learn from")
    target: str | None = Field(default=None, description="the column of the table to predict")
    answers: dict[str, str] = Field(default={}, description="question id -> answer id")


class Live(BaseModel):
    """The service answers."""

    status: str = "ok"


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
TaxonomyModel: Any = GenericAlias(dict, (str, CategoryModel))
