"""Global Trade Item Numbers (GS1 General Specifications, section 7.9: check digits)."""

from __future__ import annotations

GTIN_LENGTHS = (8, 12, 13, 14)


def check_digit(digits: str) -> int:
    """Return the GS1 check digit for ``digits`` (the number without its last digit)."""
    weighted = (int(d) * (3 if i % 2 == 0 else 1) for i, d in enumerate(reversed(digits)))
    return -sum(weighted) % 10


def gtin_fault(text: str) -> str:
    """Return what is wrong with ``text`` as a GTIN, or an empty string when it is valid."""
    if not text.isascii() or not text.isdigit():
        return "not all digits"
    if len(text) not in GTIN_LENGTHS:
        return f"{len(text)} digits"
    expected = check_digit(text[:-1])
    if int(text[-1]) != expected:
        return f"check digit {text[-1]} where {expected} belongs"
    return ""
