"""The files that are installed on the instance; the scripts run with stand-ins for what they call."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from quilt_cfn import instance

FOLDER = Path(instance.__file__).parent
CHECKOUT = FOLDER.parent.parent
SHELL = [
    path
    for folder in (
        FOLDER,
        CHECKOUT / "bin",
        CHECKOUT / ".ci",
        CHECKOUT / "tests/boot",
        CHECKOUT / "tests/boot/stand_ins",
        CHECKOUT / "quilt_cfn/delivery/images/stand_ins",
        CHECKOUT / "tests/delivery/images",
    )
    for path in sorted(folder.iterdir())
    if path.is_file() and path.read_text().startswith(("#!/bin/bash", "#!/bin/sh"))
]
DELIVERED = (*instance.FILES, instance.ROTATE_KEY)
UNITS = [file for file in DELIVERED if file.path.startswith("/etc/systemd/system/")]
IN_THE_IMAGE = [FOLDER / "database.py", FOLDER / "try_mail.py"]
PYTHON = [path for path in sorted(FOLDER.glob("*.py")) if path not in (FOLDER / "__init__.py", *IN_THE_IMAGE)]


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_finds_nothing():
    assert {"start.sh", "boot", "set-up", "run", "instance.sh"} < {path.name for path in SHELL}
    done = subprocess.run(["shellcheck", "--external-sources", *SHELL], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("unit", UNITS, ids=lambda file: file.source)
def test_systemd_reads_the_unit_as_it_is_delivered(tmp_path, unit):
    path = tmp_path / Path(unit.path).name
    path.write_text(unit.text)
    done = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: path.name)
def test_python_is_that_of_amazon_linux(path):
    """Amazon Linux 2023's own interpreter is 3.9, and it has no packages but the standard library."""
    tree = ast.parse(path.read_text(), feature_version=(3, 9))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported - {"configure", "ship_log"} <= sys.stdlib_module_names | {"urllib.request"}


@pytest.mark.parametrize("path", IN_THE_IMAGE, ids=lambda path: path.name)
def test_what_runs_in_the_registrys_image_needs_nothing_but_what_that_has(path):
    """It is made from Ubuntu 16.04, whose Python is 3.5, and has SQLAlchemy.

    https://github.com/quiltdata/quilt/blob/0339d6c039e735e5dca5372fe4bb5f1280b46b35/registry/Dockerfile
    """
    tree = ast.parse(path.read_text(), feature_version=(3, 5))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= sys.stdlib_module_names | {"email.utils", "sqlalchemy", "sqlalchemy.exc"}


def test_every_file_says_what_it_is_for():
    for path in FOLDER.iterdir():
        if path.is_file():
            first, *rest = path.read_text().splitlines()
            purpose = rest[0] if first.startswith("#!") else first
            assert purpose.startswith(("# ", '"""')), path.name


def test_every_file_is_delivered():
    delivered = {file.source for file in DELIVERED} | {"user-data.sh", "__init__.py"}
    assert {path.name for path in FOLDER.iterdir() if path.is_file()} == delivered


@pytest.mark.parametrize("file", DELIVERED, ids=lambda file: file.source)
def test_without_comments_a_file_has_every_other_line_and_still_says_what_it_is_for(file):
    source = file.text.splitlines()
    bare = instance.without_comments(file.text).splitlines()
    head = next((number for number, line in enumerate(source) if not line.startswith("#")), 0)
    assert bare == [*source[:head], *(line for line in source[head:] if not line.lstrip().startswith("#"))]


def test_every_path_that_the_boot_runs_is_delivered():
    delivered = {file.path for file in DELIVERED}
    text = instance.read("boot") + instance.read("user-data.sh") + "".join(unit.text for unit in UNITS)
    named = set(re.findall(r"(?:/opt/quilt|/home/ec2-user)/[\w.-]+", text))
    assert named - {"/opt/quilt/catalog-log", "/opt/quilt/state", "/opt/quilt/image-release"} <= delivered
    assert "/opt/quilt/steps.sh" in named


def test_every_step_without_a_command_is_one_of_steps_sh():
    named = set(re.findall(r"(?m)\bstep ([a-z-]+) \d+$", instance.read("boot")))
    there = set(re.findall(r"(?m)^([a-z-]+)\)", instance.read("steps.sh")))
    assert named
    assert named <= there
    units = "".join(unit.text for unit in UNITS)
    called = units + instance.read("steps.sh").replace('"$0"', "steps.sh")
    assert there - named == set(re.findall(r"steps\.sh ([a-z-]+)", called))


