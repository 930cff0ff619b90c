"""Writes ``docs/reference/`` from the code: what is said there stands in docstrings and rules.

``make docs`` runs it; a test asks that the pages are what it would write.
"""

from __future__ import annotations

import argparse
import ast
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saltext_mip import conditions, federation, results, schemas
from saltext_mip.console.cli.action import Action, Option
from saltext_mip.console.cli.commands import ACTIONS, NODE_ACTIONS
from saltext_mip.console.cli.parser import ALWAYS, COMMON, OWN
from saltext_mip.rules import RULES

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent / "src" / "saltext_mip"
PAGES = HERE / "reference"
MADE = "<!-- made by docs/make_reference.py: change the code, then `make docs` -->\n"

QUOTED = r"(?<!`)``(?!`)(.+?)(?<!`)``(?!`)"

KINDS: Mapping[str, tuple[str, str]] = {
    "runners": ("On the pusher", "salt-run"),
    "modules": ("On a node", "salt"),
    "states": ("States", "state.apply"),
    "beacons": ("Beacons", "beacon"),
}


@dataclass(frozen=True)
class Function:
    name: str
    signature: str
    text: str


def functions(path: Path) -> Iterator[Function]:
    """The public functions of a module for Salt, in the order of the file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    virtual = path.stem
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__virtualname__":
            virtual = ast.literal_eval(node.value)
    aliases: Mapping[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__func_alias__":
            aliases = ast.literal_eval(node.value)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            name = f"{virtual}.{aliases.get(node.name, node.name)}"
            yield Function(name, ast.unparse(node.args), ast.get_docstring(node) or "")


def sources(kind: str) -> list[Path]:
    folder = PACKAGE / kind
    return sorted(path for path in folder.glob("*.py") if not path.name.startswith("_"))


def markdown(text: str) -> str:
    """A docstring as Salt wants them, for people who read Markdown."""
    out: list[str] = []
    lines = text.splitlines()
    index = 0
    while index < len(lines):
        line = lines[index]
        if line.startswith(".. code-block::"):
            language = line.partition("::")[2].strip()
            index += 2
            block = []
            while index < len(lines) and (not lines[index] or lines[index].startswith(" ")):
                block.append(lines[index])
                index += 1
            code = textwrap.dedent("\n".join(block)).strip()
            out += [f"```{language}", code, "```", ""]
            continue
        below = lines[index + 1] if index + 1 < len(lines) else ""
        if re.fullmatch(r"[a-z_, ]+", line) and below.startswith("    "):
            out.append(f"- `{line}`: {below.strip()}")
            index += 1
        else:
            out.append(line.replace("    ", "  ", 1) if line.startswith("    ") else line)
        index += 1
    plain = re.sub(QUOTED, r"`\1`", "\n".join(out), flags=re.DOTALL)
    return re.sub(r"\n{3,}", "\n\n", plain).strip()


def page_of_functions(kind: str) -> str:
    title, _ = KINDS[kind]
    parts = [f"# {title}\n\n{MADE}"]
    for path in sources(kind):
        about = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        found = list(functions(path))
        if not found:
            continue
        parts.append(markdown(about))
        parts += [
            f"## {one.name}\n\n`{one.name}({one.signature})`\n\n{markdown(one.text)}"
            for one in found
        ]
    return "\n\n".join(parts) + "\n"


def page_of_problems() -> str:
    rows = [
        f"| `{rule.name}` | {rule.severity} | {'out' if rule.hard else ''} | {rule.text} "
        f"| {rule.hint} |".replace("<", "\\<")
        for rule in RULES.values()
    ]
    return "\n".join(
        [
            "# Problems",
            "",
            MADE,
            "What you must fix, or should know. A problem names the node, the pathology, the file,",
            "the line, the column and how often; never a value. *Out*: what it is about (a file, a",
            "CDE, a worker) is kept out of the federation until it is fixed; the last good version",
            "of a file remains in use. The same with a heading for each rule:",
            "[Troubleshooting](../troubleshooting.md).",
            "",
            "| rule | severity | | what is wrong | what to do |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


def page_of_conditions() -> str:
    kinds = {
        "always": conditions.ALWAYS,
        "where it is configured": conditions.OPTIONAL,
        "only while it is true": conditions.WHILE_TRUE,
    }
    rows = [
        f"| `{one}` | {when} | {conditions.MEANINGS[one]} |"
        for when, types in kinds.items()
        for one in types
    ]
    reasons = [
        f"| `{name}` | {hint} |".replace("<", "\\<") for name, hint in conditions.REASONS.items()
    ]
    return "\n".join(
        [
            "# Conditions",
            "",
            MADE,
            "Each condition is one fact about the federation: type, status (`True`, `False`, "
            "`Unknown`), reason, message,",
            "and the time since when it has this status. What to do about each reason is in "
            "[Troubleshooting](../troubleshooting.md) too.",
            "",
            "| type | shown | meaning |",
            "| --- | --- | --- |",
            *rows,
            "",
            "| reason | what to do |",
            "| --- | --- |",
            *reasons,
            "",
        ]
    )


# the command that shows more about a condition, and the page that explains what to do
LOOK_AT: Mapping[str, tuple[str, str]] = {
    "Ready": ("mip status", "[An operator's day](day.md)"),
    "StateWritable": ("mip check-required", "[Installation](installation.md)"),
    "MasterConfigured": ("mip check-required", "[Installation](installation.md#the-pusher)"),
    "ControllerRunning": ("mip check-required", "[Following the data](refreshing.md)"),
    "WorkersReachable": ("mip node check", "[A worker is down](day.md#a-worker-is-down)"),
    "DataValid": ("mip status --problems", "[Consolidating](consolidating.md)"),
    "Consolidated": ("mip diff", "[Consolidating](consolidating.md)"),
    "Compiled": ("mip data compile --dry-run", "[Compiling](compiling.md)"),
    "Deployed": ("mip deploy --dry-run", "[Services](services.md)"),
    "Served": ("mip service status", "[Services](services.md)"),
    "RolesSynced": ("mip sync-roles --dry-run", "[Keycloak](keycloak.md)"),
    "NoticesSent": ("mip notify list", "[Watching](watching.md#notices)"),
    "Reconciling": ("mip events", "[Following the data](refreshing.md)"),
    "Suspended": ("mip status", "[Pause automatic refreshes](day.md#pause-automatic-refreshes)"),
    "Held": ("mip diff", "[Something is held](day.md#something-is-held)"),
    "Stalled": ("mip events", "[Following the data](refreshing.md)"),
    "ForgedAnswer": ("mip events", "[Security](security.md#who-answered)"),
}


def page_of_troubleshooting() -> str:
    """What to do, by the name that a message shows: of a condition, a reason or a rule."""
    lines = [
        "# Troubleshooting",
        "",
        MADE,
        "Every condition and every problem shows a name, such as `MountGone`: the reason of the",
        "condition, or the rule that a file, a CDE or a service violates. Search for the name on",
        "this page. An error that ends a command has no name: its text says what to do.",
        "",
        "1. `mip status` on the Salt master (pusher) shows all conditions, problems first.",
        "2. Look up the first condition that is not as it should be in the table below.",
        "3. Look up its reason, and the rules of the problems, under [Names](#names).",
        "4. `mip events` shows what happened before, and who did it.",
        "",
        "## Conditions",
        "",
        "| condition | meaning | look at | guide |",
        "| --- | --- | --- | --- |",
    ]
    for kind in conditions.TYPES:
        command, guide = LOOK_AT[kind]
        lines.append(f"| `{kind}` | {conditions.MEANINGS[kind]} | `{command}` | {guide} |")
    lines += [
        "",
        "`Reconciling`, `Suspended`, `Held`, `Stalled` and `ForgedAnswer` are shown only while",
        "they are true. All others are good while they are `True`; `Unknown` means that it could",
        "not be found out, with the reason.",
        "",
        "## Names",
        "",
    ]
    reasons = {name: hint for name, hint in conditions.REASONS.items() if hint}
    for name in sorted({*reasons, *RULES}):
        lines += [f"### {name}", ""]
        if rule := RULES.get(name):
            out = ": the file, CDE or node is left out" if rule.hard else ""
            lines += [f"*{rule.severity.capitalize()}{out}.* {_sentence(rule.text)}", ""]
            lines += [f"**What to do:** {_sentence(rule.hint)}", ""]
        if name in reasons and (rule is None or reasons[name] != rule.hint):
            shown = "In `mip status`" if rule else "*Reason of a condition.* What to do"
            lines += [f"{shown}: {_sentence(reasons[name])}", ""]
    return "\n".join(lines).rstrip() + "\n"


def _sentence(text: str) -> str:
    """A text of the program as Markdown: what is in angle brackets is no HTML."""
    text = text.replace("<", "\\<")
    return f"{text[0].upper()}{text[1:]}{'' if text[-1] in '.?' else '.'}"


def page_of_the_pillar() -> str:
    """Every key of the pillar, from its schema; the defaults are the code's."""
    lines = [
        "# Keys of the pillar",
        "",
        MADE,
        "Below `mip:federations:<federation>:`. How to declare a federation, with examples:",
        "[Declaring a federation](../pillar.md). A wrong or unknown key is an error that names it.",
        "",
    ]
    keys = list(pillar_keys(schemas.load("pillar")))
    for title, prefix in (
        ("Nodes", "nodes."),
        ("Services", "services."),
        ("Keycloak", "keycloak."),
        ("The federation", ""),
    ):
        mine = [each for each in keys if each[0].startswith(prefix)]
        keys = [each for each in keys if each not in mine]
        lines += [f"## {title}", "", "| key | default | type | meaning |"]
        lines += ["| --- | --- | --- | --- |"]
        for key, of, needed in mine:
            default = "required" if needed else default_text(key)
            about = str(of["description"]).replace("|", "\\|")
            lines.append(f"| `{key}` | {default} | {pillar_type(of)} | {about} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def pillar_keys(
    schema: Mapping[str, Any], below: str = "", *, needed: bool = False
) -> Iterator[tuple[str, Mapping[str, Any], bool]]:
    """The pillar's keys, dotted, with the schema of each; those without keys below them only."""
    schema = resolved(schema)
    named = schema.get("properties", {})
    for name, value in named.items():
        key = f"{below}.{name}" if below else name
        yield from pillar_keys(value, key, needed=name in schema.get("required", ()))
    more = schema.get("additionalProperties")
    if isinstance(more, Mapping) and "properties" in resolved(more):
        yield from pillar_keys(more, f"{below}.{'<id>' if below == 'nodes' else '<name>'}")
    elif not named:
        yield below, schema, needed


def resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a reference is to, with what stands beside it; of several forms the one that is one."""
    schema = next((one for one in schema.get("oneOf", ()) if "$ref" in one), schema)
    if "$ref" not in schema:
        return schema
    found = schemas.load("pillar")["$defs"][schema["$ref"].split("/")[-1]]
    return {**found, **schema}


def default_text(key: str) -> str:
    """A key's default as it would be written in the pillar; nothing where there is none."""
    if key == "data_path":
        return "`/data/<federation>`"
    value: Any = federation.DEFAULTS
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if value is None or value == {}:
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def pillar_type(schema: Mapping[str, Any]) -> str:
    """The type of a pillar key for a person."""
    match schema:
        case {"enum": values}:
            return ", ".join(f"`{value}`" for value in values)
        case {"type": "object"}:
            return "mapping"
        case {"type": "array"}:
            return "list"
        case {"type": "string", "$comment": comment}:
            return f"string: {comment}"
        case {"type": "string", "pattern": "^https?://"}:
            return "URL"
        case {"type": "integer" | "number" as kind}:
            word = "whole number" if kind == "integer" else "number"
            least, most = schema.get("minimum"), schema.get("maximum")
            if most is not None:
                return f"{word}, {least} to {most}"
            return f"{word}, {least} or more" if least is not None else word
    return str(schema["type"])


