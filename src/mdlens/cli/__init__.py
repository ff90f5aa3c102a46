"""The `mdlens` command."""