def test_the_administrators_guide_explains_every_step_of_the_boot():
    guide = (CHECKOUT / "docs/guide/instance.md").read_text()
    rows = re.findall(r"^\| (`.*`) \| .* \| .* \|$", guide, re.MULTILINE)
    explained = {step for row in rows for step in re.findall(r"`([a-z-]+)`", row)}
    before_and_after = {"say-starting", "fetch-files", "signal"}
    assert explained == before_and_after | set(re.findall(r"\bstep ([a-z-]+) \d", instance.read("boot")))


DEADLINES = {name: int(deadline) for name, deadline in re.findall(r"\bstep ([a-z-]+) (\d+)\b", instance.read("boot"))}


# nginx


def rendered_nginx(catalog="quilt.example.com", registry="quilt-registry.example.com"):
    text = instance.read("nginx.conf").replace("@RESOLVER@", "127.0.0.1")
    return text.replace("@CATALOG_HOST@", catalog).replace("@REGISTRY_HOST@", registry)


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
@pytest.mark.parametrize("length", [13, 40, 128])
def test_nginx_takes_its_configuration_with_hosts_of_any_length(tmp_path, length):
    label = "a" * 60
    host = f"{label}.{label}.{'b' * length}"[: length - 4].rstrip(".") + ".com"
    path = tmp_path / "nginx.conf"
    path.write_text(rendered_nginx(catalog=host, registry=f"r{host[1:]}"))
    done = subprocess.run(["nginx", "-t", "-c", path, "-p", tmp_path], capture_output=True, text=True, check=False)
    # Not "test is successful": that needs folders which only root may make.
    assert "syntax is ok" in done.stderr, done.stderr


# start.sh

DOCKER = (
    f"#!{sys.executable} -SE\n"
    + """\
import json, os, sys
root = os.environ["STAND_IN"]
names = [word[6:] for word in sys.argv if word.startswith("--env=")]
with open(f"{root}/docker.log", "a") as log:
    environment = {name: os.environ.get(name) for name in names}
    print(json.dumps({"arguments": sys.argv[1:], "environment": environment}), file=log)
if sys.argv[1] == "wait":
    path = f"{root}/exit-code"
    print(open(path).read() if os.path.exists(path) else 0)
if sys.argv[1:3] == ["image", "inspect"] and not os.path.exists(f"{root}/images"):
    sys.exit(1)
if sys.argv[1] == "pull":
    with open(f"{root}/refused-pulls", "a+") as file:
        file.seek(0)
        refused = file.read().split()
        file.truncate(0)
        file.write(" ".join(refused[1:]))
    sys.exit(f"toomanyrequests: {refused[0]}" if refused else 0)
"""
)
HOSTILE = {
    "registry": {"TEAM_NAME": "Müller & Söhne", "SMTP_PASSWORD": "it's $(touch x) `id` \\ \"", "EMPTY": ""},
    "catalog": {"REGISTRY_URL": "https://quilt-registry.example.com"},
    "database": {"ADMIN_DATABASE_URI": "postgresql://quilt:it's@10.42.1.10/postgres?", "DATABASE_PASSWORD": "$(x)"},
    "stack": {
        "REGISTRY_IMAGE": "registry:1",
        "CATALOG_IMAGE": "catalog:1",
        "NGINX_IMAGE": "nginx:1",
        "CATALOG_HOST": "quilt.example.com",
        "REGISTRY_HOST": "quilt-registry.example.com",
        "SITES_PORT": "80",
        "REDIRECT_PORT": "8080",
    },
}


