"""The pages over all stores on a port, over the two weeks of `region_history`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from browser import free_port, wait_until
from region_history import NOW, grouping, planograms, stores
from starlette.applications import Starlette

from central.database import Database
from central.web.app import make_app
from central.web.entrance import Entrance
from central.web.rows import Site


def region_app(database: Database, entrance: Entrance | None = None) -> Starlette:
    """Return all pages, at `NOW`."""
    by_site = {Site(*key): by_aisle for key, by_aisle in planograms().items()}
    return make_app(
        database,
        by_site,
        entrance=entrance,
        stores=stores(),
        grouping=grouping(),
        clock=lambda: NOW,
    )


@contextmanager
def serving(app: Starlette) -> Iterator[str]:
    """Serve on a free port of this machine; yield the URL."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield f"http://127.0.0.1:{port}"
    finally:
        app.state.changes.close()
        server.should_exit = True
        thread.join()
