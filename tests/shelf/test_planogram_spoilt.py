"""Spoilt planogram files of every form: read or refused in words, never a traceback."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from psa_files import HEAD, PRODUCTS, TWO_BAYS, project

from shelf import PlanogramError
from shelf.planogram_csv import write_csv
from shelf.planogram_file import read_planograms
from shelf.planogram_json import write_json
from shelf.planogram_psa import parse_psa

PSA = HEAD + project() + PRODUCTS + TWO_BAYS
(PLAN,) = parse_psa(PSA, "a.psa", "a", [])
PTS = (
    "共通棚割情報,V3.0,\n飲料,\n台番号,台高さ,台幅,台奥行,台名称\n1,1800,900,450,\n"
    "台番号,棚段番号,棚高さ,棚幅,棚奥行,棚厚さ,棚種別\n1,1,100,900,450,20,0\n1,2,500,900,450,20,0\n"
    "台番号,棚段番号,棚位置,商品コード,フェース数,フェース面,フェース回転,積上数\n"
    "1,1,1,4901234567894,3,1,0,1\n1,2,1,9,3,1,0,1\n"
)
SERVICE = (
    '{"Products":[{"Id":"1","Name":"a","W":1,"H":2}],"Fixtures":[{"Id":"f","X":0,"Y":9,"W":5,'
    '"H":1}],"Positions":[{"Id":"p","ProductId":"1","FixtureId":"f","X":0,"Y":7}]}'
)
WHOLE = [
    PSA.replace(",,,,,,,,,,", ",").encode("cp1252"),
    PTS.encode("cp932"),
    write_csv(PLAN).encode(),
    write_json(PLAN).encode(),
    SERVICE.encode(),
]
HARMFUL = [
    b"",
    b",",
    b"-",
    b"0",
    b"99999999999",
    b"1e309",
    b"nan",
    b"\n",
    b'"',
    b"\\",
    b"\0",
    b"\xff",
]


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(WHOLE), st.data())
def test_a_spoilt_file_is_read_or_refused(whole: bytes, data: st.DataObject) -> None:
    """Bytes are cut out or put in anywhere; what is refused names the file."""
    spoilt = whole
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(spoilt)))
        end = min(len(spoilt), start + data.draw(st.integers(0, 40)))
        put_in = data.draw(st.sampled_from(HARMFUL) | st.binary(max_size=3))
        spoilt = spoilt[:start] + put_in + spoilt[end:]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "spoilt"
        path.write_bytes(spoilt)
        try:
            file = read_planograms(path)
        except PlanogramError as error:
            assert all(problem.where.startswith(str(path)) for problem in error.problems)
            return
    for planogram in file.planograms:
        assert len(planogram) > 0
        write_csv(planogram)
        write_json(planogram)