class Home:
    """An administrator's home with start.sh, its environment files and a docker that records its calls."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "env").mkdir()
        (folder / "bin").mkdir()
        for name in ("start.sh", "create_admin.sh"):
            shutil.copy(FOLDER / name, folder / name)
        for name, values in HOSTILE.items():
            quoted = {key: value.replace("'", "'\\''") for key, value in values.items()}
            (folder / "env" / name).write_text("".join(f"export {key}='{value}'\n" for key, value in quoted.items()))
        self.program("docker", DOCKER)
        self.program("sudo", f'#!/bin/sh\necho "$@" >>{folder}/sudo.log\n')
        self.program("sleep", f'#!/bin/sh\necho "$@" >>{folder}/sleep.log\n')

    def program(self, name, text):
        (self.folder / "bin" / name).write_text(text)
        (self.folder / "bin" / name).chmod(0o755)

    def run(self, script, *arguments):
        environment = {"PATH": f"{self.folder}/bin:{os.environ['PATH']}", "STAND_IN": str(self.folder)}
        return subprocess.run(
            ["bash", self.folder / script, *arguments],
            env=environment,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )

    def calls(self, *beginning):
        log = (self.folder / "docker.log").read_text()
        calls = [json.loads(line) for line in log.splitlines()]
        return [call for call in calls if call["arguments"][: len(beginning)] == list(beginning)]


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def started(home):
    return {call["arguments"][call["arguments"].index("--name") + 1]: call for call in home.calls("run")}


def test_start_replaces_and_starts_the_three_documented_containers(home):
    done = home.run("start.sh")
    assert done.returncode == 0, done.stderr
    assert list(started(home)) == ["registry", "catalog", "registry-nginx"]
    assert [call["arguments"][-1] for call in home.calls("rm")] == ["registry", "catalog", "registry-nginx"]
    for call in started(home).values():
        words = " ".join(call["arguments"])
        assert "--network quilt" in words
        assert "--restart unless-stopped" in words


def test_variables_reach_the_containers_exactly_and_are_no_arguments(home):
    home.run("start.sh")
    containers = started(home)
    assert containers["registry"]["environment"] == HOSTILE["registry"]
    assert containers["catalog"]["environment"] == HOSTILE["catalog"]
    shown = str([call["arguments"] for call in home.calls()])
    assert not [value for value in HOSTILE["registry"].values() if value and value in shown]
    assert not (home.folder / "x").exists()


def test_only_the_registry_gets_credentials(home):
    home.run("start.sh")
    mounted = {name for name, call in started(home).items() if "/opt/quilt/aws" in str(call["arguments"])}
    assert mounted == {"registry"}


@pytest.mark.parametrize(("swap", "both"), [(0, 1692800), (4194304, 5887104)])
def test_the_registry_has_all_swap_and_all_memory_but_what_the_rest_needs_and_is_what_the_kernel_ends(home, swap, both):
    """Eight pushes of 70 MB at once took 4.8 GB; with 1.6 GB of memory and 4 GiB of swap none was lost."""
    (home.folder / "meminfo").write_text(f"MemTotal: 2000000 kB\nMemFree: 5 kB\nSwapTotal: {swap} kB\nSwapFree: 1 kB\n")
    text = (home.folder / "start.sh").read_text()
    (home.folder / "start.sh").write_text(text.replace("/proc/meminfo", f"{home.folder}/meminfo"))
    home.run("start.sh")
    containers = {name: dict(pairwise(call["arguments"])) for name, call in started(home).items()}
    assert containers["registry"]["--memory"] == "1692800k"
    assert containers["registry"]["--memory-swap"] == f"{both}k"
    assert int(containers["registry"]["--oom-score-adj"]) > 0
    assert not [name for name in ("catalog", "registry-nginx") if "--oom-score-adj" in containers[name]]


def test_images_that_are_there_are_not_fetched(home):
    (home.folder / "images").touch()
    home.run("start.sh")
    assert home.calls("pull") == []


def test_missing_images_are_fetched_before_anything_stops(home):
    home.run("start.sh")
    verbs = [call["arguments"][0] for call in home.calls()]
    assert verbs.count("pull") == 3
    assert max(place for place, verb in enumerate(verbs) if verb == "pull") < verbs.index("rm")


def test_the_classic_mistake_in_the_environment_file_is_named(home):
    with (home.folder / "env/registry").open("a") as file:
        file.write("AWS_SECRET_KEY=x\n")
    done = home.run("start.sh")
    assert done.returncode == 1
    assert "rename it to AWS_SECRET_ACCESS_KEY" in done.stderr


def test_an_edited_line_without_export_is_passed_on_too(home):
    with (home.folder / "env/registry").open("a") as file:
        file.write('SMTP_HOST="smtp.example.com"\n# a comment\n')
    home.run("start.sh")
    assert started(home)["registry"]["environment"]["SMTP_HOST"] == "smtp.example.com"


def test_a_download_that_is_refused_for_a_while_is_tried_again(home):
    """Docker Hub limits how much an address downloads: toomanyrequests, which is HTTP's 429."""
    (home.folder / "refused-pulls").write_text("a b c d e")
    done = home.run("start.sh", "--fetch")
    assert done.returncode == 0, done.stderr
    assert len(home.calls("pull")) == 5 + 3
    assert (home.folder / "sleep.log").read_text().split() == ["4", "8", "16", "32", "60"]