def page_of_returns() -> str:
    """What each runner function returns, from the types in ``results``."""
    parts: dict[str, Any] = {}
    lines = [
        "# Returns",
        "",
        MADE,
        "What each function of the runner returns, as `--out=json` prints it. A key marked with",
        "`?` is left out where it does not apply. `retcode` is 1 where a part failed and the rest",
        "was done. Keys may be added in later versions: ignore those that you do not know. A",
        "program can check a return against the same as JSON Schema (2020-12):",
        "",
        "```python",
        "from saltext_mip import results",
        "",
        'results.schema("consolidate")',
        "```",
        "",
    ]
    for command in results.COMMANDS:
        schema = results.schema(command)
        parts |= schema.get("$defs", {})
        lines += [f"## mip.{command}", ""]
        if schema["type"] == "array":
            lines += [f"A {type_text(schema)}.", ""]
        else:
            lines += rows_of_keys(schema)
    lines += ["## Parts", "", "What the tables above refer to.", ""]
    for name in sorted(parts):
        about = " ".join(re.sub(QUOTED, r"`\1`", parts[name].get("description", "")).split())
        lines += [f"### {name}", "", about, "", *rows_of_keys(parts[name])]
    return "\n".join(lines).rstrip() + "\n"


def rows_of_keys(schema: Mapping[str, Any]) -> list[str]:
    """The keys of an object as a table."""
    rows = [
        f"| `{key}`{'' if key in schema['required'] else '?'} | {type_text(of)} | {note_of(of)} |"
        for key, of in schema["properties"].items()
    ]
    return ["| key | type | |", "| --- | --- | --- |", *rows, ""]


