"""Write docs/: one page per algorithm, the errata, the conventions and an index, all from the package itself.

With --check nothing is written, and the exit status is 1 where a page or a figure is not what this script would make.
"""

import argparse
import difflib
import sys
from pathlib import Path

import docs_figures
import docs_pages

FOLDER = Path(__file__).resolve().parent.parent / "docs"


def pages():
    """Return every page as {file name: text}."""
    found = {"README.md": docs_pages.index(), "errata.md": docs_pages.errata()}
    found["conventions.md"] = docs_pages.conventions()
    return found | {f"{name}.md": docs_pages.algorithm(name) for name in docs_pages.TITLES}


def out_of_date(name, text):
    """Return how a page differs from what is on the disk (str), empty where it does not."""
    file = FOLDER / name
    old = file.read_text(encoding="utf-8") if file.exists() else ""
    lines = difflib.unified_diff(
        old.splitlines(), text.splitlines(), f"docs/{name}", "as it should be", lineterm="", n=0
    )
    return "\n".join(list(lines)[:12])


def strays(names):
    """Return the files in docs/ that this script does not make."""
    figures = {f"{name}.png" for name in docs_figures.SETTINGS}
    return [f for f in FOLDER.rglob("*") if f.is_file() and f.name not in {*names, *figures}]


def check(made):
    """Print what is out of date; return the exit status."""
    faults = [fault for name, text in made.items() if (fault := out_of_date(name, text))]
    faults += [fault for name in docs_figures.SETTINGS if (fault := docs_figures.drifted(name))]
    faults += [f"docs/{f.relative_to(FOLDER)} is made by nothing" for f in strays(made)]
    if faults:
        print("\n".join([*faults, "docs/ is out of date: run python scripts/make_docs.py"]))
    return 1 if faults else 0


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--check", action="store_true", help="write nothing; fail where docs/ is out of date")
    options.add_argument("--no-figures", action="store_true", help="write the pages only")
    chosen = options.parse_args()
    made = pages()
    if chosen.check:
        return check(made)
    FOLDER.mkdir(exist_ok=True)
    for name, text in made.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    for name in () if chosen.no_figures else docs_figures.SETTINGS:
        docs_figures.write(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
