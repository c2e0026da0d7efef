"""`python -m tui`: the command line, after a check that all three floors are of one installation."""

import sys
from pathlib import Path


def _one_house() -> None:
    """Refuse a stray folder called analysis or store that hides ours."""
    import analysis
    import store

    here = Path(__file__).resolve().parent.parent
    for module in (analysis, store):
        found = Path(module.__file__ or "").resolve().parent.parent
        if found != here:
            name = module.__name__
            sys.exit(f"jwst-vet: the package {name!r} was found in {found}, not in {here}: start elsewhere")


if __name__ == "__main__":
    _one_house()
    from tui.cli import main

    sys.exit(main())
