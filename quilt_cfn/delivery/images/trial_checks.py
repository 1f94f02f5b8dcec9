"""What images have to offer, each line of it as one fact that is tried: ``CHECKS``, in the order in which they are.

A check is a function of a ``Trial``. It returns a sentence about what fits, or raises ``Misfit``. A check that needs
what did not fit is not tried. docs/guide/open-source.md has the same list with the reasons.
"""

from __future__ import annotations

import email
import hashlib
import http.client
import json
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from quilt_cfn.delivery.images.trial_docker import Docker, Done
from quilt_cfn.delivery.images.trial_files import STAND_INS, TEAM_NAME, Files
from quilt_cfn.inputs.release import Release
from quilt_cfn.text import printable, shown

LOOK = (STAND_INS / "look.py").read_text(encoding="ascii")
ADMIN, MAIL, PASSWORD = "trial", "trial@example.com", "a long password"
_MIB = 1024 * 1024
_LARGEST_BODY = 75 * _MIB
_REQUIRED = "QUILT_SECRET_KEY"
"""The variable that is left out to see whether that is noticed: who knows it can log in as anybody."""
_LARGEST_ANSWER = 4 * _MIB
_JSON = {"Content-Type": "application/json"}


class Misfit(Exception):
    """What does not fit: a sentence, and one about what to do."""


class NotTried(Exception):
    """Why something could not be tried, in a sentence."""


class Answer(NamedTuple):
    """The answer to a request; status 0 without one."""

    status: int
    body: bytes = b""
    type: str = ""

    @property
    def json(self) -> Any:
        """The body as JSON; an empty map if it is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


class Trial(NamedTuple):
    """What runs: the images, and what stands for AWS around them."""

    docker: Docker
    release: Release
    """It has the images that are tried."""
    files: Files
    context: ssl.SSLContext
    """Trusts the trial's authority and nobody else."""
    script: Callable[..., Done]
    """script(NAME, ARGUMENT..., text=INPUT) runs one of the instance's scripts."""
    ports: dict[int, int]
    """Port of what stands for AWS -> port of this computer."""
    known: dict[str, Any]
    """What checks hand on to later ones."""

    def send(
        self,
        host: str,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        headers: Mapping[str, str] = {},
        port: int = 8443,
        seconds: float = 30,
    ) -> Answer:
        """Send a request as a client of the stack would; ``port`` is that of the service, as in ``ports``."""
        connection = http.client.HTTPSConnection(host, timeout=seconds)
        try:
            plain = socket.create_connection(("127.0.0.1", self.ports[port]), timeout=seconds)
            connection.sock = self.context.wrap_socket(plain, server_hostname=host)
            length = {"Content-Length": str(len(body))} if body or method == "PUT" else {}
            connection.request(method, path, body or None, {**length, **headers})
            reply = connection.getresponse()
            return Answer(reply.status, reply.read(_LARGEST_ANSWER), reply.headers.get("Content-Type", ""))
        except (OSError, ValueError, http.client.HTTPException):  # ValueError for names that are none
            return Answer(0)
        finally:
            connection.close()

    def ask(self, method: str, path: str, content: Any = None, token: str = "") -> Answer:
        """Ask the registry's API, with JSON and a login's token."""
        headers = {**_JSON, **({"Authorization": f"Bearer {token}"} if token else {})}
        body = b"" if content is None else json.dumps(content).encode()
        return self.send(self.files.registry_host, method, path, body, headers=headers)

    def health(self) -> int:
        """The status of the registry's health check."""
        return self.send(self.files.registry_host, "GET", "/healthcheck").status

    def processes(self) -> dict[str, Any]:
        """What look.py prints about the processes in the registry's container; empty if it can't."""
        return self.docker.python("registry", LOOK, "processes") or {}

    def told(self, kind: str) -> list[Any]:
        """What a service that stands for AWS has told, of one kind."""
        lines = [json.loads(line) for line in self.docker.logs("services").out.splitlines() if line.startswith("{")]
        return [line for line in lines if kind in line]

    def login(self, name: str, password: str) -> Answer:
        return self.ask("POST", "/api/login", {"username": name, "password": password})


