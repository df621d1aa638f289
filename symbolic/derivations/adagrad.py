"""Adagrad: a rate for each coordinate, from the sum of its squared gradients, and the same with matrices."""

from functools import reduce
from operator import add, mul

from sympy import (
    Identity,
    ImmutableDenseMatrix,
    MatAdd,
    MatMul,
    MatPow,
    MatrixSymbol,
    Rational,
    Sum,
    Symbol,
    diag,
    eye,
    sqrt,
)

from ..equations.adagrad import AG_3, AG_4, AG_5, AG_6, AG_7, G, G_before, G_ii, g_i, theta_i, theta_next_i
from ..equations.notation import Equation, eps, eta, g, g_at, s, t, theta, theta_next
from ..equations.sgd import GD_1
from ..evidence import identity
from ..theorems.recurrences import unrolled
from .proofs import changes, follows
from .step import Derivation, Step

SIZE = 3  # of the matrices that are written out in proofs

d = Symbol("d", integer=True, positive=True)
G_matrix, unit_matrix = MatrixSymbol("G_t", d, d), Identity(d)
theta_vector, next_vector, g_vector = (MatrixSymbol(name, d, 1) for name in ("θ_t", "θ_{t+1}", "g_t"))
inverse_root = MatPow(MatAdd(G_matrix, MatMul(eps, unit_matrix)), -Rational(1, 2))

SQUARES = Equation("AG/a", G, Sum(g_at[s] ** 2, (s, 1, t)), "derivation", note="a coordinate's own squared gradients")
VECTOR = Equation("AG/b", next_vector, MatAdd(theta_vector, MatMul(-1, eta, inverse_root, g_vector)), "derivation")

# One letter for each coordinate of what is written out.
COORDINATES = [
    {
        theta_i: Symbol(f"θ{k}", real=True),
        g_i: Symbol(f"g{k}", real=True),
        G_ii: Symbol(f"G{k}", nonnegative=True),
    }
    for k in range(1, SIZE + 1)
]


def written_out(expression):
    """Return an expression of matrices with the matrices and vectors of 3 coordinates put in, G a diagonal one."""
    if expression == G_matrix:
        return diag(*(letters[G_ii] for letters in COORDINATES))
    if expression in (theta_vector, g_vector):
        of = theta_i if expression == theta_vector else g_i
        return ImmutableDenseMatrix([letters[of] for letters in COORDINATES])
    if expression == unit_matrix:
        return eye(SIZE)
    if not expression.is_Matrix:
        return expression
    args = [written_out(a) for a in expression.args]
    if isinstance(expression, MatPow):
        return args[0] ** args[1]
    return reduce(add if isinstance(expression, MatAdd) else mul, args)


def _recurrence(step):
    yield unrolled(
        step.before.right, step.after.right.subs(g, g_at[t]), G_before, "AG-6 from 0 gives AG/a, for every t"
    )
    right = G_before + step.before.right.function.subs(s, t).subs(g_at[t], g)
    yield follows(step.after, right, step.before.left, "with the summand s = t split off, the rest is the sum before")


def _matrices(step):
    root = written_out(inverse_root)
    inside = written_out(inverse_root.args[0])
    yield identity(root * root * inside, eye(SIZE), "the square of the matrix root is the inverse, for 3 coordinates")
    rows = [step.before.right.subs(letters) for letters in COORDINATES]
    yield identity(written_out(step.after.right), ImmutableDenseMatrix(rows), "each row of AG/b is AG-5")


def _coordinate(step):
    letters = COORDINATES[0]
    names = {letters[theta_i]: theta, letters[g_i]: g, letters[G_ii]: G}
    yield follows(step.after, written_out(step.before.right)[0].subs(names), theta_next, "one row of AG/b is AG-7")
    for row, other in zip(written_out(step.before.right), COORDINATES, strict=True):
        put = {other[theta_i]: theta, other[g_i]: g, other[G_ii]: G}
        yield identity(row.subs(put), step.after.right, f"so is the row of {other[theta_i]}")


def _own_rate(step):
    own = theta_i + (step.before.right - theta_i) / sqrt(G_ii + eps)
    yield follows(step.after, own, step.before.left, "AG-4 with its step divided by the root is AG-5")
    yield changes(step)


def _numbered(step):
    names = {theta: theta_i, theta_next: theta_next_i, g: g_i}
    (gradient,) = step.uses
    put = step.before.right.subs(gradient.right, gradient.left).subs(names)
    yield follows(step.after, put, step.before.left.subs(names), "GD-1 with AG-3, for coordinate i, is AG-4")


STEPS = (
    Step(
        GD_1,
        "put AG-3 into GD-1, and number the coordinates",
        AG_4,
        "the gradient has one partial derivative for each coordinate, and each is a number (E-07)",
        _numbered,
        (AG_3,),
    ),
    Step(
        AG_4,
        "divide the rate {eta} by {root}, which each coordinate has of its own",
        AG_5,
        "a coordinate that has seldom had a gradient keeps a large rate; {eps} keeps the divisor from 0",
        _own_rate,
        kind="choice",
        difference=eta * g_i - eta * g_i / sqrt(G_ii + eps),
        terms={"eta": eta, "root": sqrt(G_ii + eps), "eps": eps},
    ),
    Step(
        SQUARES,
        "split off the summand s = t",
        AG_6,
        "one number per coordinate holds the sum; the gradients themselves are not kept (E-11)",
        _recurrence,
    ),
    Step(
        AG_5,
        "write all coordinates at once, with the diagonal matrix {G} and the unit matrix {I}",
        VECTOR,
        "a power of a diagonal matrix is the diagonal of the powers, so no coordinate meets another. {eps} belongs on "
        "the diagonal alone, and the order is: add it, take the root, invert, multiply by the rate (E-08, E-09)",
        _matrices,
        terms={"G": G_matrix, "I": unit_matrix, "eps": eps},
    ),
    Step(
        VECTOR,
        "read off one coordinate, and leave its number out",
        AG_7,
        "element by element; this is what a step computes, after AG-6",
        _coordinate,
    ),
)

DERIVATION = Derivation(
    "adagrad", "Adagrad, from the sum of squared gradients of each coordinate", (AG_3, GD_1, SQUARES), STEPS
)
