"""`verify`, `repair` and `clean`: a project looked at, made whole, and freed of what can be made again."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from store.project import Project
from tui.cli import DONE, PARTLY
from tui.text import clean as plain


def verify(project: Project, arguments: argparse.Namespace) -> int:
    """Print a line for everything looked at; exit code 3 where something is not as it should be."""
    from store.verify import verify as look

    findings = []
    for finding in look(project, inputs=not arguments.quick):
        findings.append(finding)
        if not arguments.json:
            remedy = f"; {finding.remedy}" if finding.remedy else ""
            print(plain(f"{'ok   ' if finding.fit else 'look '}{finding.text}{remedy}"), flush=True)
    wrong = sum(not finding.fit for finding in findings)
    if arguments.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        print(f"{len(findings)} things looked at, {wrong} not as they should be")
    return PARTLY if wrong else DONE


def repair(project: Project, vetter: str) -> int:
    """Repair, saying what was done; exit code 3 where `run` has to measure again."""
    from analysis.pipeline import claimed
    from store.repair import repair as mend

    project.prepare()
    again = False
    with claimed(project):
        for line in mend(project, vetter):
            again = again or "jwst-vet run" in line
            print(plain(line), flush=True)
    print("next: `jwst-vet run` makes the rest again" if again else "nothing else to do")
    return PARTLY if again else DONE


def clean(project: Project, arguments: argparse.Namespace) -> int:
    """Free what can be made again, or say with --dry-run how much that would be."""
    from analysis.pipeline import claimed
    from store.clean import free, heaps

    if not project.outputs_dir.is_dir():
        print(f"{project.outputs_dir}: nothing there yet")
        return DONE
    chosen = {"cutouts": arguments.cutouts, "set_aside": arguments.set_aside}
    total = 0
    with claimed(project):
        for heap in heaps(project, chosen):
            size = heap.bytes
            if heap.kept_because:
                print(plain(f"kept   {size:>13,} bytes  {heap.name}: {heap.kept_because}"))
                continue
            total += size if arguments.dry_run else free(heap)
            print(plain(f"{'would  ' if arguments.dry_run else 'freed  '}{size:>13,} bytes  {heap.name}"))
    print(f"{total:,} bytes {'would be ' if arguments.dry_run else ''}freed")
    return DONE
