"""/docs: the description of the service as a page that needs no script and nothing from elsewhere."""

import hashlib
import json
from base64 import b64encode
from functools import lru_cache
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from advisor.service.openapi import described
from advisor.service.problems import OURS

_STYLE = """
:root{color-scheme:light dark}
body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem}
h2{margin-top:2.5rem;border-bottom:1px solid}
code,pre{font:0.9rem/1.4 ui-monospace,monospace}
pre{overflow:auto;padding:.75rem;border:1px solid;border-radius:.25rem;max-height:24rem}
table{border-collapse:collapse;width:100%;display:block;overflow-x:auto}
td,th{text-align:left;vertical-align:top;padding:.25rem .75rem .25rem 0;border-bottom:1px solid}
"""
_POLICY = (
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; "
    f"style-src 'sha256-{b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
)
_SHOWN = 1_500  # characters of an example


async def page(request: Request) -> HTMLResponse:
    """The documentation."""
    return HTMLResponse(_html(), headers={"content-security-policy": _POLICY, "cache-control": "no-cache"})


@lru_cache(maxsize=1)
def _html() -> str:
    document = described()
    info = document["info"]
    operations = [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    contents = "".join(
        f'<li><a href="#{operation["operationId"]}"><code>{method.upper()} {escape(path)}</code></a> '
        f"{escape(operation['summary'])}</li>"
        for method, path, operation in operations
    )
    problems = "".join(
        f"<tr><td><code>{code}</code></td><td>{status}</td><td>{escape(meaning)}</td></tr>"
        for code, (status, meaning) in sorted(OURS.items())
    )
    schemas = "".join(
        f'<section id="schema-{name}"><h3>{name}</h3><p>{escape(schema.get("description", ""))}</p>'
        f"{_fields(schema)}</section>"
        for name, schema in document["components"]["schemas"].items()
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(info['title'])}: REST</title><style>{_STYLE}</style></head><body><main>"
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1><p>{escape(info['summary'])}</p>"
        + "".join(f"<p>{_text(part)}</p>" for part in info["description"].strip().split("\n\n"))
        + f'<p>The same for machines: <a href="/openapi.json">openapi.json</a></p><ul>{contents}</ul>'
        + "".join(_operation(*each) for each in operations)
        + "<h2>Problems of the service</h2><table><tr><th>code</th><th>status</th><th>meaning</th></tr>"
        + f"{problems}</table>"
        + f"<h2>Schemas</h2>{schemas}</main></body></html>"
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    parts = [
        f'<section id="{operation["operationId"]}"><h2><code>{method.upper()} {escape(path)}</code></h2>'
        f"<p>{escape(operation['summary'])}. {_text(operation.get('description', ''))}</p>"
    ]
    for parameter in operation.get("parameters", ()):
        parts.append(
            f"<p><code>{parameter['name']}</code> in the {parameter['in']}: "
            f"<code>{escape(parameter['schema'].get('pattern', parameter['schema']['type']))}</code></p>"
        )
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(f"<p>Body: <code>{media_type}</code>, {_link(content['schema'])}</p>")
        for name, example in content.get("examples", {}).items():
            parts.append(f"<p>Example, {escape(name)}:</p><pre>{escape(_shown(example['value']))}</pre>")
    rows = "".join(
        f"<tr><td>{status}</td><td>{_text(response['description'])}</td><td>"
        + ", ".join(f"<code>{kind}</code> {_link(it['schema'])}" for kind, it in response.get("content", {}).items())
        + "</td></tr>"
        for status, response in operation["responses"].items()
    )
    return "".join([*parts, f"<table><tr><th>status</th><th>meaning</th><th>body</th></tr>{rows}</table></section>"])


def _fields(schema: dict[str, Any]) -> str:
    required = schema.get("required", ())
    rows = "".join(
        f"<tr><td><code>{name}</code>{'' if name in required else ' (optional)'}</td><td>{_kind(field)}</td>"
        f"<td>{escape(field.get('description', ''))}</td></tr>"
        for name, field in schema.get("properties", {}).items()
    )
    return f"<table><tr><th>field</th><th>type</th><th>meaning</th></tr>{rows}</table>"


def _kind(field: dict[str, Any]) -> str:
    if "$ref" in field:
        return _link(field)
    if "anyOf" in field:
        return " or ".join(_kind(each) for each in field["anyOf"])
    inner = field.get("items") or field.get("additionalProperties")
    return escape(str(field.get("type", "any"))) + (f" of {_kind(inner)}" if isinstance(inner, dict) else "")


def _link(schema: dict[str, Any]) -> str:
    name = schema.get("$ref", "").rpartition("/")[2]
    return f'<a href="#schema-{name}">{name}</a>' if name else _kind(schema)


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + " …"


def _text(text: str) -> str:
    """Text with `code` in backticks as HTML."""
    parts = escape(text, quote=False).split("`")
    return "".join(f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts))
