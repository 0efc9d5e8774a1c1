"""The answers of this node: which product a photograph shows, and what a bay looks like."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np

from detector import (
    Catalog,
    Detector,
    Embedder,
    Match,
    PictureError,
    read_picture,
    trim_uniform_border,
)
from detector.pictures import decode_picture
from detector.second_look import PrintReader
from edge_agent.bay_view import BayViews, Pictured
from edge_agent.catalog_search import SearchResult, search_photo
from edge_agent.clock import utc_now
from edge_agent.commands import Handler, UnanswerableError
from edge_agent.config import CameraSettings, Site
from edge_agent.frames import ImageBgr
from edge_agent.recognise import Recogniser, sku_of_key
from edge_agent.settled import Settled
from edge_agent.site_planograms import RecogniserOf
from shelf import CameraState, Planogram, PlanogramVersions
from shelf.commands import (
    MAX_PHOTO_SIDE_PX,
    BayView,
    BayViewReply,
    Candidate,
    Command,
    CommandName,
    Outcome,
    Search,
    SearchReply,
    Sureness,
    jpeg_of,
)

OTHERS = 3
"""Candidates beside the answer that are told."""

READ_PRODUCTS = 64
"""Products whose print is kept from one search to the next, about half a MB each."""

KEPT_PICTURES = 64
"""Catalogue pictures that are kept small for drawing."""

DRAWN_SIDE_PX = 320

FLAT_BELOW = 4.0
"""A photograph whose grey varies less (standard deviation, 0..255) shows nothing."""


class Answers:
    """Answers of one node. Its handlers are called by one thread at a time."""

    def __init__(
        self,
        site: Site,
        planograms: Mapping[str, PlanogramVersions],
        recogniser_of: RecogniserOf,
        detector_of: Callable[[str], Detector],
        settled: Settled,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """``detector_of`` returns the detector that a camera looks with at present."""
        self._site = site
        self._planograms = planograms
        self._recogniser_of = recogniser_of
        self._detector_of = detector_of
        self._settled = settled
        self._now = now
        self._views = BayViews()
        self._search: tuple[list[Recogniser | None], Catalog, Embedder, PrintReader] | None = None
        self._pictures: OrderedDict[str, ImageBgr | None] = OrderedDict()

    @property
    def handlers(self) -> dict[CommandName, Handler]:
        """What answers each command."""
        return {CommandName.SEARCH: self._answer_search, CommandName.BAY_VIEW: self._answer_view}

    def _answer_search(self, command: Command) -> SearchReply:
        assert isinstance(command, Search)
        jpeg = jpeg_of("picture", command.picture, MAX_PHOTO_SIDE_PX)
        try:
            image = decode_picture(jpeg)
        except PictureError as error:
            raise UnanswerableError(Outcome.INVALID, f"picture: {error}") from error
        planned = self._planned()
        if not planned:
            raise UnanswerableError(Outcome.NOT_HERE, "no planogram is in force today")
        search = self._search_in(planned)
        if search is None:
            raise UnanswerableError(Outcome.NOT_HERE, "the node has no catalogue (`catalog`)")
        catalog, embedder, reader = search
        if float(image.std()) < FLAT_BELOW:
            detail = "the photograph is of one colour: there is nothing to recognise"
            return SearchReply(id=command.id, outcome=Outcome.OK, detail=detail)
        detector = self._detector_of(self._site.cameras[0].id)
        result = search_photo(image, detector, catalog, embedder, reader)
        return _reply(command.id, result, planned)

    def _answer_view(self, command: Command) -> BayViewReply:
        assert isinstance(command, BayView)
        camera = self._camera_of(command)
        in_force = self._planograms[camera.aisle].in_force(self._now())
        last = self._settled.of_camera(camera.id)
        if last is None:
            raise UnanswerableError(Outcome.FAILED, f"camera {camera.id} has sent no picture yet")
        if last.state is CameraState.MOVED:
            raise UnanswerableError(Outcome.FAILED, f"camera {camera.id} has moved: {last.detail}")
        planogram = in_force.planogram
        if planogram is None or command.bay not in {bay.number for bay in planogram.bays}:
            detail = f"no planogram of aisle {camera.aisle} plans bay {command.bay} today"
            raise UnanswerableError(Outcome.NOT_HERE, detail)
        pictured = self._pictures_of(planogram) if command.planned else None
        bay = planogram.bay(command.bay)
        reply = self._views.draw(camera.id, last, camera.aisle, planogram, bay, pictured)
        if reply is None:
            detail = f"bay {command.bay} was not found in the picture of camera {camera.id}"
            raise UnanswerableError(Outcome.FAILED, detail)
        return reply.model_copy(update={"id": command.id})

    def _camera_of(self, command: BayView) -> CameraSettings:
        for camera in self._site.cameras:
            if camera.aisle == command.aisle and command.bay in camera.bays:
                return camera
        detail = f"no camera of this node watches bay {command.bay} of aisle {command.aisle}"
        raise UnanswerableError(Outcome.NOT_HERE, detail)

    def _planned(self) -> dict[str, Planogram]:
        """The planogram in force by aisle."""
        now = self._now()
        in_force = {aisle: all_.in_force(now).planogram for aisle, all_ in self._planograms.items()}
        return {aisle: planogram for aisle, planogram in in_force.items() if planogram}

    def _search_in(
        self, planned: Mapping[str, Planogram]
    ) -> tuple[Catalog, Embedder, PrintReader] | None:
        """The catalogue under the SKUs of all aisles; None without one."""
        recognisers = [self._recogniser_of(planogram) for planogram in planned.values()]
        if self._search is None or self._search[0] != recognisers:
            if recognisers[0] is None:
                return None
            names = {s: n for planogram in planned.values() for s, n in planogram.names.items()}
            catalog = recognisers[0].catalog
            catalog = catalog.renamed(sku_of_key(catalog.keys, names))
            reader = PrintReader(catalog.files, READ_PRODUCTS)
            self._search = recognisers, catalog, recognisers[0].embedder, reader
        return self._search[1:]

    def _pictures_of(self, planogram: Planogram) -> Pictured:
        recogniser = self._recogniser_of(planogram)
        files = {} if recogniser is None else recogniser.catalog.files

        def pictured(sku: str) -> ImageBgr | None:
            key = str(files[sku][0]) if files.get(sku) else ""
            if key not in self._pictures:
                self._pictures[key] = _small(files[sku][0]) if key else None
                if len(self._pictures) > KEPT_PICTURES:
                    self._pictures.popitem(last=False)
            self._pictures.move_to_end(key)
            return self._pictures[key]

        return pictured


def _small(path: Path) -> ImageBgr | None:
    """A catalogue's picture as it is drawn; None where it went away."""
    try:
        picture = trim_uniform_border(read_picture(path))
    except PictureError:
        return None
    scale = min(1.0, DRAWN_SIDE_PX / max(picture.shape[:2]))
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def _reply(identity: str, result: SearchResult, planned: Mapping[str, Planogram]) -> SearchReply:
    points = {
        match.key: count for match, count in zip(result.candidates, result.points, strict=True)
    }
    names = {s: name for planogram in planned.values() for s, name in planogram.names.items()}

    def candidate(match: Match, sureness: Sureness) -> Candidate:
        slots = [
            f"{aisle}/{slot.id}"
            for aisle, planogram in planned.items()
            for slot in planogram.slots
            if slot.sku == match.key
        ]
        return Candidate(
            sku=match.key,
            name=names.get(match.key),
            sureness=sureness,
            similarity=round(min(max(match.similarity, -1.0), 1.0), 4),
            print_points=points.get(match.key, 0),
            slots=tuple(slots),
        )

    sure = Sureness.PRINT if result.is_by_print else Sureness.LIKENESS
    answered = {match.key for match in result.answer}
    others = [match for match in result.candidates if match.key not in answered][:OTHERS]
    return SearchReply(
        id=identity,
        outcome=Outcome.OK,
        found=tuple(candidate(match, sure) for match in result.answer),
        others=tuple(candidate(match, Sureness.NEAREST) for match in others),
    )
