"""Verbs that are imported when somebody calls them: most need a second of imports, and nobody needs those of others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup
from typer.main import get_command


@dataclass(frozen=True, slots=True)
class Verb:
    """One command of a group."""

    name: str
    function: str
    """Module of `mailcensus.cli` and function in it, as in `demo:demo`."""
    examples: tuple[str, ...]
    """Commands that run, for the end of its help text."""


class Group(TyperGroup):
    """Commands of one group, each imported when it is asked for."""

    verbs: ClassVar[Sequence[Verb]] = ()

    def __init__(self, *, commands: Any = None, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = _Commands(self.verbs, commands or {})  # type: ignore[assignment]  # nobody adds to it

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """Names, in the order of the help text."""
        return list(self.commands)


def example(*commands: str) -> str:
    """The end of a help text: commands that run."""
    return "\n".join(["\b", "Example:", *(f"  {command}" for command in commands)])


class _Commands(Mapping[str, Any]):
    """Commands by name, made at the first look; then groups, which are there."""

    def __init__(self, verbs: Sequence[Verb], groups: Mapping[str, Any]) -> None:
        self._verbs = {verb.name: verb for verb in verbs}
        self._made: dict[str, Any] = dict(groups)
        self._names = [*self._verbs, *groups]

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = _command(self._verbs[name])
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names


def _command(verb: Verb) -> Any:
    module, _, function = verb.function.partition(":")
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    alone.command(verb.name, epilog=example(*verb.examples))(
        getattr(import_module(f"mailcensus.cli.{module}"), function)
    )
    return get_command(alone)
