"""Whether all pieces of a match hold against an algorithm: numbers first, then the decision procedure."""

from dataclasses import replace
from itertools import permutations

from ..claims import compare
from ..conventions.convention import scalars_of
from ..decision.values import leaf, lift
from .screening import agree, distance


def fits(match, algorithm):
    """Return whether a match has as many states as an algorithm."""
    return len(match.candidate.slots) == len(algorithm.states) + len(scalars_of(algorithm))


def open_order(match, algorithm):
    """Return an order of the algorithm's states at which numbers refute nothing, or None."""
    if not fits(match, algorithm):
        return None
    first = 2 if any(piece.first for piece in match.pieces) else 1  # where the first step is apart
    orders = permutations(algorithm.states)
    return next((s for s in orders if all(agree(match.candidate, algorithm, s, first))), None)


def settle(match, algorithm, partial=False):
    """Return the (label, Proof) of each piece of a match, the later steps first; `partial` as in `compare`."""
    main, *others = match.pieces
    first_step = any(piece.first for piece in others)
    proof = compare(main.candidate, algorithm, partial=partial)
    if not proof.proved and first_step:
        proof = _from_the_second(main.candidate, algorithm, proof, partial)
    states = proof.states[: len(algorithm.states)]
    done = [(main.label, proof)]
    for piece in others:
        given = _first(piece.candidate) if piece.first else None
        other = compare(piece.candidate, algorithm, given, states, partial)
        if first_step and not piece.first and not other.proved:
            other = _from_the_second(piece.candidate, algorithm, other, partial)
        done.append((piece.label, other))
    return done


def _first(candidate):
    return {"t": lift(1), **{slot: lift(0) for slot in candidate.slots}}


def _from_the_second(candidate, algorithm, proof, partial):
    """Return the proof for t = 2, 3, ..., where the first step has a branch of its own."""
    states = proof.states[: len(algorithm.states)]
    later = compare(candidate, algorithm, {"t": leaf("t") + 1}, states, partial)
    if later.counterexample is None:
        return later
    values = {**later.counterexample.values, "t": later.counterexample.values["t"] + 1}
    return replace(later, counterexample=replace(later.counterexample, values=values))


def equal(match, algorithm, partial=False):
    """Return the (label, Proof) of each piece where all are proved, or None; `partial` as in `compare`."""
    if open_order(match, algorithm) is None:
        return None
    done = settle(match, algorithm, partial)
    return done if all(proof.proved for _, proof in done) else None


def closeness(match, algorithm):
    """Return a key that sorts algorithms by how near a step is to them, nearest first: states that agree, then x."""
    best = None
    for states in permutations(algorithm.states):
        agreed = agree(match.candidate, algorithm, states)
        key = (-sum(agreed) / len(agreed), distance(match.candidate, algorithm, states))
        best = key if best is None else min(best, key)
    return best
