"""Text that is safe to print: file names and messages come from outside."""


def printable(text: object) -> str:
    r"""Return ``str(text)`` on one line, with every unprintable character (also lone surrogates) as ``\x..``."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in str(text))
