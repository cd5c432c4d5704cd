"""A server on this machine that hands out a folder over HTTP, and keeps what it was asked for."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit


@dataclass
class WebServer:
    """By path of an address: ETags, redirections, statuses; and paths whose answer breaks off, or lacks the time."""

    folder: Path
    url: str = ""
    asked: list[str] = field(default_factory=list)
    etags: dict[str, str] = field(default_factory=dict)
    redirected: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    unmarked: set[str] = field(default_factory=set)


class _Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, server: WebServer, *arguments):
        self.of = server
        super().__init__(*arguments, directory=str(server.folder))

    def send_head(self):
        path = urlsplit(self.path).path
        self.of.asked.append(f"{self.command} {path}")
        if path in self.of.redirected:
            self.send_response(302)
            self.send_header("Location", self.of.redirected[path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        if path in self.of.statuses:
            self.send_error(self.of.statuses[path])
            return None
        return super().send_head()

    def end_headers(self):
        if tag := self.of.etags.get(urlsplit(self.path).path):
            self.send_header("ETag", f'"{tag}"')
        super().end_headers()

    def send_header(self, keyword, value):
        if keyword != "Last-Modified" or urlsplit(self.path).path not in self.of.unmarked:
            super().send_header(keyword, value)

    def copyfile(self, source, outputfile):
        if urlsplit(self.path).path in self.of.broken:
            outputfile.write(source.read(20))
            self.close_connection = True
        else:
            super().copyfile(source, outputfile)

    def log_message(self, *_):
        pass


@contextmanager
def web_server(folder: Path) -> Iterator[WebServer]:
    found = WebServer(folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, found)) as server:
        found.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield found
        server.shutdown()
        thread.join()
