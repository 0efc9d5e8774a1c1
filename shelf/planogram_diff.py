"""What changes from one version of a planogram to another."""

from __future__ import annotations

from shelf.planogram import PlannedSlot, Planogram

_COMPARED = (
    "facings_wide",
    "facings_high",
    "min_facings",
    "priority",
    "x_mm",
    "y_mm",
    "width_mm",
    "height_mm",
    "substitutes",
    "name",
    "gtin",
)


def diff_planograms(old: Planogram, new: Planogram) -> list[dict[str, str]]:
    """Return ``{"slot", "what"}`` for each slot that is added, removed or differs, in order."""
    before = {slot.id: slot for slot in old.slots}
    after = {slot.id: slot for slot in new.slots}
    changes = []
    for slot_id in sorted(before.keys() | after.keys()):
        what = _what(before.get(slot_id), after.get(slot_id))
        if what:
            changes.append({"slot": str(slot_id), "what": what})
    return changes


def _what(old: PlannedSlot | None, new: PlannedSlot | None) -> str:
    if new is None:
        assert old is not None
        return f"removed ({old.name})"
    if old is None:
        return f"added: {new.name}, {new.facings} facings"
    if old.sku != new.sku:
        return f"{old.name} gives way to {new.name}"
    parts = [
        f"{field} {getattr(old, field)} -> {getattr(new, field)}"
        for field in _COMPARED
        if getattr(old, field) != getattr(new, field)
    ]
    return ", ".join(parts)
