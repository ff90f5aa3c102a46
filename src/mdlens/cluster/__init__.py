"""Work spread over a Dask cluster (extra ``dask``); imports nothing of Dask before it is asked for."""

from mdlens.cluster.connection import connect

__all__ = ["connect"]