def test_a_download_that_is_always_refused_fails(home):
    (home.folder / "refused-pulls").write_text("x " * 20)
    done = home.run("start.sh", "--fetch")
    assert done.returncode == 1
    assert "The image registry:1 can't be downloaded" in done.stderr
    assert len(home.calls("pull")) == 6


ECR = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"
TOKEN = "token-of-the-instances-role"
DOCKER_WITH_A_LOGIN = """\
#!/bin/bash
case $1 in
login)
  cat >"$DOCKER_CONFIG/config.json"
  stat --format "%n %a" "$DOCKER_CONFIG" >>"$STAND_IN/folders"
  echo "WARNING: it is in $DOCKER_CONFIG" >&2
  ;;
pull)
  echo "${*: -1} $(cat "${DOCKER_CONFIG:-/nowhere}/config.json")" >>"$STAND_IN/pulled"
  [ ! -e "$STAND_IN/denied" ] || exit 1
  ;;
esac 2>/dev/null
exec "$STAND_IN/bin/recorder" "$@"
"""


@pytest.fixture
def with_ecr(home):
    """The images of registry and catalog are in ECR; aws and docker write down what they get."""
    stack = (home.folder / "env/stack").read_text()
    stack = stack.replace("'registry:1'", f"'{ECR}/team/registry:1'").replace("'catalog:1'", f"'{ECR}/catalog:1'")
    (home.folder / "env/stack").write_text(stack)
    home.program("recorder", DOCKER)
    home.program("docker", DOCKER_WITH_A_LOGIN)
    home.program(
        "aws", f'#!/bin/sh\nenv >>{home.folder}/aws.environment; echo "$@" >>{home.folder}/aws.log; echo {TOKEN}\n'
    )
    return home


def test_an_image_in_ecr_is_downloaded_with_a_token_of_the_role(with_ecr):
    done = with_ecr.run("start.sh", "--fetch")
    assert done.returncode == 0, done.stderr
    asked = (with_ecr.folder / "aws.log").read_text().splitlines()
    assert [line.split()[:4] for line in asked] == [["ecr", "get-login-password", "--region", "eu-west-1"]] * 2
    logins = [call["arguments"] for call in with_ecr.calls("login")]
    assert logins == [["login", "--username", "AWS", "--password-stdin", ECR]] * 2
    pulled = (with_ecr.folder / "pulled").read_text().splitlines()
    assert pulled == [f"{ECR}/team/registry:1 {TOKEN}", f"{ECR}/catalog:1 {TOKEN}", "nginx:1 "]


def test_the_token_is_no_argument_and_in_no_log(with_ecr):
    done = with_ecr.run("start.sh", "--fetch")
    assert TOKEN not in str([call["arguments"] for call in with_ecr.calls()]) + done.stdout + done.stderr


@pytest.mark.parametrize("denied", [False, True])
def test_the_token_is_where_nobody_else_can_read_it_and_is_gone_afterwards(with_ecr, denied):
    if denied:
        (with_ecr.folder / "denied").touch()
    assert with_ecr.run("start.sh", "--fetch").returncode == denied
    folders = [line.split() for line in (with_ecr.folder / "folders").read_text().splitlines()]
    assert len(folders) == (6 if denied else 2)
    assert {mode for _, mode in folders} == {"700"}
    assert not [folder for folder, _ in folders if Path(folder).exists()]


@pytest.mark.parametrize("ends", ["timeout 1", "timeout --signal INT 1"])
def test_the_token_is_gone_when_the_download_is_ended(with_ecr, ends):
    hang = '[ "$1" != pull ] || exec /bin/sleep 600\n'
    with_ecr.program("docker", DOCKER_WITH_A_LOGIN.replace("exec ", f"{hang}exec "))
    with_ecr.program("killed-start", f"#!/bin/sh\nexec {ends} bash {with_ecr.folder}/start.sh --fetch\n")
    done = with_ecr.run("bin/killed-start")
    assert done.returncode != 0
    (folder,) = [line.split()[0] for line in (with_ecr.folder / "folders").read_text().splitlines()]
    assert not Path(folder).exists()


def test_without_a_place_for_the_token_there_is_none(with_ecr):
    with_ecr.program("mktemp", "#!/bin/sh\necho 'mktemp: No space left on device' >&2; exit 1\n")
    done = with_ecr.run("start.sh", "--fetch")
    assert done.returncode == 1
    assert not (with_ecr.folder / "aws.log").exists()
    assert with_ecr.calls("login") == []


