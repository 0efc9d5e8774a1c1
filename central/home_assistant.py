"""Home Assistant's MQTT discovery: each aisle's open alerts as a sensor. Pure."""

from __future__ import annotations

import json

from central.database import AisleKey
from shelf import topics


def discovery(aisle: AisleKey, prefix: str) -> tuple[str, bytes]:
    """Return topic and payload of the retained message that announces an aisle's sensor.

    Its state is the number of open alerts, its attributes are the alerts themselves.
    https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery
    """
    name = f"shelfwatch_{aisle.tenant}_{aisle.site}_{aisle.aisle}"
    topic = topics.open_alerts(*aisle)
    payload = {
        "name": f"Aisle {aisle.aisle} open alerts",
        "unique_id": name,
        "state_topic": topic,
        "value_template": "{{ value_json.alerts | length }}",
        "json_attributes_topic": topic,
        "json_attributes_template": "{{ {'alerts': value_json.alerts} | tojson }}",
        "unit_of_measurement": "alerts",
        "icon": "mdi:basket-unfill",
        "device": {
            "identifiers": [f"shelfwatch_{aisle.tenant}_{aisle.site}"],
            "name": f"Shelfwatch {aisle.site}",
            "manufacturer": "Shelfwatch",
        },
    }
    return f"{prefix}/sensor/{name}/config", json.dumps(payload).encode()
