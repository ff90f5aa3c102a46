"""The errors mdlens raises on purpose: each says what was expected, what came and what to do."""


class MdlensError(Exception):
    """Base of every error raised on purpose; the command line prints it as one line and exits with 2."""


class InputError(MdlensError, ValueError):
    """An argument or a configuration value is wrong."""


class FormatError(MdlensError, ValueError):
    """A file does not hold what its format promises; the message names file, line and remedy."""


class ModelError(MdlensError, ValueError):
    """A model file is damaged, hostile, or made for something else."""


class MissingExtraError(MdlensError, ImportError):
    """A part of mdlens needs an optional dependency that is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"this needs {package}, which is not installed: run `pip install 'mdlens[{extra}]'`")


class ClusterError(MdlensError, RuntimeError):
    """A Dask cluster cannot be reached, or could not do the work."""
