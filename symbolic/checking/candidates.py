"""The step of a user with its arguments' roles, as `Candidate`s: what has to be shown equal to an algorithm."""

from dataclasses import dataclass, replace
from fractions import Fraction

from ..claims import Candidate, Claim, leaf_names
from ..decision.values import TraceError, leaf, leaves, lift, shape, substitute
from ..equations.notation import HYPER

T = leaf("t")
# A state that only counts: what it is before step t, in terms of a decay b; after the step t is one more.
CLOCKS = {
    "{b}^(t-1)": lambda b, t: b ** (t - 1),
    "{b}^t": lambda b, t: b**t,
    "1 - {b}^(t-1)": lambda b, t: 1 - b ** (t - 1),
    "1 - {b}^t": lambda b, t: 1 - b**t,
    "(1 - {b}^(t-1))/(1 - {b})": lambda b, t: (1 - b ** (t - 1)) / (1 - b),
}


@dataclass(frozen=True)
class Roles:
    """What each argument of a step is for one algorithm.

    Parameters
    ----------
    x, g, t : str or None
        Their names; t None where the step takes none.
    shift : int
        What the step calls t is t + shift: -1 for a counter that starts at 0.
    slots : tuple of str
        The states, in the order of the arguments.
    hyper : dict of str to str
        The name of each hyperparameter that the step takes.
    clocks : dict of str to (str, str)
        States that only count: which of `CLOCKS` each is, and of which hyperparameter.
    order : tuple of str
        In which order new values are returned.
    """

    x: str
    g: str
    t: str | None
    shift: int
    slots: tuple
    hyper: dict
    clocks: dict
    order: tuple


@dataclass(frozen=True)
class Piece:
    """A part of what has to hold: the later steps, the first one, a coordinate of its own, arrays.

    Parameters
    ----------
    label : str
        Where it holds, for people; empty for the later steps on scalars.
    candidate : Candidate
    first : bool
        Whether it is about the first step: t = 1, every state 0.
    """

    label: str
    candidate: Candidate
    first: bool = False


@dataclass(frozen=True)
class Match:
    """A step with its roles: all pieces must hold."""

    roles: Roles
    pieces: tuple[Piece, ...]

    @property
    def candidate(self):
        """The step from t = 1 on, or after its first (Candidate)."""
        return self.pieces[0].candidate


def make(traces, roles):
    """Return the `Match` of a step with some roles; raise TraceError where they do not fit what it returns."""
    pieces, complaints = [], []
    for traced in traces:
        try:
            pieces += _pieces(traced, roles, "" if traced is traces[0] else "on arrays")
        except TraceError as why:
            complaints.append(why)
    if not pieces:
        raise complaints[0]
    # What is done to arrays is mostly what is done to scalars, and need not be shown twice.
    known, distinct = {}, {}
    for piece in pieces:
        distinct.setdefault((piece.first, shape((piece.candidate.x, *piece.candidate.after), known)), piece)
    return Match(roles, tuple(sorted(distinct.values(), key=lambda piece: piece.first)))


def _pieces(traced, roles, label):
    found = [_candidate(traced, outcome, roles) for outcome in traced.outcomes]
    where = [label, *(f"{label} in a coordinate of its own".strip() for _ in found[1:])]
    pieces = [Piece(text, candidate) for text, candidate in zip(where, found, strict=True)]
    if traced.branching - {roles.t}:
        others = ", ".join(sorted(traced.branching - {roles.t}))
        raise TraceError(f"{traced.name}() branches on {others}, which is not its step number; call that t")
    number = 1 + roles.shift  # what the step calls the first t
    if traced.last is not None and traced.last > number:
        raise TraceError(f"{traced.name}() branches after the first step, for {roles.t} = {traced.last}")
    fresh = all(traced.starts.get(n, 0) == 0 for n in roles.slots)
    for key, outcomes in traced.first.items():
        if key == number and isinstance(outcomes, TraceError):
            raise outcomes
        if key in (None, number) and fresh:
            text = f"on the first step {label}".strip()
            pieces += [Piece(text, _candidate(traced, outcome, roles, first=True), True) for outcome in outcomes]
    return pieces


