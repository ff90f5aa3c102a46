"""What the studies write into their pages of the documentation: tables, and blocks between marks."""

import re
from collections.abc import Iterable, Mapping, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in (head, *rows)]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])


def filled(text: str, blocks: Mapping[str, str]) -> str:
    """A page with each block between its marks `<!-- NAME -->` and `<!-- end of NAME -->`.

    Blank lines next to the marks stay as they are.
    """
    for name, block in blocks.items():
        start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        pattern = rf"({re.escape(start)}\n+).*?(\n+{re.escape(end)})"
        new, count = re.subn(pattern, lambda m, block=block: m[1] + block + m[2], text, flags=re.DOTALL)
        if (count, text.count(start), text.count(end)) != (1, 1, 1):
            raise ValueError(f"{start} and, lines below, {end} must stand in the page exactly once")
        text = new
    return text
