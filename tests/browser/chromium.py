"""Headless Chromium over the DevTools protocol, with WebGL in software."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.request import urlopen

import websocket

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless=new", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-gpu-sandbox",
    "--remote-debugging-port=0", "--hide-scrollbars", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions",
)  # fmt: skip


class Chromium:
    """A window of the browser. `events` holds what the page reported."""

    def __init__(self, width: int = 1440, height: int = 900) -> None:
        assert CHROMIUM is not None
        self._folder = tempfile.mkdtemp(prefix="sciencegen-chromium-")
        command = [
            CHROMIUM,
            *FLAGS,
            f"--user-data-dir={self._folder}",
            f"--window-size={width},{height}",
            "about:blank",
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.events: list[dict[str, Any]] = []
        self._number = 0
        try:
            self._socket = websocket.create_connection(self._address(), suppress_origin=True, timeout=120)
            for domain in ("Page", "Runtime", "Log", "Network"):
                self.call(f"{domain}.enable")
            size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
            size |= {"screenWidth": width, "screenHeight": height}
            self.call("Emulation.setDeviceMetricsOverride", **size)
        except BaseException:
            self.close()
            raise

    def _address(self) -> str:
        """The address of the first page's socket."""
        errors = self._process.stderr
        assert errors is not None
        line = next(line for line in errors if "DevTools listening on" in line)
        threading.Thread(target=errors.read, daemon=True).start()
        port = line.split()[-1].split(":")[2].split("/")[0]
        for _ in range(200):
            pages = [one for one in json.load(urlopen(f"http://127.0.0.1:{port}/json")) if one["type"] == "page"]
            if pages:
                return str(pages[0]["webSocketDebuggerUrl"])
            time.sleep(0.05)
        raise TimeoutError("no page")

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """One call of the protocol."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") == self._number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            self.events.append(message)

    def open(self, address: str) -> None:
        """Go to an address."""
        self.call("Page.navigate", url=address)

    def value(self, expression: str) -> Any:
        """The value of an expression on the page."""
        found = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(json.dumps(found["exceptionDetails"])[:1000])
        return found["result"].get("value")

    def wait(self, expression: str, seconds: float = 60) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.value(f"Boolean({expression})"):
                return
            time.sleep(0.02)
        raise TimeoutError(f"{expression}; {self.problems()}")

    def mouse(self, kind: str, x: float, y: float, **more: object) -> None:
        """An event of the mouse."""
        self.call("Input.dispatchMouseEvent", type=f"mouse{kind}", x=x, y=y, **more)

    def click(self, x: float, y: float) -> None:
        """A click at a place of the window."""
        self.mouse("Moved", x, y)
        self.mouse("Pressed", x, y, button="left", buttons=1, clickCount=1)
        self.mouse("Released", x, y, button="left", clickCount=1)

    def press(self, selector: str) -> None:
        """A click on an element."""
        self.wait(f"document.querySelector({selector!r}) && !document.querySelector({selector!r}).disabled")
        self.value(f"document.querySelector({selector!r}).scrollIntoView({{block: 'center'}})")
        box = self.value(f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])("
                         f"document.querySelector({selector!r}).getBoundingClientRect())")  # fmt: skip
        self.click(*box)

    def drag(self, places: list[tuple[float, float]], **more: object) -> None:
        """Drag over these places. modifiers: 8 is Shift."""
        self.mouse("Moved", *places[0], **more)
        self.mouse("Pressed", *places[0], button="left", buttons=1, clickCount=1, **more)
        for place in places[1:]:
            self.mouse("Moved", *place, button="left", buttons=1, **more)
        self.mouse("Released", *places[-1], button="left", clickCount=1, **more)

    def picture(self, path: Path) -> None:
        """Write a screenshot."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def problems(self) -> list[str]:
        """Exceptions and errors that the page reported, violations of its policy included."""
        self.value("1")
        found = []
        for event in self.events:
            if event["method"] == "Runtime.exceptionThrown":
                found.append(json.dumps(event["params"]["exceptionDetails"])[:600])
            if event["method"] == "Log.entryAdded" and event["params"]["entry"]["level"] == "error":
                found.append(event["params"]["entry"]["text"])
        return found

    def requests(self) -> list[str]:
        """Addresses of all requests."""
        self.value("1")
        sent = [one["params"]["request"]["url"] for one in self.events if one["method"] == "Network.requestWillBeSent"]
        return [address for address in sent if not address.startswith(("data:", "blob:"))]

    def close(self) -> None:
        """End the browser and remove its profile."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
