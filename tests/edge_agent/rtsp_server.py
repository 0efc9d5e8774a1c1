"""Serves an MP4 file with H.264 over RTSP on 127.0.0.1, as a camera would.

Run by the system's Python, for which Debian packages the bindings (python3-gi
gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good):

    /usr/bin/python3 rtsp_server.py VIDEO.mp4 PORT [USER PASSWORD]

Prints ``ready PORT`` once it listens; with port 0 it chooses one. The path is ``/shelf``.
Runs until it is killed.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402


def main() -> None:
    """Serve the video until killed."""
    video, port = sys.argv[1], sys.argv[2]
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(f'( filesrc location="{video}" ! qtdemux ! rtph264pay name=pay0 pt=96 )')
    factory.set_shared(True)
    if len(sys.argv) > 4:
        _require(server, factory, sys.argv[3], sys.argv[4])
    server.get_mount_points().add_factory("/shelf", factory)
    if not server.attach(None):
        sys.exit(f"cannot listen on 127.0.0.1:{port}")
    print("ready", server.get_bound_port(), flush=True)  # noqa: T201
    GLib.MainLoop().run()


def _require(server, factory, user, password) -> None:  # type: ignore[no-untyped-def]
    """Let only ``user`` with ``password`` watch."""
    authentication = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", user)
    authentication.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    authentication.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
    server.set_auth(authentication)
    factory.add_role_from_structure(
        Gst.Structure.from_string(
            f"{user}, media.factory.access=(boolean)true, media.factory.construct=(boolean)true"
        )[0]
    )


if __name__ == "__main__":
    main()
