"""What nginx's configuration answers, held against a real nginx."""

from __future__ import annotations

import http.client
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from quilt_cfn.cloudformation.analysis.nginx import answer, parse
from tests.ports import reserved_ports

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
HOST = "10.0.1.23"

LOCATIONS = """
    location / { return 201; }
    location = /exact { return 202; }
    location /exact/deeper { return 203; }
    location ^~ /static/ { return 204; }
    location ~ \\.html$ { return 205; }
    location ~* /CASE/ { return 206; }
    location /nested/ {
      location /nested/inner { return 207; }
      location ~ ^/nested/(one|two)$ { return 208; }
      return 209;
    }
    location =/glued { return 210; }
    location ~^/also/glued { return 211; }
    location @named { return 212; }
"""
PATHS = (
    *(
        "/",
        "/exact",
        "/exact/",
        "/exact/deeper/still",
        "/static/a.html",
        "/a.html",
        "/case/a",
        "/nested/",
        "/nested/inner",
    ),
    *("/nested/one", "/nested/a.html", "/nested/inner.html", "/glued", "/also/glued", "/exact?query=/static/"),
)
SERVERS = {
    "locations": f"server {{ listen PORT; {LOCATIONS} }}",
    "the first is default": "server { listen PORT; server_name a; return 201; } server { listen PORT; return 202; }",
    "a default server": "server { listen PORT; return 201; } server { listen PORT default_server; return 202; }",
    "a pattern": 'server { listen PORT; return 201; } server { listen PORT; server_name a "~^[0-9.]+$"; return 202; }',
    "a name": f"server {{ listen PORT; server_name ~1; return 201; }}"
    f"server {{ listen *:PORT; server_name {HOST}; return 202; }}",
    "an address of IPv6": "server { listen [::1]:PORT; return 201; } server { listen 0.0.0.0:PORT; return 202; }",
    "returned before a location": "server { listen PORT; return 201; location = / { return 202; } }",
    "a condition that does not hold": "server { listen PORT; if ($arg_x) { return 201; } location / { return 202; } }",
    "nothing fits": "server { listen PORT; location /app { return 201; } }",
}
"""What it shows -> servers at one port."""

UNDECIDED = {
    "another server answers": "location / { proxy_pass http://127.0.0.1:9; }",
    "a file may be there": "root /srv;",
    "a variable": "set $code 201; return $code;",
    "an error's page": "error_page 404 =200 /ok; location / { return 404; } location = /ok { return 201; }",
    "a rewrite": "rewrite ^ /a last; location / { return 404; } location = /a { return 201; }",
    "an include": "include /etc/nginx/elsewhere/*; return 404;",
    "one address": f"listen {HOST}:80; return 404;",
    "a pattern of PCRE": "location ~ ^/(?<a>[a-z]++)$ { return 404; } location /a { return 201; }",
    "no server at the port": "listen 1; return 404;",
}
"""Why nobody can tell -> what is in the one server."""


def configuration(servers: str) -> str:
    return f"events {{}} http {{ {servers} }}"


@pytest.fixture(scope="module")
def reserved() -> Iterator[list[int]]:
    with reserved_ports(len(SERVERS)) as ports:
        yield ports


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, reserved: list[int]) -> Iterator[tuple[str, dict[str, int]]]:
    """The configuration of a running nginx with all servers, and the port of each case."""
    if not NGINX:
        pytest.skip("nginx is not installed")
    folder: Path = tmp_path_factory.mktemp("nginx")
    ports = dict(zip(SERVERS, reserved, strict=True))
    text = configuration("".join(text.replace("PORT", str(ports[name])) for name, text in SERVERS.items()))
    temporary = "".join(f"{each}_temp_path {folder};" for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    file = folder / "nginx.conf"
    own = f"error_log {folder}/error.log; pid {folder}/pid; daemon off; master_process off;"
    file.write_text(own + text.replace("http {", f"http {{ access_log off; {temporary}", 1))
    with subprocess.Popen([NGINX, "-p", str(folder), "-c", str(file)], stderr=subprocess.PIPE) as process:
        try:
            for _ in range(1200):
                with socket.socket() as client:
                    if client.connect_ex(("127.0.0.1", ports["locations"])) == 0 or process.poll() is not None:
                        break
                time.sleep(0.05)
            assert process.poll() is None, (process.stderr.read() if process.stderr else b"").decode()
            yield text, ports
        finally:
            process.terminate()


def asked(port: int, path: str) -> int:
    """The status with which the running nginx answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path, headers={"Host": f"{HOST}:{port}"})
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.parametrize("name", SERVERS)
def test_nginx_answers_what_the_analysis_says(running, name):
    text, ports = running
    for path in PATHS if name == "locations" else ("/ping",):
        found = answer({"/etc/nginx/nginx.conf": text}, ports[name], HOST, path)
        assert found, path
        assert (path, found.status) == (path, asked(ports[name], path))


@pytest.mark.parametrize("name", UNDECIDED)
def test_what_the_files_do_not_say_is_not_answered(name):
    text = configuration(f"server {{ {UNDECIDED[name]} }}")
    assert parse(text).faults == ()
    assert answer({"/etc/nginx/nginx.conf": text}, 80, HOST, "/ping") is None


def test_a_file_of_the_instance_that_is_included_is_read_in_its_place():
    main = configuration("include /etc/nginx/app.conf; server { listen 80; return 500; }")
    part = "server {\n  listen 80;\n  return 404;\n}"
    found = answer({"/etc/nginx/nginx.conf": main, "/etc/nginx/app.conf": part}, 80, HOST, "/")
    assert found == (404, "/etc/nginx/app.conf", 3)
    # There may be other files in a folder.
    main = main.replace("app.conf", "*.conf")
    assert answer({"/etc/nginx/nginx.conf": main, "/etc/nginx/app.conf": part}, 80, HOST, "/") is None


FAULTS = {
    "http {\n  server_tokens off\n  gzip on;\n}\n": 2,
    "http {\n  server {\n    listen 80;\n}\n": 4,
    "http {\n  gzip maybe;\n}\n": 2,
    "events {}\nhttp {\n  server { listen 80; lissten 81; }\n}\n": 3,
    "events {}\nproxy_pass http://a;\n": 2,
    "server {\n  location / { return 404; }\n  upstream a { server b; }\n}\n": 3,
    "http { server { listen 80; } }\nevents": 2,
}
"""A configuration that nginx refuses -> the line with the fault."""


@pytest.mark.parametrize("text", FAULTS)
def test_what_nginx_refuses_is_found_in_its_line(text, tmp_path):
    assert [line for line, _ in parse(text).faults] == [FAULTS[text]]
    if NGINX:
        file = tmp_path / "nginx.conf"
        file.write_text(text if "http {" in text or "events" in text else f"events {{}} http {{ {text} }}")
        assert subprocess.run([NGINX, "-t", "-q", "-c", file], capture_output=True, check=False).returncode != 0
