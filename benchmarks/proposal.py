"""How good an unedited calibration proposal is, on simulated views and on one real bay.

``python benchmarks/proposal.py [--quick] [--views N] [--record FILE] [--json OUT]``. 200 views (12
with ``--quick``) of stores that were not used for development, seen from up to 35 degrees aside,
through lenses of up to 10 % distortion, 60 to 100 % stocked, some behind people or a roll cage.
A visible slot counts as placed when its corners are off by less than a quarter of its width along
the shelf and of its height across it. Each view is also offered the planogram of another store,
and nothing may be green that is wrong: a bay of another planogram, or one of which more than a
tenth of the visible slots are off. With ``--record``, each view's result is kept as soon as it is
known, and a run that was interrupted goes on from there; delete the file when the code changed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from measuring import write_record
from proposal_judge import judged_views, real_bay
from proposal_tally import figures_of
from proposal_views import JUDGED

VIEWS, QUICK_VIEWS = 200, 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_VIEWS} views")
    parser.add_argument("--views", type=int, metavar="N", help=f"instead of {VIEWS}")
    parser.add_argument("--development", action="store_true", help="views to develop with")
    parser.add_argument("--record", type=Path, metavar="FILE", help="kept between runs")
    parser.add_argument("--json", type=Path, metavar="OUT")
    arguments = parser.parse_args()
    count = arguments.views or (QUICK_VIEWS if arguments.quick else VIEWS)
    first = 0 if arguments.development else JUDGED
    figures = figures_of(judged_views(range(first, first + count), arguments.record)) | real_bay()
    for key, value in figures.items():
        print(f"{key:36} {value}")
    if arguments.json:
        write_record(arguments.json, figures, command=" ".join(["python", *sys.argv]))


if __name__ == "__main__":
    main()