def _candidate(traced, outcome, roles, first=False):
    """Return the `Candidate` of one outcome; `first` puts in what everything is before step 1."""
    after = _assemble(traced, outcome, roles)
    slots, _ = leaf_names(roles.slots, roles.hyper.values())
    now = lift(1) if first else T
    unused = {n: lift(v) for n, v in traced.fallbacks.items() if n not in roles.hyper.values()}
    meanings = unused | {roles.x: leaf("x"), roles.g: leaf("g")}
    if roles.t:
        meanings[roles.t] = now + roles.shift if roles.shift else now
    meanings |= {n: lift(0) if first else leaf(s) for n, s in zip(roles.slots, slots, strict=True)}
    clocks = {n: (CLOCKS[form], leaf(roles.hyper[h])) for n, (form, h) in roles.clocks.items()}
    meanings |= {n: form(b, now) for n, (form, b) in clocks.items()}
    names = [roles.x, *roles.slots, *clocks]
    new = dict(zip([*names, *after], substitute([*(after[n] for n in names), *after.values()], meanings), strict=True))
    claims = [
        Claim(n, new[n], form(b, now + 1), f"{n} counts: it is {_clock_text(roles, n)} before step t")
        for n, (form, b) in clocks.items()
    ]
    claims += [] if first else [*_starts(traced, roles), *_kept(new, roles)]
    if roles.t in after:
        claims.append(Claim(roles.t, new[roles.t], now + roles.shift + 1, f"{roles.t} goes up by 1"))
    return Candidate(
        name=traced.name,
        ran=traced.ran,
        slots=slots,
        hyper=dict(roles.hyper),
        intervals={},
        x=new[roles.x],
        after=tuple(new[n] for n in roles.slots),
        held=leaf("x"),
        claims=tuple(claims),
        notes=_notes(traced, roles),
    )


def _kept(new, roles):
    """Return the claims that the step leaves its hyperparameters as they are, for those that it writes."""
    written = [n for n in roles.hyper.values() if n in new]
    return [Claim(n, new[n], leaf(n), f"{n} stays as it is") for n in written]


def _starts(traced, roles):
    """Return the claims that the states start at 0, for those that start at anything else."""
    wrong = {n: traced.starts[n] for n in roles.slots if traced.starts.get(n, 0) != 0}
    return [Claim(f"{n} at the start", lift(v), lift(0), f"{n} is 0 before step 1") for n, v in wrong.items()]


def _clock_text(roles, name):
    form, hyper = roles.clocks[name]
    return form.format(b=HYPER[hyper][0])


def _notes(traced, roles):
    used = [n for n in traced.around if n in roles.hyper.values()]
    notes = [f"{n} = {traced.fallbacks[n]!r} from around the function counts as free" for n in used]
    if roles.shift:
        notes.append(f"{roles.t} is t - 1 before the step; it starts at 0")
    for name in roles.clocks:
        start = _clock_text(roles, name)
        notes.append(f"{name} is {start} before step t, by induction; it has to start as that is at t = 1")
    return tuple(notes)


def _assemble(traced, outcome, roles):
    """Return {name: Value after the step} of x, the states, the counting states, and t where the step moves it."""
    after = dict(outcome.after)
    order = [n for n in roles.order if n in traced.parameters]
    returned = outcome.returned
    if len(returned) == len(order) + 1 and roles.t in traced.parameters:
        order = _with_counter(traced, roles, order)
    if len(returned) == len(roles.order):  # the states of a list are handed back one by one
        order = roles.order
    if len(returned) == len(order):
        after |= dict(zip(order, returned, strict=True))
    elif len(returned) == 1 and all(n in after for n in order[1:]):
        after[roles.x] = returned[0]
    elif len(returned) == len(order) - 1 and roles.x in after:
        after |= dict(zip([n for n in order if n != roles.x], returned, strict=True))
    elif returned:
        raise TraceError(
            f"{traced.name}() returns {len(returned)} values; it should return a tuple of {len(order)}"
            f" ({', '.join(order)})"
        )
    kept = [n for n in (roles.t, *roles.hyper.values()) if n in after]
    return {n: after.get(n, leaf(n)) for n in (*roles.order, *kept)}


def _with_counter(traced, roles, order):
    """Return the order of what is returned with the step number in it: where it is seen, or else as it is given."""
    seen = [i for i, value in enumerate(traced.outcomes[0].returned) if leaves(value) == {roles.t}]
    if len(seen) == 1:
        return [*order[: seen[0]], roles.t, *order[seen[0] :]]
    given = [n for n in traced.parameters if n in order or n == roles.t]
    return [*order[:1], *given[1:]] if given[0] == order[0] else given


def generalised(match, numbers):
    """Return a match with hyperparameters in place of numbers that are written into the step, and of one minus them.

    What is then proved for all their values holds for these, but for the rounding of 1 - 0.9 in the source.

    Parameters
    ----------
    match : Match
    numbers : dict of str to Fraction
        The number that stands for each hyperparameter; none may be 0 or 1.
    """
    constants = [(n, leaf(h)) for h, n in numbers.items()]
    for h, n in numbers.items():
        if HYPER[h][1] == "[0, 1)" and 1 - n not in numbers.values():
            folded = Fraction(1 - float(n))  # as Python computes it; near 1 that is far from 1 - n
            constants += [(rest, 1 - leaf(h)) for rest in (1 - n, folded)]

    def general(candidate):
        x, *after = substitute([candidate.x, *candidate.after], {}, constants)
        hyper = candidate.hyper | {h: h for h in numbers}
        return replace(candidate, x=x, after=tuple(after), hyper=hyper, numbers={})

    pieces = tuple(replace(piece, candidate=general(piece.candidate)) for piece in match.pieces)
    return replace(match, pieces=pieces)
