"""Text that is safe to show: file names, class names and messages come from outside."""

import html


def printable(text: object) -> str:
    r"""Return ``str(text)`` on one line: unprintable characters and lone surrogates as ``\x..`` escapes."""
    characters = (
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in str(text)
    )
    return "".join(characters)


def escaped(text: object) -> str:
    """Return ``text`` printable and with every character that means something in HTML replaced."""
    return html.escape(printable(text), quote=True)


def pretty(name: str) -> str:
    """Return a class name as it is shown: ``cubic_diamond`` -> ``cubic diamond``."""
    return name.replace("_", " ")


def percent(fraction: float) -> str:
    """Return a fraction as a percentage that never rounds a part to nothing or to all."""
    if fraction in (0.0, 1.0):
        return f"{fraction:.0%}"
    if fraction < 0.001:
        return "< 0.1%"
    if fraction > 0.999:
        return "> 99.9%"
    return f"{fraction:.1%}"
