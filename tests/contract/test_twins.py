"""What the async client has, the sync one has too: the same names, arguments and docstrings.

Both are written out, because a type checker needs ``def`` and ``async def`` to see.
"""

from __future__ import annotations

import ast
from typing import Any

import pytest

from tools.tracked import ROOT

FLUME = ROOT / "worker/flume"


class _Synced(ast.NodeTransformer):
    """Turns the async twin into the sync one."""

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        """Make it a plain function."""
        fields: dict[str, Any] = dict(ast.iter_fields(node))
        return self.generic_visit(ast.copy_location(ast.FunctionDef(**fields), node))

    def visit_Await(self, node: ast.Await) -> ast.AST:
        """Leave the waiting out."""
        awaited: ast.AST = self.visit(node.value)
        return awaited


def _synced(module: ast.AST) -> str:
    text = ast.unparse(_Synced().visit(module))
    return (
        text.replace("Async", "")
        .replace("flume.client import", "flume.sync_client import")
        .replace("the async client", "the client")
    )


def _read(name: str) -> ast.Module:
    return ast.parse((FLUME / name).read_text(encoding="utf-8"))


def _public(module: ast.Module, name: str) -> dict[str, list[str]]:
    """Return the public methods of a class: of each, signature and docstring of all its forms."""
    (found,) = (n for n in module.body if isinstance(n, ast.ClassDef) and n.name == name)
    methods: dict[str, list[str]] = {}
    for node in found.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name[0] != "_":
            node.body = node.body[: ast.get_docstring(node) is not None] or [ast.Pass()]
            methods.setdefault(node.name, []).append(_synced(node))
    return methods


def test_queues_differ_in_what_is_awaited_alone() -> None:
    """What is mended in one of them is mended in both."""
    assert _synced(_read("async_queue.py")) == ast.unparse(_read("sync_queue.py"))


def test_clients_have_the_same_public_methods() -> None:
    """Who knows one of them knows the other."""
    sync = _public(_read("sync_client.py"), "Client")

    assert "enqueue_many" in sync
    assert _public(_read("client.py"), "AsyncClient") == sync


@pytest.mark.parametrize("text", ["async def f(): return await g()", "async def f(): g()"])
def test_the_comparison_sees_only_what_is_awaited(text: str) -> None:
    """A helper that made everything equal would let the twins drift."""
    plain = text.replace("async ", "").replace("await ", "")

    assert _synced(ast.parse(text)) == ast.unparse(ast.parse(plain))
    assert _synced(ast.parse(text)) != ast.unparse(ast.parse(plain.replace("g", "h")))