def wait(fact: Callable[[], Any], seconds: float) -> Any:
    """What a function returns as soon as that is true; its last result after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (found := fact()) and time.monotonic() < deadline:
        time.sleep(0.3)
    return found


# What the images are


def platform(trial: Trial) -> str:
    for name, image in trial.release.images.items():
        found = trial.docker.inspect("image", image.reference)
        is_for = f"{found.get('Os')}/{found.get('Architecture')}"
        if is_for != trial.release.platform:
            raise Misfit(
                f"The image of {name} is for {shown(is_for)}, and the stack's instances are {trial.release.platform}. "
                f"Build it with docker build --platform {trial.release.platform}."
            )
    return f"All images are for {trial.release.platform}."


def system(trial: Trial) -> str:
    from quilt_cfn.image import check_image  # late: the others need nothing of the machine image

    ends = {(row["system"], row["version"]): row["ends"] for row in check_image.rows("ends_of_life.csv")}
    for name, image in trial.release.images.items():
        text = trial.docker.read_file(image.reference, ("/etc/os-release", "/usr/lib/os-release"), trial.files.folder)
        if not text:
            raise Misfit(
                f"The image of {name} does not say in /etc/os-release which operating system it has. "
                "Build it from the image of a distribution."
            )
        for fault in check_image.ended(check_image.system(text), "", "", ends, date.today()):
            raise Misfit(f"The system in the image of {name} is not supported: {shown(fault.sentence)}. {_BASE}")
    return "The operating system in each image is supported by those who make it."


_BASE = "Nobody repairs what is found in it: build the image from a base that is supported."


def programs(trial: Trial) -> str:
    image = trial.release.registry.reference
    done = trial.docker.run_once(image, "timeout", "60", "python3", "-c", LOOK, "image")
    try:
        trial.known["image"] = found = json.loads(done.out)
    except ValueError:
        raise Misfit(
            f"The registry's image does not run timeout 60 python3, as the boot does: {done.last_words}. It needs both "
            "programs on its PATH, and no ENTRYPOINT that keeps a command from running."
        ) from None
    if "services" in trial.known:
        raise trial.known["services"]
    if found["missing"]:
        missing = shown(", ".join(found["missing"]))
        raise Misfit(f"The registry's image lacks {missing}, which the boot runs in it. Install that in the image.")
    return "The registry's image has what the boot runs in it: python3 with SQLAlchemy, flask, id and timeout."


def user(trial: Trial) -> str:
    uid = trial.known["image"]["uid"]
    if uid == 0:
        raise Misfit("The registry's image runs as root. Let it run as a user of its own: USER in the Dockerfile.")
    return f"The registry does not run as root: its user has the number {uid}."


def folder(trial: Trial) -> str:
    found = trial.known["image"]
    where = shown(str(found["folder"]))
    if not found["create_admin"]:
        raise Misfit(
            f"There is no program scripts/create_admin.py in {where}, the registry image's working directory, where "
            "create_admin.sh runs it. Copy it there, executable, or set WORKDIR."
        )
    return f"The working directory {where} has scripts/create_admin.py."


# What the containers do


def migrations(trial: Trial) -> str:
    for step, sentence in (
        ("--create-database", "database.py can't make the registry's database over TLS in this image"),
        ("--migrate", "flask db upgrade, which migrates the database, fails in this image"),
    ):
        done = trial.script("start.sh", step, seconds=300)
        if done.code and not trial.docker.runs("database"):
            raise NotTried(f"PostgreSQL does not run: {trial.docker.logs('database').last_words}")
        if done.code:
            raise Misfit(f"{sentence}: {done.last_words}. Its working directory has to have what that command needs.")
    return "The database was made and migrated, over TLS with a verified certificate."


def start(trial: Trial) -> str:
    trial.files.write_environments(trial.ports[8443])
    done = trial.script("start.sh", seconds=120)
    if done.code:
        raise Misfit(
            f"start.sh can't start the containers: {done.last_words}. See the options that it gives docker run."
        )
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        for name in ("registry", "catalog", "registry-nginx"):
            if not trial.docker.runs(name) or trial.docker.restarts(name):
                raise Misfit(
                    f"The container {name} ends at once; it said: {trial.docker.logs(name).last_words}. "
                    "Its process has to stay in the foreground with the options and files of start.sh."
                )
        time.sleep(0.5)
    return "The three containers run with the options, files and variables of start.sh."


def protocol(trial: Trial) -> str:
    deadline = time.monotonic() + 60
    while (status := trial.health()) != 200:
        # It may still be starting; only nginx's own answers say so.
        said = trial.docker.python("services", _HTTP_ON_9000)
        if said == "HTTP":
            raise Misfit(
                "The registry speaks HTTP on port 9000, and nginx speaks uwsgi's protocol to it: use its socket."
            )
        if status not in (0, 502, 504) or time.monotonic() > deadline or trial.docker.restarts("registry"):
            nobody = "Nothing in the registry's container listens on 0.0.0.0:9000. " if said == "" else ""
            raise Misfit(
                f"{nobody}The registry answers GET /healthcheck with {status} instead of 200; it said: "
                f"{trial.docker.logs('registry').last_words}. All its variables are set, so see what else it misses."
            )
        time.sleep(0.5)
    return "The registry answers nginx in the uwsgi protocol on port 9000."


_HTTP_ON_9000 = """
import json, socket
try:
    with socket.create_connection(("registry", 9000), timeout=5) as server:
        server.settimeout(3)
        server.sendall(b"GET /healthcheck HTTP/1.0\\r\\n\\r\\n")
        try:
            found = "HTTP" if server.recv(4) == b"HTTP" else "other"
        except OSError:
            found = "other"
