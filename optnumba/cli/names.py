"""The names that a user may type, and what to say about those that are not there."""

import contextlib
import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from difflib import get_close_matches
from functools import reduce
from importlib.machinery import SourceFileLoader
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
    return target.endswith(".py") or path.endswith(".py") or ".py:" in path or "/" in target


def function_in_file(target):
    """Import a file and return one of its functions.

    The file runs as an import does, with its own folder first on the path; what it prints goes to standard error.

    Parameters
    ----------
    target : str
        ``"FILE.py:FUNCTION"``, or ``"FILE.py:CLASS.METHOD"``.

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
        raise _no_file(path)
    module = _imported(path)
    functions = [key for key, value in vars(module).items() if _is_step(value) and not key.startswith("__")]
    if not function:
        listed = ", ".join(functions) or "none"
        raise UsageError(f"{target!r} names no function; write {name}:FUNCTION; it defines {listed}")
    found = reduce(lambda holder, name: getattr(holder, name, None), function.split("."), module)
    if found is None:
        raise unknown(f"function in {name} called", function, functions)
    if not callable(found):
        raise UsageError(f"{function!r} in {name} is of type {type(found).__name__}; name a function")
    return found


def _is_step(value):
    return inspect.isfunction(value) or inspect.isfunction(getattr(value, "py_func", None))


def _no_file(path):
    """Return the error for a file that is not there."""
    folder = path.parent
    beside = [str(folder / p.name) for p in sorted(folder.glob("*.py")) if p.is_file()] if folder.is_dir() else []
    if beside:
        return unknown("file", str(path), beside)
    lacking = "has no file that ends in .py" if folder.is_dir() else "is no folder"
    return UsageError(f"there is no file {str(path)!r}; {folder} {lacking}; name one that is there")


def _imported(path):
    """Return the module that a file makes when it is imported: as a part of the packages it lies in, if any."""
    path = path.resolve()
    top, name = _place(path)
    before = {key: sys.modules.pop(key) for key in _shadowed(name)}
    sys.path.insert(0, str(top))
    try:
        with _output_to_errors():
            return _executed(name, path)
    except (Exception, SystemExit) as why:
        sys.modules.pop(name, None)
        sys.modules.update(before)
        raise UsageError(f"{path} cannot be imported: {_reason(why, path)}; mend it, or name another file") from why
    finally:
        if str(top) in sys.path:
            sys.path.remove(str(top))


def _place(path):
    """Return (the folder an import would start from, the module's name): relative imports need the package's name."""
    top, parts = path.parent, [path.stem]
    while (top / "__init__.py").is_file() and top != top.parent:
        parts.insert(0, top.name)
        top = top.parent
    return top, ".".join(parts)


def _shadowed(name):
    """Return the module that is to make way for the one of this name (list of str); a package's parts stay."""
    return [name] if "." not in name and name in sys.modules else []


def _executed(name, path):
    """Return the module of a name and a file, whatever its ending, its packages imported before it."""
    package = name.rpartition(".")[0]
    if package:
        importlib.import_module(package)
    spec = importlib.util.spec_from_file_location(name, path, loader=SourceFileLoader(name, str(path)))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickles of the file look for their module here
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def _output_to_errors():
    """Send what is printed to standard error, also by C code and by other processes, which know only descriptors."""
    with contextlib.redirect_stdout(sys.stderr), contextlib.ExitStack() as undo:
        with contextlib.suppress(OSError):  # a descriptor that is closed
            kept = os.dup(1)
            undo.callback(os.close, kept)
            undo.callback(os.dup2, kept, 1)
            os.dup2(2, 1)
        yield


def _reason(why, path):
    """Return an exception in one line, with the last line of the file that was running."""
    said = " ".join(str(why).split())
    if isinstance(why, SyntaxError):
        place = f"line {why.lineno}: " if why.lineno else ""
        return f"{place}{type(why).__name__}: {why.msg}"
    lines = [frame.lineno for frame in traceback.extract_tb(why.__traceback__) if frame.filename == str(path)]
    place = f"line {lines[-1]}: " if lines else ""
    return f"{place}{type(why).__name__}: {said}"
