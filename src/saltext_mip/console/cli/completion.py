"""Completion for bash and zsh, made of the same actions as the parser.

Words and options are completed; names of nodes are what the person knows, and asking Salt for them
would take seconds at each key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from saltext_mip.console.cli.commands import ACTIONS, NODE_ACTIONS, Action, Option
from saltext_mip.console.cli.parser import ALWAYS, COMMON, LOOKS

MORE = ("-v", "--verbose", "-c", "--config-dir", "-h", "--help")


def words(*, pusher: bool) -> dict[str, tuple[str, ...]]:
    """``{what was typed: what may follow}``; the words of an action, and its options."""
    actions = ACTIONS if pusher else NODE_ACTIONS
    found: dict[str, list[str]] = {"": []}
    for action in actions:
        for depth in range(len(action.words)):
            found.setdefault(" ".join(action.words[:depth]), []).append(action.words[depth])
        found.setdefault(action.name, []).extend(_options(action, pusher=pusher))
    return {before: tuple(dict.fromkeys(after)) for before, after in found.items()}


def _options(action: Action, *, pusher: bool) -> list[str]:
    common = [COMMON[name] for name in COMMON if name in action.takes or name in ALWAYS]
    looks = [option for option in LOOKS if pusher or option.name != "pusher"]
    flags = [flag for option in (*action.options, *common, *looks) for flag in option.flags]
    flags += [str(choice) for option in action.options for choice in _choices(option)]
    return [*(flag for flag in flags if flag.startswith("-")), *MORE, *_placed(action)]


def _placed(action: Action) -> list[str]:
    """What may stand in the place of a word, such as a shell's name."""
    return [
        str(choice)
        for option in action.options
        if not option.flags[0].startswith("-")
        for choice in _choices(option)
    ]


def _choices(option: Option) -> tuple[str, ...]:
    return tuple(option.more.get("choices", ()))


def valued(*, pusher: bool) -> tuple[str, ...]:
    """Options that a value follows."""
    actions = ACTIONS if pusher else NODE_ACTIONS
    options = [*COMMON.values(), *(option for action in actions for option in action.options)]
    flags = [
        flag
        for option in options
        if "action" not in option.more
        for flag in option.flags
        if flag.startswith("-")
    ]
    return tuple(dict.fromkeys([*flags, "-c", "--config-dir"]))


BASH = r"""
_mip() {
    local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}"
    local before="" word skip="" next
    case "$previous" in
        --cde|-c|--config-dir) COMPREPLY=($(compgen -f -- "$current")); return ;;
    esac
    case " $_mip_valued " in *" $previous "*) COMPREPLY=(); return ;; esac
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        if [ -n "$skip" ]; then skip=""; continue; fi
        case "$word" in
            -*) case " $_mip_valued " in *" $word "*) skip=1 ;; esac ;;
            *) next="${before:+$before }$word"
               if [ -n "${_mip_words[$next]+there}" ]; then before="$next"; fi ;;
        esac
    done
    COMPREPLY=($(compgen -W "${_mip_words[${before:-.}]}" -- "$current"))
    if [ "$before" = check ]; then COMPREPLY+=($(compgen -d -- "$current")); fi
}
complete -F _mip mip
"""
ZSH = r"""
_mip() {
    local previous="${words[CURRENT-1]}" before="" word skip="" next
    case "$previous" in
        --cde|-c|--config-dir) _files; return ;;
    esac
    if [[ " $_mip_valued " == *" $previous "* ]]; then return; fi
    for word in "${(@)words[2,CURRENT-1]}"; do
        if [[ -n "$skip" ]]; then skip=""; continue; fi
        if [[ "$word" == -* ]]; then
            if [[ " $_mip_valued " == *" $word "* ]]; then skip=1; fi
        else
            next="${before:+$before }$word"
            if (( ${+_mip_words[$next]} )); then before="$next"; fi
        fi
    done
    compadd -- ${=_mip_words[${before:-.}]}
    if [[ "$before" == check ]]; then _files -/; fi
}
if [[ "$funcstack[1]" == "_mip" ]]; then _mip "$@"; else compdef _mip mip; fi
"""


def bash(*, pusher: bool) -> str:
    """A file for bash-completion, or for ``source``."""
    rows = [
        f'    ["{before or "."}"]="{" ".join(after)}"'
        for before, after in words(pusher=pusher).items()
    ]
    table = "\n".join(["declare -gA _mip_words=(", *rows, ")"])
    options = f'_mip_valued="{" ".join(valued(pusher=pusher))}"'
    return f"# made by: mip completion bash\n{table}\n{options}\n{BASH.strip()}\n"


def zsh(*, pusher: bool) -> str:
    """A file ``_mip`` for ``fpath``, or for ``source``."""
    rows = [
        f"    '{before or '.'}' '{' '.join(after)}'"
        for before, after in words(pusher=pusher).items()
    ]
    table = "\n".join(["typeset -gA _mip_words=(", *rows, ")"])
    options = f"typeset -g _mip_valued='{' '.join(valued(pusher=pusher))}'"
    return f"#compdef mip\n# made by: mip completion zsh\n{table}\n{options}\n{ZSH.strip()}\n"


SHELLS: Mapping[str, Callable[..., str]] = {"bash": bash, "zsh": zsh}
