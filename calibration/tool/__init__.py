"""The installers' browser tool: it proposes a camera's calibration, a person approves it.

`app.create_app` serves it. What it needs of a site (cameras, the proposer, the broker, the
catalogue) is handed in as the protocols of `site`; nothing here knows a detector or a broker.
"""
