"""Many two-class linear SVMs with the squared hinge loss, solved together by Newton's method on the primal.

For every row of `signs` (one problem, labels +1 and -1 for the same samples) this minimises

    P(w) = 1/2 |w|^2 + sum_i cost_i / 2 * max(0, 1 - sign_i <w, x_i>)^2

P is strongly convex and its gradient is ``g = w - sum_i cost_i slack_i sign_i x_i``. The sum is the primal point of a
feasible dual point, and the duality gap between the two is exactly ``1/2 |g|^2``: every iterate carries a certificate.

A Newton step solves a ridge regression on the active samples (those with slack). It is found either for all problems
at once by preconditioned conjugate gradients, whose products are shared matrix products, or for one problem at a time
by a Cholesky factorisation once few samples are active. An exact line search makes the step safe.
"""

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from ._margin_spaces import FeatureSpace, GramSpace

Space = GramSpace | FeatureSpace

FORCING = 0.1  # conjugate gradients stop when the (preconditioned) residual has shrunk this much
N_DEFLATED = 64  # leading directions that the preconditioner treats exactly
ALWAYS_DIRECT = 256  # linear systems up to this size are factorised without asking whether iterating is cheaper
FIRST_LIMIT, LAST_LIMIT = 20, 1000  # conjugate gradient iterations allowed in one Newton step
EASY = 30.0  # cost * mean |x|^2 that is solved at once
RISE, MAX_RISES, ROUGH = 10.0, 12, 1e-1  # factor from one cost to the next, how many at most, the relative gap of each
REFRESH = 1e-2  # margins are recomputed in float64 each time the gap has shrunk this much
LINE_SEARCH_STEPS, LINE_SEARCH_TOLERANCE = 30, 0.05


@dataclass(frozen=True)
class Solution:
    """What the solver found, one row per problem."""

    coordinates: np.ndarray  # (n_problems, space.size)
    relative_gap: np.ndarray  # (n_problems,) duality gap / objective
    n_iter: int  # Newton steps taken by the slowest problem


@dataclass
class _Point:
    """The objective and its derivatives at the present point of the open problems."""

    slack: np.ndarray
    gradient: np.ndarray
    relative_gap: np.ndarray


def solve(space: Space, signs: np.ndarray, cost: np.ndarray, *, tol: float, max_iter: int) -> Solution:
    """Minimise P for every row of *signs*, shape (n_problems, n_samples), until gap <= tol^2 * P.

    Costs that are high for the scale of the data make hard problems with many active samples at first; they are
    reached through a few roughly solved problems of lower cost.
    """
    search = _Search(space, signs, tol, max_iter)
    hardness = space.mean_square * cost.max()
    rises = int(np.ceil(np.log(np.clip(hardness / EASY, 1.0, RISE**MAX_RISES)) / np.log(RISE)))
    for rise in range(rises, 0, -1):
        search.run(cost * RISE**-rise, rough=True)
    search.run(cost, rough=False)
    return Solution(search.coordinates, search.relative_gap, search.n_iter)


