"""Completion for bash and zsh, made from the parser.

Actions, options and their choices are completed, and names of nodes, pathologies, datasets,
generations and federations as the pusher's state has them: Salt, which would take a second at each
key, is not asked (:mod:`saltext_mip.console.cli.names`).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping

from saltext_mip.console.cli.names import WORD
from saltext_mip.console.cli.parser import NODE_NAME, build

# the kinds of names that an argument takes, by its name
KINDS: Mapping[str, str] = {
    "federation": "federations",
    "node": "nodes",
    NODE_NAME.name: "nodes",
    "pathology": "pathologies",
    "dataset": "datasets",
    "generation": "generations",
    "a": "generations",
    "b": "generations",
}
HELD = "datasets pathologies nodes"  # what approve and reject take


def candidates(*, pusher: bool) -> dict[str, tuple[str, ...]]:
    """``{what was typed: what may follow}``: subcommands, options, choices of an argument."""
    return {" ".join(path): _offered(parser) for path, parser in _parsers(pusher=pusher)}


def _parsers(*, pusher: bool) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    """Every parser by the path of its action."""
    waiting: list[tuple[tuple[str, ...], argparse.ArgumentParser]] = [((), build(pusher=pusher))]
    while waiting:
        path, parser = waiting.pop()
        yield path, parser
        for argument in parser._actions:
            if isinstance(argument, argparse._SubParsersAction):
                waiting += [((*path, part), below) for part, below in argument.choices.items()]


def _offered(parser: argparse.ArgumentParser) -> tuple[str, ...]:
    found: list[str] = []
    for argument in parser._actions:
        if isinstance(argument, argparse._SubParsersAction):
            found += argument.choices
        elif argument.help != argparse.SUPPRESS:
            found += argument.option_strings or map(str, argument.choices or ())
    return tuple(dict.fromkeys(found))


def values(*, pusher: bool) -> dict[str, tuple[str, ...]]:
    """``{option that a value follows: its choices}``; without choices any value fits."""
    return {
        option: tuple(map(str, argument.choices or ()))
        for _, parser in _parsers(pusher=pusher)
        for argument in parser._actions
        if argument.nargs is None
        for option in argument.option_strings
    }


def placed_kinds(*, pusher: bool) -> dict[str, str]:
    """``{action: kinds of names that it takes without an option}``."""
    found = {}
    for path, parser in _parsers(pusher=pusher):
        kinds = [
            HELD if argument.dest == "dataset" else KINDS[argument.dest]
            for argument in parser._actions
            if not argument.option_strings and argument.dest in KINDS
        ]
        if kinds and pusher:
            found[" ".join(path)] = " ".join(dict.fromkeys(kinds))
    return found


def option_kinds(*, pusher: bool) -> dict[str, str]:
    """``{option: kinds of names that it takes}``."""
    return {
        option: KINDS[argument.dest]
        for _, parser in _parsers(pusher=pusher)
        for argument in parser._actions
        if argument.dest in KINDS and pusher
        for option in argument.option_strings
    }


BASH = r"""
_mip_add_names() {
    local name federation="" config="" word last=""
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case "$last" in --federation) federation="$word" ;; -c|--config-dir) config="$word" ;; esac
        last="$word"
    done
    while IFS= read -r name; do
        if [[ "$name" == "$current"* ]]; then COMPREPLY+=("$(printf '%q' "$name")"); fi
    done < <(command "${COMP_WORDS[0]}" WORD $1 -- "$federation" "$config" 2>/dev/null)
}
_mip() {
    local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}"
    local before="" word skip="" next plain=""
    case "$previous" in
        --cde|-c|--config-dir) COMPREPLY=($(compgen -f -- "$current")); return ;;
    esac
    if [ -n "$previous" ] && [ -n "${_mip_named[$previous]}" ]; then
        COMPREPLY=(); _mip_add_names "${_mip_named[$previous]}"; return
    fi
    if [ -n "$previous" ] && [ -n "${_mip_values[$previous]+there}" ]; then
        COMPREPLY=($(compgen -W "${_mip_values[$previous]}" -- "$current")); return
    fi
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        if [ -n "$skip" ]; then skip=""; continue; fi
        case "$word" in
            -*) if [ -n "${_mip_values[$word]+there}" ]; then skip=1; fi ;;
            *) next="${before:+$before }$word"
               if [ -n "${_mip_words[$next]+there}" ]; then before="$next"; fi ;;
        esac
    done
    COMPREPLY=($(compgen -W "${_mip_words[${before:-.}]}" -- "$current"))
    for word in "${COMPREPLY[@]}"; do if [[ "$word" != -* ]]; then plain+=" $word"; fi; done
    if [[ -z "$current" && -n "$plain" ]]; then COMPREPLY=($plain); fi
    if [ "$before" = check ]; then COMPREPLY+=($(compgen -d -- "$current")); fi
    if [[ "$current" != -* && -n "${_mip_placed[${before:-.}]}" ]]; then
        if [ -z "$plain" ]; then COMPREPLY=(); fi
        _mip_add_names "${_mip_placed[$before]}"
    fi
}
complete -F _mip mip
"""
ZSH = r"""
_mip_add_names() {
    local federation="" config="" word last=""
    local -a found
    for word in "${(@)words[2,CURRENT-1]}"; do
        case "$last" in --federation) federation="$word" ;; -c|--config-dir) config="$word" ;; esac
        last="$word"
    done
    found=("${(@f)$(command "${words[1]}" WORD ${=1} -- "$federation" "$config" 2>/dev/null)}")
    found=(${found:#})
    compadd -- "${(@)found}"
}
_mip() {
    local previous="${words[CURRENT-1]}" before="" word skip="" next
    local -a offered plain
    case "$previous" in
        --cde|-c|--config-dir) _files; return ;;
    esac
    if [[ -n "${_mip_named[$previous]}" ]]; then
        _mip_add_names "${_mip_named[$previous]}"; return
    fi
    if (( ${+_mip_values[$previous]} )); then compadd -- ${=_mip_values[$previous]}; return; fi
    for word in "${(@)words[2,CURRENT-1]}"; do
        if [[ -n "$skip" ]]; then skip=""; continue; fi
        if [[ "$word" == -* ]]; then
            if (( ${+_mip_values[$word]} )); then skip=1; fi
        else
            next="${before:+$before }$word"
            if (( ${+_mip_words[$next]} )); then before="$next"; fi
        fi
    done
    offered=(${=_mip_words[${before:-.}]})
    plain=(${offered:#-*})
    if [[ "${words[CURRENT]}" != -* && -n "${_mip_placed[${before:-.}]}" ]]; then
        offered=($plain)
        _mip_add_names "${_mip_placed[$before]}"
    fi
    if [[ -z "${words[CURRENT]}" && ${#plain} -gt 0 ]]; then offered=($plain); fi
    compadd -- $offered
    if [[ "$before" == check ]]; then _files -/; fi
}
if [[ "$funcstack[1]" == "_mip" ]]; then _mip "$@"; else compdef _mip mip; fi
"""


def bash(*, pusher: bool) -> str:
    """A file for bash-completion, or for ``source``."""

    def table(name: str, entries: Mapping[str, tuple[str, ...]]) -> str:
        rows = [f'    ["{key or "."}"]="{" ".join(after)}"' for key, after in entries.items()]
        return "\n".join([f"declare -gA {name}=(", *rows, ")"])

    return _script("# made by: mip completion bash", table, BASH, pusher=pusher)


def zsh(*, pusher: bool) -> str:
    """A file ``_mip`` for ``fpath``, or for ``source``."""

    def table(name: str, entries: Mapping[str, tuple[str, ...]]) -> str:
        rows = [f"    '{key or '.'}' '{' '.join(after)}'" for key, after in entries.items()]
        return "\n".join([f"typeset -gA {name}=(", *rows, ")"])

    return _script("#compdef mip\n# made by: mip completion zsh", table, ZSH, pusher=pusher)


def _script(
    head: str,
    table: Callable[[str, Mapping[str, tuple[str, ...]]], str],
    code: str,
    *,
    pusher: bool,
) -> str:
    tables = [
        table("_mip_words", candidates(pusher=pusher)),
        table("_mip_values", values(pusher=pusher)),
        table("_mip_named", {key: (kinds,) for key, kinds in option_kinds(pusher=pusher).items()}),
        table("_mip_placed", {key: (kinds,) for key, kinds in placed_kinds(pusher=pusher).items()}),
    ]
    return "\n".join([head, *tables, code.strip().replace("WORD ", f"{WORD} "), ""])


SHELLS: Mapping[str, Callable[..., str]] = {"bash": bash, "zsh": zsh}
