"""Sequences of equations, theorems and errata, in which each is also found by its id."""

import difflib

from optnumba.arguments import canonical


class Catalogue(tuple):
    """Things with an ``.id``, in order and unchangeable; one is also found by its id."""

    what, several = "thing", "things"

    @property
    def ids(self):
        """The id of each, in order (tuple of str)."""
        return tuple(entry.id for entry in self)

    def __getitem__(self, key):
        if isinstance(key, slice):
            return type(self)(super().__getitem__(key))
        if not isinstance(key, str):
            return super().__getitem__(key)
        for entry in self:
            if entry.id == key:
                return entry
        raise KeyError(f"{key!r} is no {self.what}{suggestion(key, self.ids)}")

    def __contains__(self, key):
        return key in self.ids if isinstance(key, str) else super().__contains__(key)

    def __repr__(self):
        ends = f": {self[0].id} ... {self[-1].id}" if self else ""
        return f"<{len(self)} {self.what if len(self) == 1 else self.several}{ends}>"

    def __str__(self):
        return "\n".join(map(str, self))


def suggestion(name, known):
    """Return "; did you mean ...?" with the names nearest to an unknown one, or the list of all (str)."""
    by_letters = {}
    for other in known:
        by_letters.setdefault(other.lower().replace("_", "-"), other)
    near = difflib.get_close_matches(str(name).lower().replace("_", "-"), by_letters, n=3, cutoff=0.6)
    if near:
        return f"; did you mean {', '.join(by_letters[n] for n in near)}?"
    return f"; use one of {', '.join(known)}"


def of_algorithm(name, table):
    """Return what a table holds for one of the document's algorithms, or raise a ValueError that names the nearest."""
    known = canonical(name)
    if known not in table:
        raise ValueError(f"name={name!r} is not an algorithm of the document{suggestion(name, table)}")
    return table[known]
