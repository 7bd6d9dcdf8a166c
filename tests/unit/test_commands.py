from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import pytest
from cli import run_cli

from maildns.cli.main import COMMANDS, build

BUILT = [name for name in COMMANDS if find_spec(f"maildns.cli.{name}_command")]


def params(command, path):
    for name, inner in getattr(command, "commands", {}).items():
        yield from params(inner, f"{path} {name}")
    for param in command.params:
        yield path, param


@pytest.mark.parametrize("name", BUILT)
def test_every_command_argument_and_option_has_help(name):
    app = build([name])
    command = app.commands[name] if hasattr(app, "commands") else app
    assert command.help
    for path, param in params(command, name):
        assert param.help, f"{path} {param.name}"


@pytest.mark.parametrize("name", BUILT)
def test_the_table_of_commands_says_what_the_command_says(name):
    module = import_module(f"maildns.cli.{name}_command")
    if hasattr(module, "command"):
        assert module.command.__doc__.strip().splitlines()[0] == COMMANDS[name]


def test_help_is_printed_and_fine():
    result = run_cli("lint", "--help")
    assert result.code == 0
    assert "--fail-on" in result.out


def test_an_unknown_command_is_misuse():
    result = run_cli("frobnicate")
    assert (result.code, result.out) == (2, "")
    assert "frobnicate" in result.err