except OSError:
    found = ""
print(json.dumps(found))
"""


def openssl(trial: Trial) -> str:
    found = trial.processes().get("workers", [])
    if not found or any(worker["loaded"] is None for worker in found):
        raise NotTried("The first process of the registry's container has no children whose memory maps can be read.")
    for worker in found:
        names = {name.rpartition("/")[2] for name in worker["loaded"]}
        if worker["first"] and (len(worker["loaded"]) > 1 or not names <= set(worker["first"])):
            raise Misfit(
                f"uwsgi itself is linked with an OpenSSL ({shown(', '.join(worker['first']))}), and its process loads "
                f"another one ({shown(', '.join(worker['loaded']))}): a connection to the database may use the wrong "
                "one of both, and end the process. Build uwsgi without SSL, or psycopg2 with the same OpenSSL."
            )
    return "uwsgi brings no OpenSSL into the process in which psycopg2 has its own."


def login(trial: Trial) -> str:
    answer = trial.login("-", PASSWORD)
    if answer.status != 401:
        raise Misfit(
            f"The login of a user that does not exist is answered with {answer.status} instead of 401. With 5xx the "
            f"registry can't use its database; it said: {trial.docker.logs('registry').last_words}"
        )
    return "A wrong login is answered with 401: the registry asks its database, over TLS."


def body(trial: Trial) -> str:
    registry = trial.files.registry_host
    text = json.dumps({"username": "-", "password": PASSWORD}).encode()
    largest = text + b" " * (_LARGEST_BODY - len(text))
    answer = trial.send(registry, "POST", "/api/login", largest, headers=_JSON, seconds=120)
    if answer.status != 401:
        raise Misfit(
            f"A request of 75 MB, as large as nginx lets through, is answered with {answer.status} by the registry. "
            "Raise the limit of the image: pushes of large packages are such requests."
        )
    more = {**_JSON, "Content-Length": str(_LARGEST_BODY + 1)}
    refused = trial.send(registry, "POST", "/api/login", headers=more).status
    if refused != 413:
        raise Misfit(f"nginx answers a request of more than 75 MB with {refused} instead of 413. See nginx's image.")
    return "A request of 75 MB reaches the registry, and nginx refuses more."


def admin(trial: Trial) -> str:
    done = trial.script("create_admin.sh", text=f"{ADMIN}\n{MAIL}\n{PASSWORD}\n{PASSWORD}\n", seconds=120)
    if done.code or "Success." not in done.out:
        raise Misfit(
            "create_admin.sh creates no administrator: scripts/create_admin.py has to ask for user name, e-mail "
            f"address, password and password again, and to print Success. It said: {done.last_words}"
        )
    answer = trial.login(ADMIN, PASSWORD)
    if answer.status != 200 or not isinstance(answer.json.get("token"), str):
        raise Misfit(
            f"The administrator's login is answered with {answer.status} and without a token. "
            "Let scripts/create_admin.py and /api/login use the same users."
        )
    trial.known["token"] = answer.json["token"]
    return "create_admin.sh creates an administrator, who can log in."


def push(trial: Trial) -> str:
    """As a client does it: https://github.com/quiltdata/quilt/blob/2.9.15/compiler/quilt/tools/command.py"""
    content = b"a trial's package"
    blob = hashlib.sha256(content).hexdigest()
    contents = {"type": "ROOT", "children": {"file": {"type": "FILE", "hashes": [blob], "metadata": {}}}}
    path = f"/api/package/{ADMIN}/trial/{_package_hash('file', blob)}"
    package = {"description": "", "contents": contents, "sizes": {blob: len(content)}}
    asked = trial.ask("PUT", path, {**package, "dry_run": True}, trial.known["token"])
    head, put = (_text(asked.json, "upload_urls", blob, method) for method in ("head", "put"))
    if asked.status != 200 or not head or not put:
        raise Misfit(f"A push that asks for signed URLs is answered with {asked.status} and without them. {_API}")
    _check_signature(trial, put, 0)
    tries = [("HEAD", head, b"", 404), ("PUT", put, content, 200), ("HEAD", head, b"", 200)]
    for method, url, sent, expected in tries:
        _use(trial, method, url, sent, expected)
    pushed = trial.ask("PUT", path, package, trial.known["token"])
    if pushed.status != 200:
        raise Misfit(f"A push is answered with {pushed.status} after its files are in the bucket. {_API}")
    got = _text(trial.ask("GET", path, token=trial.known["token"]).json, "urls", blob)
    if not got or _use(trial, "GET", got, b"", 200).body != content:
        raise Misfit(f"An installation gets no URL under which S3 has what was pushed. {_API}")
    return "A package was pushed and installed: its URLs are signed with version 4, and HEAD, PUT and GET work."


