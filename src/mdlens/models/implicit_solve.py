"""Linear solves that gradients go through at the price of one more solve."""

from typing import Any

import torch
from torch import Tensor


class _SymmetricSolve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, matrices: Tensor, right: Tensor) -> Tensor:
        factors, failed = torch.linalg.cholesky_ex(matrices)
        if bool((failed == 0).all()):
            solution = torch.cholesky_solve(right[..., None], factors)[..., 0]
            ctx.save_for_backward(factors, solution)
            ctx.definite = True
        else:  # a network about to buckle has a negative stiffness somewhere
            solution = torch.linalg.solve_ex(matrices, right)[0]
            ctx.save_for_backward(matrices, solution)
            ctx.definite = False
        return solution

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        stored, solution = ctx.saved_tensors
        if ctx.definite:
            adjoint = torch.cholesky_solve(gradients[0][..., None], stored)[..., 0]
        else:
            adjoint = torch.linalg.solve_ex(stored, gradients[0])[0]
        return -adjoint[..., :, None] * solution[..., None, :], adjoint


def solve_symmetric(matrices: Tensor, right: Tensor) -> Tensor:
    """Solve symmetric systems, ``A x = b``, by Cholesky where they are positive definite, else by LU.

    Args:
        matrices: (batch, n, n).
        right: (batch, n).

    Returns:
        Solutions (batch, n); not finite where a matrix is singular.
    """
    solution: Tensor = _SymmetricSolve.apply(matrices, right)  # type: ignore[no-untyped-call]
    return solution
