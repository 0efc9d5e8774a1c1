"""How good an unedited calibration proposal is, on simulated views and on one real bay.

``python benchmarks/calibration.py [--quick] [--views N] [--json OUT]``. 200 views (12 with
``--quick``) of stores that were not used for development, seen from up to 35 degrees aside,
through lenses of up to 10 % distortion, 60 to 100 % stocked, some behind people or a roll cage.
A visible slot counts as placed when its corners are off by less than a quarter of its width along
the shelf and of its height across it. Each view is also offered the planogram of another store,
and nothing may be green that is wrong: a bay of another planogram, or one of which more than a
tenth of the visible slots are off.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

VIEWS, QUICK_VIEWS = 200, 12

# This file is called like the package that it measures: the package comes first, here and in the
# other scripts of this folder, which would import this file in its place.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
if __name__ != "__main__":
    del sys.modules[__name__]
    sys.modules[__name__] = importlib.import_module(__name__)


def main() -> None:
    from calibration_judge import measure, real_bay
    from calibration_views import JUDGED
    from measuring import write_record

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_VIEWS} views")
    parser.add_argument("--views", type=int, metavar="N", help=f"instead of {VIEWS}")
    parser.add_argument("--json", type=Path, metavar="OUT")
    arguments = parser.parse_args()
    count = arguments.views or (QUICK_VIEWS if arguments.quick else VIEWS)
    figures = measure(range(JUDGED, JUDGED + count), tell=not arguments.quick) | real_bay()
    for key, value in figures.items():
        print(f"{key:36} {value}")
    if arguments.json:
        write_record(arguments.json, figures, command=" ".join(["python", *sys.argv]))


if __name__ == "__main__":
    main()
