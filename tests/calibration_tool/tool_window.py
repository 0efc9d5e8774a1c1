"""What a test does in the tool's page: it taps, drags and types as an installer would."""

from __future__ import annotations

from collections.abc import Callable

from browser import Browser, wait_until

SCORED = "return document.querySelector('#score [data-verdict]:not([data-verdict=\"\"])')"
KEYS = {"ArrowRight": 39, "ArrowLeft": 37, "ArrowUp": 38, "ArrowDown": 40, "z": 90, "Tab": 9}


class Window:
    """The page of one camera; ``interactions`` counts taps, drags and keys."""

    def __init__(self, browser: Browser, patience_secs: float = 90.0) -> None:
        self.browser = browser
        self._patience_secs = patience_secs
        self.interactions = 0

    def enter(self, link: str, name: str) -> None:
        """Open the link and say a name."""
        self.browser.open(link)
        self.browser.script("document.querySelector('#name').value = arguments[0]", name)
        self.interactions += 1
        self.tap(".door .primary")
        self.wait("return document.querySelector('#gate')?.children.length > 0")

    def wait(self, text: str, *arguments: object) -> object:
        """Return what a function body returns as soon as that is true, however slow the machine."""
        return self.browser.wait_for(text, *arguments, timeout_secs=self._patience_secs)

    def wait_until(self, is_true: Callable[[], object]) -> None:
        """Return as soon as ``is_true`` says so."""
        wait_until(is_true, self._patience_secs)

    def tap(self, selector: str) -> None:
        """Tap the middle of the first match, once it can be tapped and nothing lies over it."""
        self.interactions += 1
        self.wait(
            "const e = document.querySelector(arguments[0]);"
            "if (!e || e.disabled || e.closest('[hidden]')) return false;"
            "e.scrollIntoView({block: 'center', behavior: 'instant'});"
            "const b = e.getBoundingClientRect();"
            "const top = document.elementFromPoint(b.x + b.width / 2, b.y + b.height / 2);"
            "if (!e.contains(top)) return false;"
            "e.click(); return true",
            selector,
        )

    def middle(self, selector: str) -> tuple[float, float]:
        """Scroll the first match into view and return its middle in CSS px."""
        at = self.browser.script(
            "const e = document.querySelector(arguments[0]);"
            "e.scrollIntoView({block: 'center', behavior: 'instant'});"
            "const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]",
            selector,
        )
        return at[0], at[1]

    def drag(self, selector: str, by: tuple[float, float], steps: int = 4) -> None:
        """Drag the first match by some CSS px."""
        self.interactions += 1
        x, y = self.middle(selector)
        self._mouse("mousePressed", x, y)
        for step in range(1, steps + 1):
            self._mouse("mouseMoved", x + by[0] * step / steps, y + by[1] * step / steps, 1)
        self._mouse("mouseReleased", x + by[0], y + by[1])

    def key(self, key: str, modifiers: int = 0) -> None:
        """Press a key; ``modifiers``: 2 is Ctrl, 8 is Shift."""
        self.interactions += 1
        code = KEYS[key]
        for kind in ("rawKeyDown", "keyUp"):
            self.browser.devtools(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                modifiers=modifiers,
                windowsVirtualKeyCode=code,
            )

    def choose(self, selector: str, value: str) -> None:
        """Choose an option."""
        self.interactions += 1
        self.browser.script(
            "const e = document.querySelector(arguments[0]); e.value = arguments[1];"
            "e.dispatchEvent(new Event('change', {bubbles: true}))",
            selector,
            value,
        )

    def wait_for_score(self) -> str:
        """Return the bay's verdict, once it is that of the draft as it is."""
        self.wait(SCORED)
        return str(
            self.browser.script(
                "return document.querySelector('#score [data-verdict]').dataset.verdict"
            )
        )

    def handle_at(self, key: str) -> tuple[float, float]:
        """Return where a handle is, in units of its view."""
        at = self.browser.script(
            "const m = document.querySelector(`.handle[data-key='${arguments[0]}']`)"
            ".transform.baseVal[0].matrix; return [m.e, m.f]",
            key,
        )
        return at[0], at[1]

    def _mouse(self, kind: str, x: float, y: float, buttons: int = 0) -> None:
        held = (
            {"button": "left"} if kind != "mouseMoved" else {"button": "left", "buttons": buttons}
        )
        self.browser.devtools(
            "Input.dispatchMouseEvent",
            type=kind,
            x=x,
            y=y,
            clickCount=1,
            pointerType="mouse",
            **held,
        )
