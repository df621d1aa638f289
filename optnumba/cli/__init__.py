"""The command line: `optnumba rules`, `show`, `prove` and `info`.

A command returns a `Report`, which knows nothing of how it is shown: in colour and fitted to the window where standard
output is a terminal and rich is installed, else as plain text; as JSON with ``--json``; as LaTeX with ``--latex``.
The exit status is 0, or 1 where something is not proved, or 2 where the question could not be asked.
"""

import argparse
import importlib.util
import os
import sys
from contextlib import contextmanager

from .names import UsageError, unknown

__all__ = ["main"]

INTERRUPTED = 130  # as shells count it: 128 + SIGINT

STATUS_HELP = """\
exit status:
  0  done; everything asked about is proved
  1  something is not proved; approximations and facts on stated instances are reported as such, and no failures
  2  the question could not be asked: an unknown name, a file that cannot be imported, code that cannot be followed;
     or the answer could not be written
"""

RULES_KEYS = """\
keys of --json: command, and rules, a list of
  name, algorithm, convention (true for that of a library), state, hyper (name, default, interval, meaning), source,
  proved, status
"""

SHOW_KEYS = """\
keys of --json:
  command, name, algorithm, state, source
  equations    a list of id, text, left, right, relation, latex, section, errata, note; left and right as SymPy's text
  hyper        a list of name, default, interval, meaning
  derivation   title, given (equations), and steps: a list of before, operation, after (an equation), justification,
               kind (equality, choice, approximation or heuristic), discrepancy (null where the step is exact)
  conventions  a list of name, rule (the one in RULES that computes it), source, equal, equal_if, difference, defaults
  theorems     a list of id, statement, markdown, hypotheses, note
  difference   in place of the last three where NAME is a convention: equal, equal_if, difference, text
"""

PROVE_KEYS = """\
what can be named: a rule (nadam: all about it), a convention (adam:keras), a theorem (T-ADAM-4), the equation at the
end of a step (NAD-17), an erratum (E-08), or rules, conventions, derivations, theorems, errata

keys of --json:
  command, target, proved (false where the exit status is 1), counts (of each status), seconds
  items  a list of kind, algorithm, id, statement, status, proved, seconds, discrepancy, explanation, and parts:
         a list of kind, statement, holds, latex, detail
status is one of proved, approximation, holds on the stated instances, refuted, undecided, error
for a function, or a rule with --as, in place of counts and items:
  as, status, against, nearest, relation, residuals, counterexample (null, or at, found, expected), explanation
"""