_API = "The registry's API has to be that of Quilt 2.9, which its client speaks."


def _text(found: Any, *keys: str) -> str:
    """The text under these keys in what the registry answered; empty if there is none."""
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, str) else ""


def _package_hash(name: str, blob: str) -> str:
    """The hash of a package with one file: over its tree, in which each string has its length before it."""
    parts: list[str | int] = ["ROOT", 1, name, "FILE", 1, blob]
    packed = (struct.pack(">L", each) if isinstance(each, int) else _with_length(each) for each in parts)
    return hashlib.sha256(b"".join(packed)).hexdigest()


def _with_length(text: str) -> bytes:
    return struct.pack(">L", len(text)) + text.encode()


def _check_signature(trial: Trial, url: str, key: int) -> None:
    """A signed URL is for the trial's bucket, with version 4, and with the key of this number."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise Misfit(f"What the registry has for a signed URL is none: {shown(url)}. {_API}") from None
    query = parse_qs(parts.query)
    if "X-Amz-Signature" not in query:
        raise Misfit(
            "The URLs for S3 are signed with version 2, which S3 refuses for today's buckets. The registry's boto3 has "
            "to read the file AWS_CONFIG_FILE, which asks for version 4 (s3v4)."
        )
    host, name = parts.hostname or "", trial.files.s3_host
    if host != f"{trial.files.bucket}.{name}" and not (
        host == name and parts.path.startswith(f"/{trial.files.bucket}/")
    ):
        raise Misfit(
            f"The URLs for S3 lead to {shown(host)}: the registry has to use S3_ENDPOINT and PACKAGE_BUCKET_NAME."
        )
    expected = list(trial.files.keys)[key]
    if query.get("X-Amz-Credential", [""])[0].partition("/")[0] != expected:
        which = "the one from before the reload" if key else "not the one in its credentials file"
        raise Misfit(
            f"The registry signs URLs with another access key, {which}: it has to read AWS_SHARED_CREDENTIALS_FILE "
            "when uwsgi loads its application."
        )


def _use(trial: Trial, method: str, url: str, sent: bytes, expected: int) -> Answer:
    """Use a signed URL; S3 has to answer with the expected status."""
    parts = urlsplit(url)
    answer = trial.send(parts.hostname or "-", method, f"{parts.path}?{parts.query}", sent, port=443)
    if answer.status != expected:
        said = [line["s3"][3] for line in trial.told("s3")][-1:] or ["nothing"]
        raise Misfit(
            f"S3 answers {method} of a signed URL with {answer.status} instead of {expected} ({shown(said[0])}). "
            "The registry has to sign each method's URL with the access key that it is given, for the bucket's Region."
        )
    return answer


def mail(trial: Trial) -> str:
    answer = trial.ask("POST", "/api/reset_password", {"email": MAIL})
    sent = wait(
        lambda: [line for line in trial.told("mail") if MAIL in line["mail"]], 15 if answer.status == 200 else 0
    )
    if not sent:
        refused = [line["mail refused"] for line in trial.told("mail refused")][-1:]
        why = f" The mail service said: {shown(refused[0])}." if refused else ""
        raise Misfit(
            f"A forgotten password is answered with {answer.status}, and no mail goes out.{why} The registry has to "
            "use SMTP_HOST and SMTP_PORT with STARTTLS, and to log in as SMTP_USERNAME."
        )
    parts = email.message_from_string(sent[-1]["text"]).walk()
    texts = [part.get_payload(decode=True) for part in parts if not part.is_multipart()]
    if not any(isinstance(text, bytes) and trial.files.catalog_host.encode() in text for text in texts):
        raise Misfit(
            "The mail about a forgotten password has no link to the catalog: the registry has to use CATALOG_URL."
        )
    return "Mail goes out at port 587, with STARTTLS and a login."


def catalog(trial: Trial) -> str:
    for path in ("/", "/package/any/name"):
        answer = trial.send(trial.files.catalog_host, "GET", path)
        if answer.status != 200 or not answer.type.startswith("text/html"):
            raise Misfit(
                f"The catalog answers {path} with {answer.status} ({shown(answer.type) or 'no type'}) instead of its "
                "page. It has to listen on port 80, and to give index.html for any path."
            )
    return "The catalog answers on port 80, with its page for any path."


def catalog_values(trial: Trial) -> str:
    answer = trial.send(trial.files.catalog_host, "GET", "/config.js")
    text = answer.body.decode(errors="replace")
    expected = {
        "REGISTRY_URL": f"https://{trial.files.registry_host}:{trial.ports[8443]}",
        "TEAM_ID": trial.files.environments["catalog"]["TEAM_ID"],
        "TEAM_NAME": TEAM_NAME,
    }
    strings = set(re.findall(r"'([^'\\\n]*)'", text)) | set(re.findall(r'"([^"\\\n]*)"', text))
    for name, value in expected.items():
        if value not in strings:
            raise Misfit(
                f"The catalog's /config.js does not have the value of {name} as the environment has it. "
                "The image has to write that file when it starts, and to leave the values as they are."
            )
    return "The catalog hands the values of its environment on as they are."


# What the containers live through


def restart(trial: Trial) -> str:
    docker = trial.docker
    before = docker.address("registry")
    docker.require("stop", "-t", "10", docker.container("registry"))
    # Somebody else gets the address meanwhile.
    wait_long = "import time; time.sleep(600)"
    docker.start("placeholder", "--entrypoint", "python3", trial.release.registry.reference, "-c", wait_long)
    docker.require("start", docker.container("registry"))
    wait(lambda: trial.health() == 200 or docker.restarts("registry"), 60)
    after = docker.address("registry")
    docker.require("rm", "--force", docker.container("placeholder"))
    if trial.health() != 200:
        raise Misfit(
            "The registry's container does not answer after it was stopped and started; it said: "
            f"{docker.logs('registry').last_words}. Nothing that a start leaves behind may keep the next from starting."
        )
    if after in ("", before):
        raise NotTried("Docker gave the registry's container the same address again.")
    return "The registry's container was stopped and started, with another address, and is found by nginx."


def reload(trial: Trial) -> str:
    before = trial.processes()
    if not before.get("takes_hangup"):
        raise Misfit(_RELOAD)
    old = _numbers(before)
    answers: list[tuple[int, int]] = []
    done = threading.Event()

    def client() -> None:
        while not done.is_set():
            answers.append((trial.health(), 200))
            answers.append((trial.login("-", PASSWORD).status, 401))

    clients = [threading.Thread(target=client, daemon=True) for _ in range(3)]
    for each in clients:
        each.start()
    try:
        trial.files.use_key(1)
        trial.docker.require("kill", "--signal", "HUP", trial.docker.container("registry"))
        others = wait(lambda: (now := _numbers(trial.processes())) and not now & old, 90)
        time.sleep(1)
    finally:
        done.set()
        for each in clients:
            each.join()
    if not others:
        raise Misfit(_RELOAD)
    lost = [status for status, expected in answers if status != expected]
    if lost:
        raise Misfit(
            f"Of {len(answers)} requests during a reload {len(lost)} were not answered as before, the first with "
            f"{lost[0]}. uwsgi has to reload gracefully, in which its workers end after their requests."
        )
    return f"SIGHUP to uwsgi's master replaced its workers, and all of {len(answers)} requests meanwhile were answered."


_RELOAD = (
    "SIGHUP to the first process of the registry's container does not replace uwsgi's workers, and so renewed "
    "credentials are never read. That process has to be uwsgi's master: no shell before it, and master = true."
)


def _numbers(processes: dict[str, Any]) -> set[str]:
    return {worker["pid"] for worker in processes.get("workers", [])}


def new_key(trial: Trial) -> str:
    blob = hashlib.sha256(b"").hexdigest()
    contents = {"type": "ROOT", "children": {"file": {"type": "FILE", "hashes": [blob], "metadata": {}}}}
    path = f"/api/package/{ADMIN}/another/{_package_hash('file', blob)}"
    package = {"description": "", "contents": contents, "sizes": {blob: 0}, "dry_run": True}
    asked = trial.ask("PUT", path, package, trial.known["token"])
    _check_signature(trial, _text(asked.json, "upload_urls", blob, "put"), 1)
    return "After the reload URLs are signed with the access key that the credentials file has now."


def variables(trial: Trial) -> str:
    trial.files.write_environments(trial.ports[8443], without=_REQUIRED)
    trial.script("start.sh", seconds=120)
    known = wait(lambda: (found := trial.health()) not in (0, 502, 503, 504) and found, 20)
    trial.files.write_environments(trial.ports[8443])
    if known == 200:
        raise Misfit(
            f"The registry starts without {_REQUIRED}: with one of the image's own, whoever has the image can log in "
            "as anybody. Take it out of the image."
        )
    return f"Without {_REQUIRED} the registry does not call itself healthy."


class Check(NamedTuple):
    """One line of the list."""

    name: str
    try_it: Callable[[Trial], str]
    needs: tuple[str, ...] = ()
    """The checks without which it can't be tried."""