def note_of(schema: Mapping[str, Any]) -> str:
    """The description of a key, or of one of its alternatives."""
    if "description" in schema:
        return str(schema["description"])
    return "; ".join(filter(None, map(note_of, schema.get("anyOf", ()))))


def type_text(schema: Mapping[str, Any]) -> str:
    """A JSON Schema in words: ``list of string``, ``object of list of string``."""
    match schema:
        case {"$ref": ref}:
            name = ref.rpartition("/")[2]
            return f"[{name}](#{name.lower()})"
        case {"const": value}:
            return f"`{value}`"
        case {"enum": values}:
            return ", ".join(f"`{value}`" for value in values)
        case {"anyOf": several}:
            return " or ".join(map(type_text, several))
        case {"type": "array", "items": items}:
            return f"list of {type_text(items)}"
        case {"type": "object", "additionalProperties": items} if items:
            return f"object of {type_text(items)}"
        case {"type": kind}:
            return str(kind)
    return "any"


def page_of_the_command() -> str:
    """Every action of ``mip`` with its options, from the parser's own table."""
    lines = [
        "# Actions and options of mip",
        "",
        MADE,
        "What `mip --help` shows, action by action. Options stand before or after the action.",
        "",
        "## Options of all actions",
        "",
        *rows_of_options([*OWN, *(COMMON[name] for name in ALWAYS)]),
    ]
    for title, actions in (("On the pusher", ACTIONS), ("On a node", NODE_ACTIONS)):
        lines += [f"## {title}", ""]
        grouped: dict[tuple[Any, str, str], list[Action]] = {}
        for one in actions:
            grouped.setdefault((one.handler, one.function, one.help), []).append(one)
        for names in grouped.values():
            one = names[0]
            common = [COMMON[name] for name in COMMON if name in one.takes]
            also = ", ".join(f"mip {other.name}" for other in names[1:])
            lines += [f"### mip {one.name}", "", f"{one.help[0].upper()}{one.help[1:]}."]
            lines += ["", f"Also: {also}."] if also else []
            lines += ["", *rows_of_options([*one.options, *common])]
    return "\n".join(lines).rstrip() + "\n"


def rows_of_options(options: Sequence[Option]) -> list[str]:
    """Options as a table; nothing where there are none."""
    if not options:
        return []
    rows = [f"| {', '.join(map(code, forms(one)))} | {one.help} |" for one in options]
    return ["| option | |", "| --- | --- |", *rows, ""]


def forms(option: Option) -> tuple[str, ...]:
    """An option as it is typed, with its value."""
    value = option.more.get("metavar") or "|".join(map(str, option.more.get("choices", ())))
    if option.positional:
        return (str(value or option.name),)
    if option.more.get("action") is argparse.BooleanOptionalAction:
        return tuple(f"--{no}{option.flags[0].removeprefix('--')}" for no in ("", "no-"))
    return tuple(f"{flag} {value}".rstrip() for flag in option.flags)


def code(text: str) -> str:
    escaped = text.replace("|", "\\|")
    return f"`{escaped}`"


def pages() -> dict[Path, str]:
    made = {
        PAGES / "returns.md": page_of_returns(),
        PAGES / "problems.md": page_of_problems(),
        PAGES / "conditions.md": page_of_conditions(),
        PAGES / "command.md": page_of_the_command(),
        PAGES / "pillar.md": page_of_the_pillar(),
        HERE / "troubleshooting.md": page_of_troubleshooting(),
    }
    for kind in KINDS:
        if sources(kind):
            made[PAGES / f"{kind}.md"] = page_of_functions(kind)
    return made


def main() -> None:
    PAGES.mkdir(exist_ok=True)
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
