"""What the theorems on quadratics share: J(θ) = a/2 (θ - c)², an update on it as a matrix, and when that is stable."""

from dataclasses import replace

from sympy import Abs, Matrix, S, Symbol, sqrt

from ..equations.notation import NablaJ, eta, letter, theta, theta_next
from ..evidence import at_most, identity
from .running import after

# Curvature, minimiser, and the extreme curvatures of a quadratic of several variables.
a = letter("a", "a", positive=True)
c = letter("c", "c", real=True)
mu = letter("μ", r"\mu", positive=True)
L = letter("L", "L", positive=True)
condition = letter("κ", r"\kappa", positive=True)
X = letter("X", "X", real=True)
lam = letter("λ", r"\lambda", real=True)

# Regions are stated by a parameter: w > 0 and w₀ >= 0.
w = letter("w", "w", positive=True)
w0 = letter("w₀", "w_0", nonnegative=True)

theta_1 = letter("θ_1", r"\theta_1", real=True)
J = a / 2 * (theta - c) ** 2


def below(bound):
    """Return what runs through all numbers in (0, bound) as w runs through the positive ones."""
    return bound / (1 + w)


def above(bound):
    """Return what runs through all numbers >= bound as w₀ runs through those >= 0."""
    return bound + w0


def between(low, high, parameter=w0):
    """Return what runs through [low, high) as a parameter runs through the numbers >= 0; (low, high) for those > 0."""
    return (low + high * parameter) / (1 + parameter)


def on_quadratic(equations, noise=0):
    """Return equations with the gradient of J, plus some noise, in the place of ∇J (tuple of Equation)."""

    def gradient(point, *_):
        return J.diff(theta).subs(theta, point) + noise

    return tuple(replace(e, right=e.right.replace(NablaJ, gradient)) for e in equations)


def matrix(algorithm):
    """Return the matrix by which a step on the quadratic multiplies (θ_t - c, state), in X = ηa and with v/η for v."""
    values = after(on_quadratic(algorithm.equations))
    inputs = [(theta, S.One), *((before, eta) for before, _ in algorithm.states)]
    outputs = [(theta_next, S.One), *((new, eta) for _, new in algorithm.states)]
    rows = [[values[out].diff(x) * unit / own for x, unit in inputs] for out, own in outputs]
    return Matrix(rows).applyfunc(lambda e: e.expand().subs(a, X / eta).expand())


def jury():
    """Yield the Parts that both roots of λ² - Tλ + d lie inside the unit circle if and only if |d| < 1 and |T| < 1 + d.

    λ -> -λ changes the sign of T only, so the root of larger size is taken to be real and positive, or both complex.
    """
    size, r = letter("ρ", r"\rho", positive=True), letter("r", "r", positive=True)
    ratio, part = letter("k", "k", real=True), 1 / (1 + w0)  # part runs through (0, 1]
    yield identity(
        1 + size * (size * ratio) - (size + size * ratio),
        (1 - size) * (1 - size * ratio),
        "real roots ρ > 0 and kρ, |k| <= 1: 1 + d - T = (1 - ρ)(1 - kρ), with d = kρ²; T >= 0",
    )
    yield at_most((size * part) ** 2, size**2 * part, "0 < k <= 1: (kρ)² <= kρ² = d, so d < 1 makes 1 - kρ > 0")
    yield at_most(0, 1 + size * w0, "k = -w₀ <= 0: 1 - kρ > 0; hence |T| < 1 + d is ρ < 1", strict=True)
    yield at_most(part * size**2, size**2, "|d| = |k|ρ² <= ρ², so that |d| >= 1 makes ρ >= 1")
    real, imaginary = conjugate_pair(2 * r * X / sqrt(1 + X**2), r**2)
    yield identity(
        real**2 + imaginary**2, r**2, "complex roots, T² < 4d: |λ|² = d, which is below 1 if and only if d is"
    )
    yield at_most(2 * r, 1 + r**2, "complex roots: |T| < 2√d <= 1 + d, which asks nothing of T")


def conjugate_pair(trace, determinant):
    """Return real and imaginary part of a root of λ² - Tλ + d where T² <= 4d."""
    return trace / 2, sqrt(4 * determinant - trace**2) / 2


def are_roots(polynomial, trace, determinant, statement):
    """Return the Part that T/2 ± i √(4d - T²)/2 are roots of a polynomial in λ; T and d as given, T² <= 4d."""
    x, y = Symbol("x", real=True), Symbol("y", real=True)
    real, imaginary = (polynomial.subs(lam, x + S.ImaginaryUnit * y).expand(complex=True)).as_real_imag()
    values = dict(zip((x, y), conjugate_pair(trace, determinant), strict=True))
    return identity(Matrix([real, imaginary]).subs(values), Matrix([0, 0]), statement)


def stable_between(trace, determinant, bound, where):
    """Yield the Parts that |d| < 1 and |T| < 1 + d, which `jury` is about, exactly for 0 < X < bound."""

    def sizes(value):
        return Abs(trace.subs(X, value)), 1 + determinant.subs(X, value)

    inside = below(bound)
    yield at_most(Abs(determinant.subs(X, inside)), 1, f"{where}: |d| < 1 for 0 < X < {bound}", strict=True)
    yield at_most(*sizes(inside), f"{where}: |T| < 1 + d for 0 < X < {bound}", strict=True)
    for beyond, word in ((above(bound), f"X >= {bound}"), (-w0, "X <= 0")):
        size, least = sizes(beyond)
        yield at_most(least, size, f"{where}: |T| >= 1 + d for {word}")