CHECKS = (
    Check("platform", platform),
    Check("system", system),
    Check("programs", programs),
    Check("user", user, ("programs",)),
    Check("folder", folder, ("programs",)),
    Check("migrations", migrations, ("programs",)),
    Check("start", start, ("programs",)),
    Check("catalog", catalog, ("start",)),
    Check("catalog-values", catalog_values, ("catalog",)),
    Check("protocol", protocol, ("start",)),
    Check("openssl", openssl, ("protocol",)),
    Check("login", login, ("protocol", "migrations")),
    Check("body", body, ("login",)),
    Check("admin", admin, ("login", "folder")),
    Check("mail", mail, ("admin",)),
    Check("push", push, ("admin",)),
    Check("reload", reload, ("login",)),
    Check("new-key", new_key, ("push", "reload")),
    Check("restart", restart, ("protocol",)),
    Check("variables", variables, ("restart",)),
)
"""All of them."""


class Fact(NamedTuple):
    """What became of a check."""

    name: str
    state: str
    """``fits``, ``does not fit`` or ``not tried``."""
    sentence: str

    def __str__(self) -> str:
        return printable(f"{self.state}: {self.name}: {self.sentence}")


def try_all(trial: Trial) -> Iterator[Fact]:
    """Every check, one after the other."""
    fits: set[str] = set()
    for check in CHECKS:
        lacking = [name for name in check.needs if name not in fits]
        if lacking:
            yield Fact(check.name, "not tried", f"It needs what {lacking[0]} is about.")
            continue
        try:
            sentence = check.try_it(trial)
        except Misfit as misfit:
            yield Fact(check.name, "does not fit", str(misfit))
        except NotTried as reason:
            yield Fact(check.name, "not tried", str(reason))
        else:
            fits.add(check.name)
            yield Fact(check.name, "fits", sentence)
