"""Find what our code logs, by reading it: event, level and fields of each call of ``logger``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LEVELS = {"debug", "info", "warning", "error", "exception", "log"}


@dataclass(frozen=True, slots=True)
class LogCall:
    """One call."""

    event: str
    level: str
    """Empty where it is decided at run time."""
    logger: str
    fields: frozenset[str]
    where: str


def log_calls(root: Path) -> Iterator[LogCall]:
    """Yield every call of a ``logger`` in the modules below ``root``.

    Raises:
        AssertionError: If one is written in a way that cannot be read here.
    """
    for path in sorted(root.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        yield from _Module(path.relative_to(root.parent), tree).calls()


class _Module:
    def __init__(self, path: Path, tree: ast.Module) -> None:
        self._path = path
        self._functions = {
            node.name: node
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        self._logger: str = next(
            (
                ast.literal_eval(node.value.args[0])
                for node in tree.body
                if isinstance(node, ast.Assign)
                and isinstance(node.value, ast.Call)
                and ast.unparse(node.value.func) == "logging.getLogger"
            ),
            "",
        )

    def calls(self) -> Iterator[LogCall]:
        for function in self._functions.values():
            for node in ast.walk(function):
                if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                    continue
                if ast.unparse(node.func.value) == "logger" and node.func.attr in LEVELS:
                    yield from self._read(node, node.func.attr, function)

    def _read(self, node: ast.Call, method: str, function: ast.AST) -> Iterator[LogCall]:
        where = f"{self._path}:{node.lineno}"
        extra = next((keyword.value for keyword in node.keywords if keyword.arg == "extra"), None)
        fields = self._fields(extra, function, where) if extra is not None else set()
        if method == "exception" or any(keyword.arg == "exc_info" for keyword in node.keywords):
            fields.add("exception")
        level = {"exception": "error", "log": ""}.get(method, method)
        for event in self._events(node.args[method == "log"], where):
            yield LogCall(event, level, self._logger, frozenset(fields), where)

    def _events(self, message: ast.expr, where: str) -> Iterator[str]:
        """Yield the events of a message: itself, or what is put in for ``outcome``."""
        if isinstance(message, ast.Constant):
            yield str(message.value)
            return
        assert ast.unparse(message) == "f'job_{outcome}'", f"{where}: write the event as a literal"
        for node in ast.walk(ast.Module(list(self._functions.values()), [])):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "self._report":
                outcome = node.args[1]
                assert isinstance(outcome, ast.Constant), f"{where}: pass the outcome as a literal"
                yield f"job_{outcome.value!s}"

    def _fields(self, value: ast.expr, function: ast.AST, where: str) -> set[str]:
        if isinstance(value, ast.Dict):
            assert all(isinstance(key, ast.Constant) for key in value.keys), where
            return {key.value for key in value.keys if isinstance(key, ast.Constant)}  # type: ignore[misc]
        if isinstance(value, ast.Name):
            return self._assigned(value.id, function, where)
        if isinstance(value, ast.Call):
            called = self._functions[ast.unparse(value.func).removeprefix("self.")]
            returned = [node.value for node in ast.walk(called) if isinstance(node, ast.Return)]
            assert len(returned) == 1, where
            assert returned[0] is not None, where
            return self._fields(returned[0], called, where)
        raise AssertionError(f"{where}: write the fields as a literal dict")

    def _assigned(self, name: str, function: ast.AST, where: str) -> set[str]:
        """Return the fields that a variable is given in a function."""
        found: set[str] = set()
        for node in ast.walk(function):
            if isinstance(node, ast.AugAssign) and ast.unparse(node.target) == name:
                found |= self._fields(node.value, function, where)
            elif isinstance(node, ast.Assign):
                target = node.targets[0]
                if ast.unparse(target) == name:
                    found |= self._fields(node.value, function, where)
                elif isinstance(target, ast.Subscript) and ast.unparse(target.value) == name:
                    assert isinstance(target.slice, ast.Constant), where
                    found.add(str(target.slice.value))
        assert found, f"{where}: nothing is assigned to {name} here"
        return found