INFO_KEYS = """\
keys of --json:
  command, versions, machine, cuda (driver, card, toolkit, and what is missing to use one), extras (of each the
  packages and their versions, null where missing)
"""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are raised, for `main` to print and to return as a status."""

    def error(self, message):
        """Raise a UsageError.

        Parameters
        ----------
        message : str
        """
        raise UsageError(f"{message}; see {self.prog} --help")


def parser():
    """Return (the parser of the command line, {command: its own parser})."""
    from .. import __version__

    top = Parser(prog="optnumba", description="Gradient-descent optimizers, proved equal to their equations.")
    top.add_argument("--version", action="version", version=f"optnumba {__version__}")
    sub = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    commands = {}

    def add(name, about, keys, latex=True):
        epilog = f"{keys}\n{STATUS_HELP}"
        form = argparse.RawDescriptionHelpFormatter
        commands[name] = one = sub.add_parser(
            name, help=about, description=f"{about}.", epilog=epilog, formatter_class=form
        )
        forms = one.add_mutually_exclusive_group()
        forms.add_argument("--json", dest="form", action="store_const", const="json", help="print JSON, and only that")
        if latex:
            forms.add_argument(
                "--latex",
                dest="form",
                action="store_const",
                const="latex",
                help="print LaTeX for amsmath and longtable",
            )
        return one

    add("rules", "list the rules: their state, defaults and sources, and whether they are proved", RULES_KEYS)
    show = add("show", "show a rule: equations, derivation, defaults, conventions and theorems", SHOW_KEYS)
    show.add_argument("name", metavar="NAME", help="a rule (nadam) or a library's convention (adam:keras)")
    prove = add("prove", "prove everything, what NAME names, or that a function of yours is an optimizer", PROVE_KEYS)
    prove.add_argument("target", metavar="NAME | FILE.py:FUNCTION", nargs="?", help="everything, where left out")
    prove.add_argument(
        "--as", dest="against", metavar="NAME", help="the algorithm that it should be; any, where left out"
    )
    prove.add_argument(
        "-v", "--verbose", action="count", default=0, help="one line for each item; twice, each proof in full"
    )
    add("info", "show versions, processors, threads, CUDA, the cache and what is installed", INFO_KEYS, latex=False)
    return top, commands


def parsed(argv):
    """Return the options in a list of arguments, or None where there is nothing to do but to print the help.

    Raises
    ------
    UsageError
        Naming the nearest command or option.
    """
    top, commands = parser()
    if not argv:
        top.print_help()
        return None
    if not argv[0].startswith("-") and argv[0] not in commands:
        raise unknown("command", argv[0], commands)
    options, extra = top.parse_known_args(argv)
    if argv[0].startswith("-"):  # neither --help nor --version, which end the process
        raise UsageError(f"{argv[0]!r} needs a command before it: {', '.join(commands)}")
    if extra and extra[0].startswith("-"):
        known = [text for action in commands[options.command]._actions for text in action.option_strings]
        raise unknown(f"option of {options.command}", extra[0], known)
    if extra:
        raise UsageError(f"{extra[0]!r} is one argument too many; see optnumba {options.command} --help")
    return options


def main(argv=None):
    """Run one command, and return its exit status.

    Parameters
    ----------
    argv : list of str, optional
        The arguments; those of the process where it is None.

    Returns
    -------
    int
        0, or 1 where something is not proved, or 2 where the question could not be asked or the answer not be written.
    """
    try:
        options = parsed(sys.argv[1:] if argv is None else argv)
        if options is None:
            return 0
        if sys.stdout is None:
            raise UsageError("standard output is closed; send it to a file or a terminal")
        report = _run(options)
        _write(report, options.form)
    except UsageError as why:
        _complain(why)
        return 2
    except KeyboardInterrupt:
        _complain("interrupted")
        return INTERRUPTED
    return report.status


def _complain(why):
    """Say what is wrong; without standard error, nowhere: print would take standard output in its place."""
    if sys.stderr is not None:
        print(f"optnumba: {why}", file=sys.stderr)


def _watched():
    """Tell whether somebody watches standard output and standard error (bool)."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdout, sys.stderr))


def _run(options):
    """Return the `Report` of a command; what it needs is imported now, so that a typing error costs no time."""
    from . import commands, information, prove

    run = {"rules": commands.rules, "show": commands.show, "prove": prove.prove, "info": information.info}
    return run[options.command](options, _progress)


def _rich():
    return importlib.util.find_spec("rich") is not None


@contextmanager
def _progress(total):
    """Yield ``advance(label)``, which moves a progress bar where somebody watches a terminal, else does nothing."""
    if _watched() and _rich():
        from .terminal import progress

        with progress(total) as advance:
            yield advance
    else:
        yield lambda label: None


def _write(report, form):
    """Print a report in the form asked for, or in the one that standard output calls for."""
    if form is None and sys.stdout.isatty() and _rich():
        from .terminal import show

        show(report)
        return
    from .plain import as_json, as_text
    from .tex import as_latex

    text = {"json": as_json, "latex": as_latex, None: as_text}[form](report)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # where a locale has no Greek letters
    try:
        print(text, flush=True)
    except BrokenPipeError:  # as in `optnumba rules | head`: nobody reads the rest
        _discard_output()
    except OSError as why:
        _discard_output()
        raise UsageError(f"the answer cannot be written to standard output: {why.strerror}") from why
    if form is None and sys.stdout.isatty():
        _complain('for tables and colours, pip install "optnumba[cli]"')


def _discard_output():
    """Send what is left of standard output nowhere, lest Python tries once more when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
