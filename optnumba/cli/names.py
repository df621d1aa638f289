"""The names that a user may type, and what to say about those that are not there."""

import contextlib
import importlib.util
import inspect
import sys
import traceback
from difflib import get_close_matches
from pathlib import Path


class UsageError(Exception):
    """What was given, what was expected, and the remedy; the process ends with status 2."""


def unknown(what, given, known):
    """Return the error for a name that is not there, with the nearest one that is.

    Parameters
    ----------
    what : str
        What kind of name: ``"rule"``.
    given : str
        What was typed.
    known : iterable of str
        The names that there are, in the order in which to list them.

    Returns
    -------
    UsageError
    """
    names = list(dict.fromkeys(known))
    folded = {name.casefold(): name for name in reversed(names)}
    near = [folded[match] for match in get_close_matches(given.casefold(), folded, n=3, cutoff=0.6)]
    if near:
        remedy = f"did you mean {' or '.join(map(repr, near))}?"
    elif len(names) <= 12:
        remedy = f"there is {', '.join(names) or 'none'}"
    else:
        remedy = f"the first of {len(names)} are {', '.join(names[:9])}"
    return UsageError(f"there is no {what} {given!r}; {remedy}")


def rule_called(name):
    """Return the rule that a name means; a library's name for a rule that it shares counts, too.

    Raises
    ------
    UsageError
        When there is none, with the nearest name.
    """
    from ..arguments import find_rule
    from ..rules import ALIASES, RULES

    try:
        return find_rule(name)
    except ValueError as why:
        raise unknown("rule", name, [*RULES, *ALIASES]) from why


def is_file(target):
    """Tell whether a target means a file and not a name: ``steps.py:adam``, ``./steps.py`` (bool)."""
    path, _, function = target.rpartition(":")
    return target.endswith(".py") or path.endswith(".py") or "/" in path


def function_in_file(target):
    """Import a file and return one of its functions.

    The file runs as an import does, with its own folder first on the path; what it prints goes to standard error.

    Parameters
    ----------
    target : str
        ``"FILE.py:FUNCTION"``.

    Returns
    -------
    callable

    Raises
    ------
    UsageError
        When the file is not there or cannot be imported, or does not define the function.
    """
    name, _, function = target.rpartition(":") if not target.endswith(".py") else (target, "", "")
    path = Path(name)
    if not path.is_file():
        folder = path.parent
        beside = [str(folder / p.name) for p in sorted(folder.glob("*.py"))] if folder.is_dir() else []
        raise unknown("file", str(path), beside)
    module = _imported(path)
    functions = [key for key, value in vars(module).items() if _is_step(value) and not key.startswith("__")]
    if not function:
        listed = ", ".join(functions) or "none"
        raise UsageError(f"{target!r} names no function; write {name}:FUNCTION; it defines {listed}")
    found = getattr(module, function, None)
    if found is None:
        raise unknown(f"function in {name} called", function, functions)
    if not callable(found):
        raise UsageError(f"{function!r} in {name} is of type {type(found).__name__}; name a function")
    return found


def _is_step(value):
    return inspect.isfunction(value) or inspect.isfunction(getattr(value, "py_func", None))


def _imported(path):
    """Return the module that a file makes when it is imported."""
    path = path.resolve()
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(path.stem)
    sys.modules[path.stem] = module  # dataclasses and pickles of the file look for their module here
    sys.path.insert(0, str(path.parent))
    try:
        with contextlib.redirect_stdout(sys.stderr):
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as why:
        sys.modules.pop(path.stem)
        if before is not None:
            sys.modules[path.stem] = before
        raise UsageError(f"{path} cannot be imported: {_reason(why, path)}; mend it, or name another file") from why
    finally:
        sys.path.remove(str(path.parent))
    return module


def _reason(why, path):
    """Return an exception in one line, with the last line of the file that was running."""
    if isinstance(why, SyntaxError):
        return f"line {why.lineno}: {type(why).__name__}: {why.msg}"
    lines = [frame.lineno for frame in traceback.extract_tb(why.__traceback__) if frame.filename == str(path)]
    place = f"line {lines[-1]}: " if lines else ""
    return f"{place}{type(why).__name__}: {why}"