def test_other_registries_are_asked_with_the_administrators_own_configuration_of_docker(with_ecr):
    """Who has logged in to Docker Hub on the instance downloads as that."""
    with_ecr.program(
        "docker", '#!/bin/sh\n[ "$1" != pull ] || echo "${DOCKER_CONFIG-own}" >>"$STAND_IN/used"\n[ "$1" != image ]\n'
    )
    assert with_ecr.run("start.sh", "--fetch").returncode == 0
    *in_ecr, nginx = (with_ecr.folder / "used").read_text().split()
    assert nginx == "own"
    assert "own" not in in_ecr


def test_the_key_that_signs_urls_is_not_who_asks_ecr(with_ecr):
    with (with_ecr.folder / "env/stack").open("a") as file:
        file.write("export AWS_ACCESS_KEY_ID='AKIAEXAMPLE'\nexport AWS_SECRET_ACCESS_KEY='secret'\n")
    assert with_ecr.run("start.sh", "--fetch").returncode == 0
    assert "AWS_ACCESS_KEY_ID" not in (with_ecr.folder / "aws.environment").read_text()


def test_an_image_in_anybody_elses_ecr_fails_with_what_aws_says_and_what_to_do(with_ecr):
    with_ecr.program("aws", "#!/bin/sh\necho 'AccessDeniedException: not authorized' >&2; exit 254\n")
    done = with_ecr.run("start.sh", "--fetch")
    assert done.returncode == 1
    assert "AccessDeniedException" in done.stderr
    assert f"can't log in to {ECR}: an image in Amazon ECR has to be in the stack's own account." in done.stderr
    assert f"The image {ECR}/team/registry:1 can't be downloaded" in done.stderr
    assert not (with_ecr.folder / "pulled").exists()


def test_a_download_that_stands_still_is_ended_and_tried_again(home):
    text = (home.folder / "start.sh").read_text()
    assert "--kill-after=5 120 docker pull" in text
    (home.folder / "start.sh").write_text(text.replace("--kill-after=5 120", "--kill-after=5 1"))
    hang = f'[ "$1" != pull ] || [ -e {home.folder}/hung ] || {{ touch {home.folder}/hung; exec /bin/sleep 600; }}'
    home.program("docker", f'#!/bin/sh\n{hang}\nexec {home.folder}/bin/recorder "$@"\n')
    home.program("recorder", DOCKER)
    done = home.run("start.sh", "--fetch")
    assert done.returncode == 0, done.stderr
    assert len(home.calls("pull")) == 3
    assert DEADLINES["fetch-images"] >= 120 + 4 + 120, "a second try has as long as the first"


def test_what_says_that_the_registry_is_starting_gives_the_ports_up_just_before_nginx_takes_them(home):
    home.program("sudo", f'#!/bin/sh\necho "$@" >>{home.folder}/sudo.log; docker here; exit 5\n')
    assert home.run("start.sh").returncode == 0, "after the boot there is nothing to stop"
    assert (home.folder / "sudo.log").read_text() == "systemctl stop quilt-starting\n"
    names = [" ".join(call["arguments"]) for call in home.calls() if call["arguments"][0] in ("here", "run")]
    assert [number for number, name in enumerate(names) if name == "here"] == [2]


def test_only_the_instance_itself_reaches_the_port_that_looks_past_the_gate(home):
    home.run("start.sh")
    arguments = started(home)["registry-nginx"]["arguments"]
    published = [value for word, value in pairwise(arguments) if word == "--publish"]
    assert published == ["80:80", "8080:8080", "127.0.0.1:8081:8081"]
    assert "/opt/quilt/state:/etc/quilt/state:ro" in arguments


@pytest.mark.parametrize(
    ("argument", "word", "name", "step"),
    [("--create-database", "create", "database", "create-database"), ("--migrate", "migrate", "registry", "migrate")],
)
def test_the_database_is_prepared_once_in_the_registrys_image(home, argument, word, name, step):
    done = home.run("start.sh", argument)
    assert done.returncode == 0, done.stderr
    (call,) = home.calls("run")
    image, *limit, interpreter, program, argument = call["arguments"][-7:]
    assert (image, interpreter, program, argument) == ("registry:1", "python3", "/etc/quilt/database.py", word)
    assert limit[:2] == ["timeout", "--signal=KILL"], "python3 as a container's first process would ignore the others"
    assert int(limit[2]) < DEADLINES[step], "it says so before the step is ended"
    assert "PGOPTIONS=-c client_connection_check_interval=2000" in call["arguments"]
    policies = [policy for option, policy in pairwise(call["arguments"]) if option == "--restart"]
    assert policies[-1] == "no", "the last one wins"
    assert call["environment"] == HOSTILE[name]
    assert not [value for value in HOSTILE[name].values() if value and value in str(call["arguments"])]


