"""The documentation of all routes as one page, which asks no other site for anything."""

import json
from collections.abc import Mapping
from html import escape
from typing import Any

__all__ = ["docs_html", "laid_out"]

_WIDTH = 80

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; }
h2 { border-top: 1px solid; padding-top: 1rem; font-size: 1.1rem; }
code, pre { font: 0.9rem/1.4 ui-monospace, monospace; }
h2 code { font-size: 1.1rem; }
pre { overflow-x: auto; padding: 0.75rem; border: 1px solid; border-radius: 4px; }
"""


def docs_html(described: Mapping[str, Any]) -> str:
    """Write what OpenAPI says of a service as HTML.

    Args:
        described: The description, as ``/openapi.json`` has it.
    """
    told = [
        _route(path, method, route)
        for path, methods in described["paths"].items()
        for method, route in methods.items()
    ]
    title = escape(described["info"]["title"])
    lead = escape(described["info"].get("description", ""))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><main><h1>{title}</h1><p>{lead}</p>"
        '<p>The same for programs: <a href="openapi.json">openapi.json</a>.</p>'
        f"{''.join(told)}</main></body></html>"
    )


def _route(path: str, method: str, route: Mapping[str, Any]) -> str:
    text = f"<h2><code>{method.upper()} {escape(path)}</code></h2>"
    text += f"<p>{escape(route.get('summary', ''))}. {escape(route.get('description', ''))}</p>"
    content = route.get("requestBody", {}).get("content", {})
    for name, example in content.get("application/json", {}).get("examples", {}).items():
        text += f"<p>Send ({escape(name)}):</p>{_code(example['value'])}"
    if len(content) > 1:
        others = ", ".join(escape(kind) for kind in content if kind != "application/json")
        text += f"<p>Also: {others}.</p>"
    for status, answer in route.get("responses", {}).items():
        example = answer.get("content", {}).get("application/json", {}).get("example")
        if status.startswith("2") and example is not None:
            text += f"<p>Answer {escape(status)}:</p>{_code(example)}"
    refused = [
        f"{escape(status)} ({escape(answer['description'].removeprefix('Refused: '))})"
        for status, answer in route.get("responses", {}).items()
        if answer["description"].startswith("Refused")
    ]
    return text + (f"<p>Refused: {', '.join(refused)}.</p>" if refused else "")


def _code(value: Any) -> str:
    return f'<pre tabindex="0">{escape(laid_out(value))}</pre>'


def laid_out(value: Any, indent: int = 0) -> str:
    """Write JSON for people: what fits on a line stands on one.

    Example:
        >>> print(laid_out({"a": [1, 2], "b": ["x" * 40, "y" * 40]}))
        {
          "a": [1, 2],
          "b": [
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
          ]
        }
    """
    line = json.dumps(value, ensure_ascii=False)
    if len(line) + indent <= _WIDTH or not isinstance(value, dict | list):
        return line
    inside = " " * (indent + 2)
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}: {laid_out(one, indent + 2)}" for key, one in value.items()]
    else:
        parts = [laid_out(one, indent + 2) for one in value]
    first, last = "{}" if isinstance(value, dict) else "[]"
    return f"{first}\n{inside}" + f",\n{inside}".join(parts) + f"\n{' ' * indent}{last}"
