"""Exact scalar expressions as a graph: what a rule computes when its arguments are symbols.

SymPy's own expressions are not used here because they simplify themselves: g/g becomes 1 and 0*(1/g) becomes 0
before anyone can ask what happens at g = 0. A `Value` keeps every operation; `decide` gives it its meaning.
"""

from contextvars import ContextVar
from fractions import Fraction
from numbers import Rational, Real

import sympy

from ..equations.notation import NablaJ

TYPED_DIGITS = 15  # a decimal of at most 15 digits is the only such decimal near its float: it is what was typed

# Answers the conditions that no symbol but the step number decides; None where every branch is refused (`branches`).
BRANCHES = ContextVar("branches", default=None)

ROUNDING = Fraction(1, 10**14)

DEEPEST = 150  # operations on the longest path; what reads the graph is recursive


class TraceError(TypeError):
    """A function does what cannot be followed on symbols: the message names it and says what to write instead.

    Attributes
    ----------
    located : bool
        Whether the message names the line already.
    """

    located = False


class ArrayNeeded(TraceError):
    """A function treats a scalar as an array: it may be one over arrays."""


def exact(number):
    """Return the rational that a number stands for: the decimal that was typed, or else the float's binary value.

    Examples
    --------
    >>> exact(0.999)
    Fraction(999, 1000)
    >>> exact(2.0**-60) == Fraction(1, 2**60)
    True
    """
    if isinstance(number, Rational):
        return Fraction(int(number.numerator), int(number.denominator))
    decimal = repr(float(number))
    if decimal in ("inf", "-inf", "nan"):
        raise TraceError(f"the constant {decimal} is not a real number; a rule can compute with finite numbers only")
    digits = decimal.partition("e")[0].replace("-", "").replace(".", "").strip("0")
    return Fraction(decimal) if len(digits) <= TYPED_DIGITS else Fraction(float(number))


class Value:
    """A node of the graph: an operation and the Values it works on; a leaf has a name, a constant a Fraction.

    Python's operators build further nodes. A Value has no truth value, no length and no float value: code that asks
    for one would take one branch where a rule must serve all numbers.
    """

    __slots__ = ("op", "args", "payload", "depth")
    __array_ufunc__ = None  # so that numpy scalars leave the operation to us

    def __init__(self, op, args=(), payload=None):
        self.op, self.args, self.payload = op, args, payload
        self.depth = 1 + max((a.depth for a in args), default=0)
        if self.depth > DEEPEST:
            raise TraceError(f"it nests more than {DEEPEST} operations; a rule is a few lines without long loops")

    def __repr__(self):
        return f"Value({to_sympy(self, {})})"

    __hash__ = object.__hash__

    def __bool__(self):
        decide = BRANCHES.get()
        answer = None if decide is None else decide(self)
        if answer is not None:
            return answer
        raise TraceError("it branches on the value of a symbol; write where(condition, a, b), max or min instead")

    def _no_number(self, *_):
        raise TraceError("it needs the number behind a symbol (int, float, index); keep to arithmetic on scalars")

    __float__ = __int__ = __index__ = __complex__ = __round__ = __trunc__ = __floor__ = __ceil__ = _no_number

    def _no_array(self, *_):
        raise ArrayNeeded("it treats a scalar as an array; write the step for one coordinate and return new values")

    __getitem__ = __setitem__ = __iter__ = __len__ = _no_array

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        raise ArrayNeeded(f"it asks a scalar for .{name}; write the step for one coordinate, or for arrays alone")

    def _no_operation(self, *_):
        raise TraceError("it uses //, % or divmod, which no update rule here has; use + - * / and **")

    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __divmod__ = __rdivmod__ = _no_operation

    def __add__(self, other):
        return combine("+", self, other)

    def __radd__(self, other):
        return combine("+", other, self)

    def __sub__(self, other):
        return combine("-", self, other)

    def __rsub__(self, other):
        return combine("-", other, self)

    def __mul__(self, other):
        return combine("*", self, other)

    def __rmul__(self, other):
        return combine("*", other, self)

    def __truediv__(self, other):
        return combine("/", self, other)

    def __rtruediv__(self, other):
        return combine("/", other, self)

    def __pow__(self, other):
        return combine("**", self, other)

    def __rpow__(self, other):
        return combine("**", other, self)

    def __neg__(self):
        return combine("-", 0, self)

    def __pos__(self):
        return self

    def __abs__(self):
        return combine("abs", self)

    def __lt__(self, other):
        return combine("<", self, other)

    def __gt__(self, other):
        return combine("<", other, self)

    def __le__(self, other):
        return combine("<=", self, other)

    def __ge__(self, other):
        return combine("<=", other, self)

    def __eq__(self, other):
        return combine("==", self, other)

    def __ne__(self, other):
        return combine("not", combine("==", self, other))

    def __and__(self, other):
        return combine("and", self, other)

    def __or__(self, other):
        return combine("or", self, other)

    def __invert__(self):
        return combine("not", self)

    __rand__, __ror__ = __and__, __or__


def leaf(name):
    """Return the symbol called `name` as a Value."""
    return Value("leaf", payload=name)


def lift(number):
    """Return a Value as it is, and a real number as an exact constant."""
    if isinstance(number, Value):
        return number
    if isinstance(number, (bool, Real)):
        return Value("const", payload=exact(number))
    raise TraceError(f"it computes with {number!r} of type {type(number).__name__}; only real scalars can be followed")


