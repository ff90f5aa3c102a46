"""Small files that are there whole or not at all."""

import json
import os
from pathlib import Path


def write_durably(data: bytes, file: Path) -> None:
    """Write a file and wait until it is on the disk."""
    with file.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def write_whole(path: Path, text: str) -> None:
    """Write a text file that appears under its name only when it is complete on disk.

    Args:
        path: Where to write; an existing file is replaced.
        text: The content.

    Raises:
        OSError: If the folder cannot be written; no trace is left then.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_json(path: Path, values: object) -> None:
    """Write JSON that is there whole or not at all, innermost lists and mappings on one line each.

    Args:
        path: Where to write; an existing file is replaced.
        values: Numbers, texts, lists and mappings.

    Raises:
        OSError: If the folder cannot be written; no trace is left then.
    """
    write_whole(path, _json_lines(values, "") + "\n")


def _json_lines(value: object, indent: str) -> str:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    if not any(isinstance(part, dict | list | tuple) for part in inner):
        return json.dumps(value)
    deeper = indent + " "
    if isinstance(value, dict):
        lines = [f"{json.dumps(str(key))}: {_json_lines(part, deeper)}" for key, part in value.items()]
    else:
        lines = [_json_lines(part, deeper) for part in inner]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return f"{opening}\n{deeper}" + f",\n{deeper}".join(lines) + f"\n{indent}{closing}"
