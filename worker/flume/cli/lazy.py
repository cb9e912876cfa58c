"""A group whose commands are imported when they are run, and listed without importing them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from flume.cli.exits import CommandEndedError, Exit


class ReaderGone(Exception):
    """Who read our output went away.  click would end with 1 for BrokenPipeError itself."""


@dataclass(frozen=True, slots=True)
class Lazy:
    """A command that is not imported yet."""

    target: str
    """``module:attribute``."""
    help: str
    """The first sentence of its help."""
    extra: str = "worker"
    """What brings the libraries it needs: ``pip install 'kubeflume[extra]'``."""


class LazyGroup(click.Group):
    """A group of ``Lazy`` commands, listed by section in their own order."""

    def __init__(
        self, *args: Any, sections: Mapping[str, Mapping[str, Lazy]] | None = None, **attrs: Any
    ) -> None:
        super().__init__(*args, **attrs)
        self.sections = sections or {}
        self.lazy = {name: lazy for part in self.sections.values() for name, lazy in part.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in the order of their sections."""
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        lazy = self.lazy.get(cmd_name)
        if lazy is None:
            return None
        module, _, attribute = lazy.target.partition(":")
        try:
            found = getattr(import_module(module), attribute)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] == "flume":
                raise
            raise CommandEndedError(
                f"flume {cmd_name} needs the library {error.name}, which is not installed. "
                f"Install it with: pip install 'kubeflume[{lazy.extra}]'",
                Exit.FAILED,
            ) from error
        assert isinstance(found, click.Command)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that ``args`` start with."""
        name = args[0]
        if name not in self.lazy and not name.startswith("-") and not ctx.resilient_parsing:
            near = get_close_matches(name, self.lazy, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise click.UsageError(f"There is no command {name!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections; the sentences stand beside the targets, so nothing is imported."""
        for title, commands in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([(name, lazy.help) for name, lazy in commands.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return what may stand here, without importing the commands for their help."""
        options = click.Command.shell_complete(self, ctx, incomplete)
        commands = [
            CompletionItem(name, help=lazy.help)
            for name, lazy in self.lazy.items()
            if name.startswith(incomplete)
        ]
        return commands + options

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise ReaderGone from error