class _Search:
    """The present weights of all problems, and Newton's method on them."""

    def __init__(self, space: Space, signs: np.ndarray, tol: float, max_iter: int) -> None:
        self._space, self._signs, self._tol, self._max_iter = space, signs, tol, max_iter
        self.n_iter = 0
        self.coordinates = np.zeros((len(signs), space.size))
        self.relative_gap = np.full(len(signs), np.inf)
        self._margins = np.zeros(signs.shape)
        self._exact = np.ones(len(signs), dtype=bool)  # are the margins free of the rounding gathered over the steps?
        self._refreshed_gap = np.full(len(signs), np.inf)
        self._steps = _Steps(space, len(signs))

    def run(self, cost: np.ndarray, *, rough: bool) -> None:
        """Take Newton steps until every problem is solved, or `max_iter` steps have been taken in all."""
        good_gap = ROUGH if rough else self._tol**2
        live = np.arange(len(self._signs))
        self._refreshed_gap[:] = np.inf
        while True:
            point = self._evaluate(live, cost)
            good = point.relative_gap <= good_gap
            last = self.n_iter == self._max_iter
            if not rough and self._refresh(live, point.relative_gap, good | last):
                continue
            if good.all() or last:
                return
            live, self.n_iter = live[~good], self.n_iter + 1
            self._move(live, _Point(point.slack[~good], point.gradient[~good], point.relative_gap[~good]), cost[live])

    def _evaluate(self, live: np.ndarray, cost: np.ndarray) -> _Point:
        space, coordinates, margins = self._space, self.coordinates[live], self._margins[live]
        signs, cost = self._signs[live], cost[live]
        slack = np.maximum(0.0, 1.0 - signs * margins)
        gradient = coordinates - space.exact_lift(cost * slack * signs)
        objective = 0.5 * space.dot(coordinates, coordinates, margins) + 0.5 * np.vecdot(cost, slack**2)
        gap = 0.5 * np.maximum(space.squared_norm(gradient), 0.0)
        self.relative_gap[live] = gap / objective
        return _Point(slack, gradient, self.relative_gap[live])

    def _refresh(self, live: np.ndarray, gap: np.ndarray, wanted: np.ndarray) -> bool:
        """Recompute margins in float64 where wanted or where the gap has shrunk much; say whether any changed."""
        wanted = wanted | (gap < REFRESH * self._refreshed_gap[live])
        stale = live[wanted & ~self._exact[live]]
        if stale.size:
            self._margins[stale], self._exact[stale] = self._space.exact_margins(self.coordinates[stale]), True
            return True
        fresh = self._exact[live]
        self._refreshed_gap[live[fresh]] = gap[fresh]
        return False

    def _move(self, live: np.ndarray, point: _Point, cost: np.ndarray) -> None:
        space, coordinates, signs = self._space, self.coordinates[live], self._signs[live]
        step = self._steps.newton(live, point, coordinates, signs, cost)
        moved = space.margins(step.astype(space.dtype))
        length = _line_search(space, coordinates, step, self._margins[live], moved, signs, cost)[:, None]
        self.coordinates[live] = coordinates + length * step
        self._margins[live] += length * moved
        self._exact[live] = False


def _line_search(
    space: Space,
    coordinates: np.ndarray,
    step: np.ndarray,
    margins: np.ndarray,
    moved: np.ndarray,
    signs: np.ndarray,
    cost: np.ndarray,
) -> np.ndarray:
    """Step lengths at which the slope of P along each step is almost zero.

    The slope is piecewise linear and rises, so Newton's method inside a shrinking bracket finds its root.
    """
    along = space.dot(coordinates, step, moved)
    curvature = space.dot(step, step, moved)
    present, change = signs * margins, signs * moved
    flat = LINE_SEARCH_TOLERANCE * np.abs(along - np.vecdot(cost * change, np.maximum(0.0, 1.0 - present)))
    length, low, high = np.ones(len(step)), np.zeros(len(step)), np.full(len(step), np.inf)
    for _ in range(LINE_SEARCH_STEPS):
        slack = np.maximum(0.0, 1.0 - present - length[:, None] * change)
        weighted = cost * change
        slope = along + length * curvature - np.vecdot(weighted, slack)
        open_ = np.abs(slope) > flat
        if not open_.any():
            break
        bend = curvature + np.vecdot(weighted, change * (slack > 0))
        low, high = np.where(slope < 0, length, low), np.where(slope > 0, length, high)
        proposed = length - slope / np.maximum(bend, np.finfo(float).tiny)
        middle = (low + np.minimum(high, 4 * length)) / 2
        inside = (proposed > low) & (proposed < high)
        length = np.where(open_, np.where(inside, proposed, middle), length)
    return length


class _Steps:
    """Chooses, for each problem, the cheaper way to a Newton step, and learns from what iterating cost before."""

    def __init__(self, space: Space, n_problems: int) -> None:
        self._space = space
        self._expected = np.full(n_problems, FIRST_LIMIT / 2)  # conjugate gradient iterations, as last seen
        self._limit = FIRST_LIMIT
        self._deflation: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    def newton(
        self, live: np.ndarray, point: _Point, coordinates: np.ndarray, signs: np.ndarray, cost: np.ndarray
    ) -> np.ndarray:
        space = self._space
        active = (point.slack > 0) & (cost > 0)
        n_active = active.sum(axis=1)
        direct = space.direct_size(n_active) <= ALWAYS_DIRECT
        direct |= space.direct_flops(n_active) <= self._expected[live] * space.product_flops
        step = np.empty_like(coordinates)
        for row in np.flatnonzero(direct):
            inside = np.flatnonzero(active[row])
            step[row] = space.ridge(inside, signs[row, inside], cost[row, inside]) - coordinates[row]
        rest = np.flatnonzero(~direct)
        if rest.size:
            weights: np.ndarray = np.where(active[rest], cost[rest], 0.0).astype(space.dtype)
            if self._deflation is None:
                self._deflation = _leading_directions(space)
            found, used = _conjugate_gradients(space, point.gradient[rest], weights, self._deflation, self._limit)
            step[rest], self._expected[live[rest]] = found, used
            if used.max() >= self._limit:
                self._limit = min(2 * self._limit, LAST_LIMIT)
        return step