def combine(op, *operands):
    """Return the Value of an operation on Values and numbers, or the array of them where one operand is an array."""
    for operand in operands:
        if hasattr(type(operand), "spread"):
            return operand.spread(op, operands)
    return Value(op, tuple(lift(x) for x in operands))


def leaves(*values):
    """Return the names of the symbols that `values` depend on (set of str)."""
    seen, names, todo = set(), set(), list(values)
    while todo:
        value = todo.pop()
        if id(value) not in seen:
            seen.add(id(value))
            names |= {value.payload} if value.op == "leaf" else set()
            todo.extend(value.args)
    return names


def substitute(values, meanings, constants=()):
    """Return a list of Values with leaves, and constants, replaced by other Values.

    Parameters
    ----------
    values : iterable of Value
    meanings : dict of str to Value
        What stands for each leaf; a leaf that is not in it stays.
    constants : sequence of (Fraction, Value)
        What stands for a constant, or for one that differs from it by a float's rounding.

    Examples
    --------
    >>> substitute([leaf("a") + leaf("b")], {"a": lift(2)})
    [Value(b + 2)]
    """
    done = {}

    def replaced(node):
        if id(node) not in done:
            if node.op == "leaf":
                done[id(node)] = meanings.get(node.payload, node)
            elif node.op == "const":
                near = (v for c, v in constants if abs(c - node.payload) <= ROUNDING * abs(c))
                done[id(node)] = next(near, node)
            else:
                args = tuple(map(replaced, node.args))
                same = all(a is b for a, b in zip(args, node.args, strict=True))
                done[id(node)] = node if same else Value(node.op, args, node.payload)
        return done[id(node)]

    return [replaced(value) for value in values]


def shape(values, known):
    """Return a key that two lists of Values share if and only if they are the same graphs; `known` numbers nodes."""
    done = {}

    def number(node):
        if id(node) not in done:
            done[id(node)] = known.setdefault((node.op, node.payload, *map(number, node.args)), len(known))
        return done[id(node)]

    return tuple(map(number, values))


SYMPY = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
    "sqrt": sympy.sqrt,
    "exp": sympy.exp,
    "log": sympy.log,
    "abs": sympy.Abs,
    "max": sympy.Max,
    "min": sympy.Min,
    "where": lambda c, a, b: sympy.Piecewise((a, c if c.is_Boolean else sympy.Ne(c, 0)), (b, True)),
    "<": sympy.Lt,
    "<=": sympy.Le,
    "==": sympy.Eq,
    "and": sympy.And,
    "or": sympy.Or,
    "not": sympy.Not,
}


def to_sympy(value, letters):
    """Return a Value as a SymPy expression for people to read, with `letters` (a dict) for the names of its leaves."""
    done = {}

    def convert(node):
        if id(node) not in done:
            if node.op == "leaf":
                done[id(node)] = letters.get(node.payload, sympy.Symbol(node.payload, real=True))
            elif node.op == "const":
                done[id(node)] = sympy.Rational(node.payload.numerator, node.payload.denominator)
            else:
                done[id(node)] = SYMPY[node.op](*map(convert, node.args))
        return done[id(node)]

    return convert(value)


FROM_SYMPY = {
    sympy.Add: "+",
    sympy.Mul: "*",
    sympy.Max: "max",
    sympy.Min: "min",
    sympy.Abs: "abs",
    sympy.Lt: "<",
    sympy.Gt: "<",
    sympy.Le: "<=",
    sympy.Ge: "<=",
    sympy.Eq: "==",
    sympy.Ne: "!=",
    sympy.And: "and",
    sympy.Or: "or",
    sympy.Not: "not",
}


def from_sympy(expression, meanings):
    """Return a SymPy expression of the document as a Value.

    Parameters
    ----------
    expression : sympy.Expr
        Made of symbols, rational numbers, + * **, square roots, Max, Min, Abs, Piecewise, conditions and ∇J.
    meanings : dict
        The Value of each symbol, and under the key `NablaJ` that of ∇J at the point where it is taken.
    """
    if expression in meanings:
        return meanings[expression]
    if isinstance(expression, NablaJ):
        return meanings[NablaJ]
    if expression.is_Rational:
        return lift(Fraction(int(expression.p), int(expression.q)))
    if isinstance(expression, sympy.Piecewise):
        *branches, (last, _) = expression.args
        result = from_sympy(last, meanings)
        for yes, condition in reversed(branches):
            result = combine("where", from_sympy(condition, meanings), from_sympy(yes, meanings), result)
        return result
    operands = [from_sympy(a, meanings) for a in expression.args]
    if expression.is_Pow:
        return _power(*operands, expression.exp)
    if isinstance(expression, (sympy.Gt, sympy.Ge)):
        operands.reverse()
    op = FROM_SYMPY[expression.func]
    if op in ("!=", "abs", "not"):
        return operands[0] != operands[1] if op == "!=" else combine(op, operands[0])
    result = operands[0]
    for operand in operands[1:]:
        result = combine(op, result, operand)
    return result


def _power(base, exponent, number):
    """Return base ** exponent: SymPy writes quotients and roots so; here each gets its own operation."""
    if number.is_Rational and number < 0:
        return 1 / _power(base, lift(-exponent.payload), -number)
    return combine("sqrt", base) if number == sympy.S.Half else base**exponent