@pytest.mark.parametrize("argument", ["--create-database", "--migrate"])
def test_what_fails_there_is_a_failed_step(home, argument):
    (home.folder / "exit-code").write_text("3")
    assert home.run("start.sh", argument).returncode == 3


def test_what_takes_too_long_there_is_named(home):
    (home.folder / "exit-code").write_text("137")
    done = home.run("start.sh", "--migrate")
    assert done.returncode == 137
    assert "migration was ended, because it took 230 seconds or too much memory." in done.stderr


def test_an_unknown_word_is_refused_with_the_known_ones(home):
    done = home.run("start.sh", "--frobnicate")
    assert done.returncode == 2
    assert "--wait, --fetch, --create-database and --migrate" in done.stderr


# Waiting

CURL = """
case $* in *quilt-registry.example.com*) name=registry ;; *quilt.example.com*) name=catalog ;; *) exit 9 ;; esac
[[ "$*" == *http://127.0.0.1:8081/healthcheck ]] || exit 9
exit $(cat $STAND_IN/$name)
"""


@pytest.fixture
def sites(home):
    """sites(registry=CODE, catalog=CODE): how curl ends that asks them; the waiting gives up at once."""
    text = (home.folder / "start.sh").read_text()
    assert "[ $SECONDS -ge 90 ]" in text
    (home.folder / "start.sh").write_text(text.replace("[ $SECONDS -ge 90 ]", "[ $SECONDS -ge 0 ]"))
    home.program("curl", f"#!/bin/bash\n{CURL}")

    def sites(**codes):
        for name, code in codes.items():
            (home.folder / name).write_text(str(code))

    return sites


def test_both_sites_are_waited_for(home, sites):
    sites(registry=0, catalog=0)
    assert home.run("start.sh", "--wait").returncode == 0


@pytest.mark.parametrize(
    ("registry", "catalog", "named"), [(22, 0, "registry"), (0, 7, "catalog"), (28, 137, "registry and catalog")]
)
def test_which_of_them_does_not_answer_is_named_before_the_step_is_ended(home, sites, registry, catalog, named):
    sites(registry=registry, catalog=catalog)
    done = home.run("start.sh", "--wait")
    assert done.returncode == 1
    assert f"After 90 seconds there is no answer from {named}: " in done.stderr
    two_tries = 2 * 5
    assert 90 + two_tries < DEADLINES["wait-for-health"]


# The access key


def test_the_access_key_is_no_variable_of_the_container_and_is_brought_to_it_before_it_starts(home):
    with (home.folder / "env/registry").open("a") as file:
        file.write("AWS_ACCESS_KEY_ID=AKIANEW\nexport AWS_SECRET_ACCESS_KEY='new'\n")
    home.program("sudo", '#!/bin/sh\nshift $(($# - 2)); docker "$@"\n')
    assert home.run("start.sh").returncode == 0
    assert started(home)["registry"]["environment"] == HOSTILE["registry"]
    verbs = [call["arguments"][0] for call in home.calls() if call["arguments"][0] in ("python3", "rm")]
    assert verbs[0] == "python3", "a key that is half of one stops nothing that runs"
    assert home.calls("python3")[0]["arguments"] == ["python3", "/opt/quilt/credentials.py"]


def test_a_key_that_is_half_of_one_stops_nothing(home):
    with (home.folder / "env/registry").open("a") as file:
        file.write("AWS_ACCESS_KEY_ID=AKIANEW\n")
    home.program("sudo", "#!/bin/sh\nexit 1\n")
    assert home.run("start.sh").returncode == 1
    assert home.calls("rm") == []


def test_creating_an_admin_needs_a_running_registry(home):
    done = home.run("create_admin.sh")
    assert done.returncode == 1
    assert f"run sudo {home.folder}/start.sh, then sudo {home.folder}/create_admin.sh again." in done.stderr
    (home.folder / "bin/docker").write_text('#!/bin/sh\n[ "$1" = inspect ] && echo true || echo "$@"\n')
    assert home.run("create_admin.sh").stdout == "exec --interactive registry ./scripts/create_admin.py\n"