def _conjugate_gradients(
    space: Space,
    gradient: np.ndarray,
    weights: np.ndarray,
    deflation: tuple[np.ndarray, np.ndarray, np.ndarray],
    limit: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Solve (identity + weighted scatter) step = -gradient roughly for all rows; return steps and iterations used.

    Every vector travels with its margins, so one iteration costs one product with the operator (and one back).
    """
    basis, dual, eigenvalues = deflation
    shrink = eigenvalues * weights.mean(axis=1, dtype=np.float64)[:, None]
    shrink = (shrink / (1.0 + shrink)).astype(space.dtype)

    solution: np.ndarray = np.empty(gradient.shape, space.dtype)
    x: np.ndarray = np.zeros(gradient.shape, space.dtype)
    rows: np.ndarray = np.arange(len(gradient))
    used = np.full(len(gradient), limit)
    # a small gradient squared may underflow in float32: solve for the direction of a unit gradient instead
    scale = np.maximum(np.abs(gradient).max(axis=1, keepdims=True), np.finfo(float).tiny)
    residual = (-gradient / scale).astype(space.dtype)
    z = residual - ((residual @ dual.T) * shrink) @ basis
    z_margins = space.margins(z)
    p, p_margins = z, z_margins
    energy = space.dot(residual, z, z_margins)
    target = FORCING**2 * energy
    for iteration in range(1, limit + 1):
        pulled = weights * p_margins
        bent = space.dot(p, p, p_margins) + np.vecdot(p_margins, pulled)
        length = _ratio(energy, bent)
        x = x + length * p
        residual = residual - length * (p + space.lift(pulled))
        z = residual - ((residual @ dual.T) * shrink) @ basis
        z_margins = space.margins(z)
        new = space.dot(residual, z, z_margins)
        turn = _ratio(new, energy)
        p, p_margins, energy = z + turn * p, z_margins + turn * p_margins, new
        done = energy <= target
        if iteration == limit or done.all():
            solution[rows] = x
            used[rows[done]] = iteration
            break
        if done.sum() * 8 >= len(rows):  # copying the rest costs less than dragging the finished along
            solution[rows[done]], used[rows[done]] = x[done], iteration
            rows, x, residual, p, p_margins, energy, target, weights, shrink = (
                array[~done] for array in (rows, x, residual, p, p_margins, energy, target, weights, shrink)
            )
    return solution * scale, used


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Quotient as a column; zero where the divisor has vanished (the problem is solved to rounding)."""
    quotient = np.divide(above, below, out=np.zeros_like(above), where=(below > 0) & (above > 0))
    return quotient[:, None]


def _leading_directions(space: Space) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Approximate leading directions of the scatter: basis, its dual for inner products, eigenvalues.

    Two rounds of randomised subspace iteration, then a Rayleigh-Ritz step in the inner product of the space, so that
    the preconditioner built from them is exactly self-adjoint however rough the directions are.
    """
    rng = np.random.default_rng(0)
    start: np.ndarray = rng.standard_normal((min(N_DEFLATED, space.size), space.size)).astype(space.dtype)
    for _ in range(2):
        start = np.linalg.qr(space.lift(space.margins(start)).T)[0].T
    image = space.margins(start)
    scatter, turn = scipy.linalg.eigh(space.inner(start, image).astype(np.float64))
    kept = scatter > 1e-5 * scatter[-1]
    turn = (turn[:, kept] / np.sqrt(scatter[kept])).T
    basis, image = turn @ start, turn @ image
    eigenvalues, turn = scipy.linalg.eigh(image @ image.T)
    basis, image = (turn.T @ basis).astype(space.dtype), (turn.T @ image).astype(space.dtype)
    return basis, space.dual(basis, image), eigenvalues
