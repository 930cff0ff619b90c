"""Findings as they are collected: by rule and column, a count, the first lines, a few examples."""

from __future__ import annotations

from saltext_mip.problems import Finding, Problem

SHOWN = 10  # lines and examples of each
EXAMPLE_CHARS = 200


class FindingCollector:
    """Add what is found, in the order of lines; get it grouped."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str | None], _Group] = {}

    def add(
        self,
        rule: str,
        line: int | None = None,
        example: str | None = None,
        *,
        column: str | None = None,
        count: int = 1,
    ) -> None:
        """``count`` more places that break the rule. ``example`` is a value: it stays here."""
        group = self._groups.setdefault((rule, column), _Group())
        group.count += count
        if line is not None and len(group.lines) < SHOWN:
            group.lines.append(line)
        if example is not None and len(group.examples) < SHOWN:
            if len(example) > EXAMPLE_CHARS:
                example = example[: EXAMPLE_CHARS - 1] + "…"
            group.examples.append((line or 1, example))

    def has(self, rule: str) -> bool:
        return any(name == rule for name, _ in self._groups)

    def findings(self) -> tuple[Finding, ...]:
        """All, in the order in which each first came up."""
        return tuple(
            Finding(
                Problem(
                    rule,
                    line=group.lines[0] if group.lines else None,
                    lines=tuple(group.lines),
                    column=column,
                    count=group.count,
                ),
                tuple(group.examples),
            )
            for (rule, column), group in self._groups.items()
        )


class _Group:
    def __init__(self) -> None:
        self.count = 0
        self.lines: list[int] = []
        self.examples: list[tuple[int, str]] = []
