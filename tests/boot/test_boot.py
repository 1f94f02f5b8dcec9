"""The whole boot, executed: from the user data to answers where the load balancer would send requests.

Two instances with one database boot at the same time; most tests look at the first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from subprocess import CompletedProcess
from typing import NamedTuple

import pytest

from quilt_cfn.editions import EDITIONS
from tests.boot.conftest import Start
from tests.boot.instance import ON_IT, SUCCESS, Instance
from tests.launches import DOCUMENTED

REGISTRY, CATALOG = DOCUMENTED["RegistryHost"], DOCUMENTED["CatalogHost"]
# What the parameters accept and a shell, a URI or JavaScript could take for something else.
HOSTILE = {
    "DBPassword": "it's:a?b=c&d#e$x\\{TeamName}",
    "SmtpPassword": "`id`'$(touch${IFS}/run/never)\"\\;|&<>%25",
    "SmtpUsername": "$HOME*~!#'",
    "SmtpDefaultSender": "quilt_no-reply+a.b@mail.example.com",
    "TeamName": "Müller & Söhne (東京)",
}
HOSTS = [(CATALOG, 80), (REGISTRY, 80), ("10.42.0.17", 80), ("other.example.com", 80), (CATALOG, 8080)]
OWNERS = "select datname, pg_get_userbyid(datdba) from pg_database where datname <> 'template0' order by 1"
# As long as it runs, asks next door, on both ports, and prints each change: port and status.
NEIGHBOUR = f"""
import http.client, time
last = {{}}
while True:
    for port in 80, 8080:
        connection = http.client.HTTPConnection("10.42.0.1", port, timeout=60)
        try:
            connection.request("GET", "/", headers={{"Host": "{CATALOG}"}})
            answer = connection.getresponse()
            status = answer.status, answer.getheader("Retry-After"), answer.read()[:24]
        except (OSError, http.client.HTTPException):
            status = ""
        if last.get(port) != status:
            print(port, *status, flush=True)
        last[port] = status
    time.sleep(0.01)
"""
STARTING = "503 60 b'The registry is starting'"


class Booted(NamedTuple):
    edition: str
    instances: list[Instance]
    boots: list[CompletedProcess[str]]
    seen_next_door: str
    """What the second instance saw of the first one during the boots, as NEIGHBOUR prints it."""

    def output(self) -> str:
        """What the boots printed."""
        return "".join(boot.stdout + boot.stderr for boot in self.boots)


@pytest.fixture(
    scope="module",
    # What the other editions have of their own, their own files test.
    params=[pytest.param(name, marks=() if name == "marketplace" else pytest.mark.exhaustive) for name in EDITIONS],
)
def booted(request: pytest.FixtureRequest, start: Start) -> Booted:
    edition: str = request.param
    first = start(edition, HOSTILE)
    second = start(edition, HOSTILE, database_of=first, number=1)
    second.run(f"setsid python3 -c '{NEIGHBOUR}' >/run/seen 2>&1 & echo $! >/run/neighbour")
    with ThreadPoolExecutor(2) as pool:
        boots = list(pool.map(Instance.boot, [first, second]))
    if all(boot.returncode == 0 for boot in boots):
        second.wait_for(lambda: {"", STARTING}.isdisjoint(last_seen(second).values()), "next door it serves")
    seen = second.run("kill $(cat /run/neighbour); cat /run/seen").stdout
    return Booted(edition, [first, second], boots, seen)


def last_seen(second: Instance) -> dict[str, str]:
    """Port -> the last answer that NEIGHBOUR saw there."""
    return dict(re.findall(r"(?m)^(\d+)(?: (.*))?$", second.run("cat /run/seen").stdout))


@pytest.fixture
def instance(booted: Booted) -> Instance:
    return booted.instances[0]


def test_each_boot_ends_in_one_signal_of_success(booted):
    for instance, boot in zip(booted.instances, booted.boots, strict=True):
        assert instance.signals()[:1] == [("SUCCESS", instance.id)], boot.stdout + boot.stderr
        assert instance.calls("SignalResource")[0]["LogicalResourceId"] == "ServerGroup"
        assert boot.returncode == 0
    assert len(booted.instances[1].signals()) == 1


def test_the_documented_containers_run(instance):
    running = instance.run("docker ps --format '{{.Names}}'", user="ec2-user").stdout.split()
    assert sorted(running) == ["catalog", "registry", "registry-nginx"]


def test_docker_reads_its_settings_and_starts_with_the_instance_and_so_does_the_refresh(instance):
    calls = instance.run("cat /run/systemctl").stdout.splitlines()
    assert "restart docker" in calls
    assert "enable --now docker quilt-refresh.service quilt-termination.service" in calls


def test_each_host_name_leads_to_its_site(booted):
    for instance in booted.instances:
        assert instance.get(CATALOG, "/any/page") == (200, "<title>catalog</title>")
        status, answer = instance.get(REGISTRY, "/api/x?y=z")
        request, _ = json.loads(answer)
        assert (status, request["REQUEST_URI"], request["UWSGI_SCHEME"]) == (200, "/api/x?y=z", "https")
        assert instance.get(REGISTRY, "/api/packages") == (200, "14"), "from the database"


def test_the_load_balancers_health_check_is_answered_by_address(booted):
    for instance in booted.instances:
        assert instance.get("10.42.0.17", "/healthcheck") == (200, "ok")


@pytest.mark.parametrize("host", [REGISTRY, CATALOG])
def test_a_long_query_and_company_wide_cookies_are_answered(instance, host):
    """6 kB of headers and 4 kB of query, where uwsgi takes 4 kB in all when nobody tells it to take more."""
    command = f"curl -s -w '%{{stderr}}%{{http_code}}' -H 'Host: {host}' -H 'Cookie: {6000 * 'c'}'"
    done = instance.run(f"{command} 'http://127.0.0.1/api/x?{4000 * 'q'}'")
    assert done.stderr == "200"
    assert host == CATALOG or 4000 * "q" in done.stdout


@pytest.mark.parametrize("path", ["/", "/script.js"])
def test_the_catalog_arrives_compressed_where_the_browser_takes_that(instance, path):
    get = f"curl -s -H 'Host: {CATALOG}' http://127.0.0.1{path}"
    plain = instance.run(f"{get} | sha256sum").stdout
    assert instance.run(f"{get} -H 'Accept-Encoding: gzip' | gunzip | sha256sum").stdout == plain


@pytest.mark.parametrize(
    ("host", "path"), [("other.example.com", "/"), ("other.example.com", "/healthcheck"), ("10.42.0.17", "/")]
)
def test_other_host_names_and_other_paths_at_the_address_get_no_answer(instance, host, path):
    assert instance.get(host, path) == (0, "")


def test_what_came_without_tls_is_sent_to_https(instance):
    assert instance.get(CATALOG, "/a?b=c", port=8080) == (301, f"https://{CATALOG}/a?b=c")
    assert instance.get("other.example.com", port=8080) == (0, "")


def test_every_value_arrives_byte_for_byte(instance):
    _, environment = json.loads(instance.get(REGISTRY)[1])
    assert environment["SMTP_PASSWORD"] == HOSTILE["SmtpPassword"]
    assert environment["SMTP_USERNAME"] == HOSTILE["SmtpUsername"]
    assert environment["TEAM_NAME"] == HOSTILE["TeamName"]
    assert environment["QUILT_DEFAULT_SENDER"] == HOSTILE["SmtpDefaultSender"]
    uri = instance.run('. /home/ec2-user/env/database && printf %s "$ADMIN_DATABASE_URI"').stdout
    assert uri.startswith(f"postgresql://quilt:{HOSTILE['DBPassword']}@10.42.1.10:5432/postgres?")
    assert instance.run("test -e /run/never").returncode == 1


@pytest.mark.parametrize(("port", "status"), [(80, "200 None b'<title>catalog</title>'"), (8080, "301 None b'<html>")])
def test_a_request_gets_503_from_the_first_second_of_the_boot_until_the_registry_serves(booted, port, status):
    """But for the moment in which nginx takes the ports over."""
    seen = re.findall(f"(?m)^{port}(?: (.*))?$", booted.seen_next_door)
    *before, served = seen
    assert served.startswith(status)
    assert before.pop() == STARTING, seen
    assert before in ([], [""], [STARTING, ""], ["", STARTING, ""]), seen


def test_until_the_boot_opens_it_nginx_answers_everybody_with_503_but_the_instance_itself(instance):
    """After a reboot in the middle of the boot, for instance."""
    instance.run("rm /opt/quilt/state/open")
    try:
        for host, port in HOSTS:
            headers = instance.run(f"curl -siH 'Host: {host}' http://127.0.0.1:{port}/healthcheck").stdout
            assert headers.startswith("HTTP/1.1 503"), host
            assert "\nRetry-After: 60" in headers
            assert headers.endswith("\nThe registry is starting: try again in a few minutes.\n")
        assert instance.run("timeout 120 /home/ec2-user/start.sh --wait").returncode == 0
    finally:
        instance.run("touch /opt/quilt/state/open")
    assert instance.healthy()


def test_of_two_instances_one_migrates_the_database_and_over_tls(booted, instance):
    assert instance.sql("select number from steps order by number").split() == [str(number) for number in range(14)]
    assert instance.sql("select count(distinct host) from steps") == "1"
    assert booted.output().count("migrated, TLS is True") == 1
    assert booted.output().count("nothing to migrate, TLS is True") == 1


def test_the_registry_owns_its_database_and_is_no_master_user(instance):
    owners = (
        "select datname, pg_get_userbyid(datdba) from pg_database where datname in ('quilt', 'postgres') order by 1"
    )
    assert instance.sql(owners).split() == ["postgres|quilt", "quilt|registry"]
    uri = "postgresql://registry:GeneratedRegistryDatabasePassword@10.42.1.10:5432/quilt?"
    assert json.loads(instance.get(REGISTRY)[1])[1]["SQLALCHEMY_DATABASE_URI"].startswith(uri)
    powers = "select rolsuper, rolcreaterole, rolcreatedb from pg_roles where rolname = 'registry'"
    assert instance.sql(powers) == "f|f|f"


def test_both_instances_have_the_same_environment(booted):
    """So one can replace the other: the signature of a token stays valid, for instance."""
    first, second = (instance.run("sort /home/ec2-user/env/*").stdout for instance in booted.instances)
    assert first == second != ""


def test_no_secret_is_in_what_the_boot_printed_sent_or_left_for_others(booted, instance):
    readable = instance.run(
        "cat /opt/quilt/config.json /var/log/quilt-boot.log; cat env/* /opt/quilt/written.json", user="nobody"
    )
    sent = instance.calls("SignalResource", "PutLogEvents", "CreateLogStream")
    visible = booted.output() + readable.stdout + json.dumps(sent)
    assert "start-docker" in visible
    assert not [name for name in ("DBPassword", "SmtpPassword", "SmtpUsername") if HOSTILE[name] in visible]


def test_no_password_is_in_the_databases_log_which_has_every_statement(instance):
    log = instance.run("cat /run/data/log").stdout
    assert "ALTER ROLE registry LOGIN PASSWORD 'SCRAM-SHA-256$" in log
    assert "GeneratedRegistryDatabasePassword" not in log


def test_the_log_of_the_boot_is_in_cloudwatch(instance):
    sent = instance.calls("PutLogEvents")[0]
    assert sent["logStreamName"].startswith("boot-i-0123456789abcdef0-")
    assert "enable-refresh" in sent["logEvents"][0]["message"]


def test_the_catalogs_errors_are_the_containers_output(instance):
    assert instance.run("readlink /opt/quilt/catalog-log/error.log").stdout == "/dev/stderr\n"


def log_of(instance: Instance, container: str) -> str:
    """What a container has printed."""
    return instance.run(f"docker logs {container} 2>&1").stdout


@pytest.mark.parametrize(("host", "path"), [(CATALOG, "/reset_password/"), (REGISTRY, "/activate/")])
def test_a_link_from_a_mail_is_in_no_log(instance, host, path):
    """For a day, whoever has it can set the password or activate the account."""
    before = log_of(instance, "registry-nginx").count(f'"path":"{path}..."')
    instance.get(host, f"{path}its-token")
    # The engine writes what a container prints when it gets round to it.
    instance.wait_for(lambda: log_of(instance, "registry-nginx").count(f'"path":"{path}..."') > before, "it is logged")
    assert "its-token" not in "".join(log_of(instance, name) for name in ("registry", "catalog", "registry-nginx"))


def test_nginx_logs_the_address_that_a_request_came_from(booted):
    first, second = booted.instances
    url = "http://10.42.0.1/from-next-door?token=secret"
    second.run(f"curl --silent --user-agent 'a \"b' --header 'Host: {CATALOG}' {url}")
    first.wait_for(lambda: "/from-next-door" in log_of(first, "registry-nginx"), "it is logged")
    (line,) = [line for line in log_of(first, "registry-nginx").splitlines() if "/from-next-door" in line]
    values = json.loads(line)
    assert isinstance(values.pop("seconds"), float)
    assert values.pop("bytes") > 10
    assert list(values.items()) == [
        *[("client", "10.42.0.2"), ("host", CATALOG), ("method", "GET"), ("path", "/from-next-door"), ("status", 200)],
        *[("upstream_status", "200"), ("user_agent", 'a "b')],
    ]


def test_only_the_administrator_reads_the_environment_files(instance):
    shown = instance.run("stat --format '%n %a %U' /home/ec2-user/env/*").stdout.splitlines()
    assert shown == [f"/home/ec2-user/env/{name} 600 ec2-user" for name in ("catalog", "database", "registry", "stack")]


def test_sourcing_the_environment_as_documented_is_harmless(instance):
    done = instance.run('cd /home/ec2-user && . env/registry && printf %s "$SMTP_PASSWORD"', user="ec2-user")
    assert (done.stdout, done.stderr) == (HOSTILE["SmtpPassword"], "")


def test_the_first_admin_is_created_as_documented(instance):
    answers = "ada\nada@example.com\nlong password\nlong password\n"
    command = "cd /home/ec2-user && . env/registry && ./create_admin.sh"
    assert "Success." in instance.run(command, user="ec2-user", input=answers).stdout
    assert instance.sql("select mail from admins where name = 'ada'") == "ada@example.com"
    assert instance.run(command, user="ec2-user", input=answers).returncode == 2, "an error is not hidden"


@pytest.mark.parametrize("user", ["ec2-user", "ssm-user"])
def test_the_command_of_the_stacks_output_creates_an_administrator_who_can_log_in(instance, user):
    """Over SSH, and in Session Manager, whose user is in no group and may use sudo."""
    name, password = user.replace("-", "_"), "long password"
    done = instance.run(
        f"cd; {instance.outputs['AdminCommand']}", user, input=f"{name}\na@example.com\n{password}\n{password}\n"
    )
    assert "Success." in done.stdout, done.stderr
    login = json.dumps({"username": name, "password": password})
    get = f"curl -s -H 'Host: {REGISTRY}' --data @- http://127.0.0.1/api/login"
    assert json.loads(instance.run(get, input=login).stdout)["token"].startswith(f"{name}.")


# The database


def create_database(instance: Instance) -> CompletedProcess[str]:
    """What the boot does, and the refresh when a password has changed."""
    return instance.run("/home/ec2-user/start.sh --create-database")


def test_a_changed_password_of_the_registrys_user_reaches_the_database_and_the_registry(instance):
    instance.store({"RegistryDatabasePassword": "AnotherPassword"})
    done = instance.refresh()
    assert done.returncode == 0, done.stdout + done.stderr
    instance.wait_for(lambda: instance.get(REGISTRY, "/api/packages") == (200, "14"), "the registry serves")
    with_old = "PGPASSWORD=GeneratedRegistryDatabasePassword psql --host 10.42.1.10 --username registry quilt"
    assert "password authentication failed" in instance.run(with_old).stderr
    assert "AnotherPassword" not in done.stdout + done.stderr + instance.run("cat /run/data/log").stdout


@pytest.mark.parametrize("has_user", [True, False], ids=["with the user", "without it"])
def test_a_restored_database_of_the_master_user_is_handed_over(instance, has_user):
    """From a snapshot of a version whose registry was the master user, or of another stack's."""
    instance.sql("alter database quilt owner to quilt; reassign owned by registry to quilt", superuser=True)
    instance.sql("create schema more; create table more.rows (id serial); create type mood as enum ('good')")
    instance.sql("alter role registry password 'another'" if has_user else "drop role registry", superuser=True)
    done = create_database(instance)
    assert done.returncode == 0, done.stdout + done.stderr
    owned_by_master = """
        select relname from pg_class where relowner = 'quilt'::regrole
        union select typname from pg_type where typowner = 'quilt'::regrole
        union select nspname from pg_namespace where nspowner = 'quilt'::regrole
    """
    assert instance.sql(owned_by_master) == ""
    assert instance.sql(OWNERS).split() == ["postgres|quilt", "quilt|registry", "template1|quilt"]
    instance.sql("set role registry; alter table steps add column more int; drop schema more cascade; drop type mood")
    instance.sql("alter table steps drop column more")
    instance.run("docker restart registry")
    instance.wait_for(lambda: instance.get(REGISTRY, "/api/packages") == (200, "14"), "the registry serves")


@pytest.mark.parametrize(
    "before", ["alter role quilt rename to other", "alter role quilt password 'another'"], ids=["user", "password"]
)
def test_a_snapshot_of_another_master_user_is_refused_with_a_sentence(instance, before):
    instance.sql(before, superuser=True)
    try:
        done = create_database(instance)
    finally:
        instance.sql("alter role other rename to quilt" if "rename" in before else "select 1", superuser=True)
        password = HOSTILE["DBPassword"].replace("'", "''")
        instance.sql(f"alter role quilt password '{password}'", superuser=True)
    assert done.returncode != 0
    output = done.stdout + done.stderr
    assert (
        "The database refuses the user quilt: either DBPassword is not its password, or the database is from" in output
    )
    assert "only snapshots whose master user is quilt can be restored." in output
    assert HOSTILE["DBPassword"] not in output


REFUSALS = "grep --count 'could not accept SSL connection' /run/data/log"


def test_a_database_with_the_certificate_of_another_authority_is_refused(instance):
    """It could be anybody's."""
    instance.run("mkdir /run/another && certify /run/another && database restart")
    try:
        before = instance.run(REFUSALS).stdout
        done = create_database(instance)
        assert done.returncode != 0
        assert "certificate verify failed" in done.stdout + done.stderr
        assert int(instance.run(REFUSALS).stdout) == int(before) + 1, "it is not tried again"
    finally:
        instance.run(f"rm -r /run/another; certify {ON_IT}/stack && database restart")
        instance.run("bash /opt/quilt/steps.sh fetch-certificates && docker restart registry")
    instance.wait_for(lambda: instance.get(REGISTRY, "/api/packages") == (200, "14"), "the registry serves")


# The fixed address


def test_at_the_end_of_its_boot_an_instance_takes_the_address_over(booted):
    for instance in booted.instances:
        assert instance.calls("AssociateAddress")[0]["AllowReassociation"] is True
    assert booted.instances[0].holder() in {instance.id for instance in booted.instances}


def test_an_address_that_another_instance_has_is_not_taken_away_and_one_that_is_free_is_taken(booted):
    holder, other = sorted(booted.instances, key=lambda instance: instance.id != instance.holder())
    assert other.refresh().returncode == 0
    assert holder.holder() == holder.id
    (holder.common / "address.json").write_text('{"holder": null}')
    assert other.refresh().returncode == 0
    assert holder.holder() == other.id
    assert holder.refresh().returncode == 0
    assert holder.holder() == other.id


# The end of the instance

KEEP_ALIVE = """
import http.client, json, subprocess, sys
REQUESTS = json.loads(sys.argv[1])
def ask(connection, method, host, path, port):
    connection.request(method, path, b"x" * 100000 if method == "POST" else None, headers={"Host": host})
    connection.auto_open = 0  # no other connection in its place
    answer = connection.getresponse()
    answer.read()
    return answer.status, answer.will_close
connections = [http.client.HTTPConnection("127.0.0.1", request[3], timeout=60) for request in REQUESTS]
before = [ask(one, *request) for one, request in zip(connections, REQUESTS)]
subprocess.run(["timeout", "120", "bash", "/opt/quilt/steps.sh", "watch-termination"], check=True)
after = [ask(one, *request) for one, request in zip(connections, REQUESTS)]
print(json.dumps([before, after]))
"""


@pytest.fixture
def terminated(instance: Instance) -> Iterator[Instance]:
    """The group ends the instance, which knows that from its metadata; afterwards it does not."""
    instance.write("lifecycle-state", "Terminated")
    yield instance
    (instance.folder / "lifecycle-state").unlink()
    instance.run("rm -f /opt/quilt/state/closing")


def test_when_the_group_ends_it_each_connection_is_answered_once_more_and_then_closed(terminated):
    requests = json.dumps([("GET", CATALOG, "/", 80), ("POST", REGISTRY, "/push", 80), ("GET", CATALOG, "/", 8080)])
    done = terminated.run(f"python3 - '{requests}'", input=KEEP_ALIVE)
    before, after = json.loads(done.stdout or "[0, 0]")
    assert before == [[200, False], [200, False], [301, False]], done.stderr
    assert after == [[200, True], [200, True], [301, True]]
    assert terminated.healthy(), "it goes on serving"


def test_an_instance_that_the_group_ends_takes_no_address(terminated):
    (terminated.common / "address.json").write_text('{"holder": null}')
    assert terminated.refresh().returncode == 0
    assert terminated.holder() is None


# What administrators do, and the computer


def test_the_documented_restart_restores_service(instance):
    instance.run("docker rm -f registry catalog registry-nginx", user="ec2-user")
    assert instance.get("10.42.0.17", "/healthcheck") == (0, "")
    done = instance.run("cd /home/ec2-user && ./start.sh && timeout 120 ./start.sh --wait", user="ec2-user")
    assert done.returncode == 0, done.stderr
    assert instance.healthy()


def test_nginx_finds_a_container_that_came_back_on_another_address(instance):
    address = "docker inspect --format '{{.NetworkSettings.Networks.quilt.IPAddress}}' registry"
    before = instance.run(address).stdout
    catalog = instance.environments["stack"]["CATALOG_IMAGE"]
    in_between = f"docker run --detach --name in-between --network quilt {catalog}"
    instance.run(f"docker stop registry; {in_between}; docker start registry")
    assert instance.run("timeout 120 /home/ec2-user/start.sh --wait").returncode == 0
    assert instance.run(address).stdout not in (before, "\n")
    instance.run("docker rm -f in-between")


def test_a_second_boot_gives_the_same_service(instance):
    done = instance.boot()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing to migrate" in done.stdout
    assert instance.signals() == [SUCCESS, SUCCESS]
    assert instance.healthy()
    assert instance.sql("select count(*) from steps") == "14"


def test_a_reboot_gives_the_same_service(instance):
    """Docker starts what ran before, in any order; systemd starts the refresh; user data is not run again."""
    instance.run("docker stop registry catalog registry-nginx")
    instance.run("docker start registry-nginx catalog registry")
    assert instance.refresh().returncode == 0
    instance.wait_for(instance.healthy, "healthy again")
    assert instance.get(CATALOG)[0] == 200


def test_the_roles_credentials_reach_the_registry_and_are_renewed(booted, instance):
    credentials = "docker exec registry cat /etc/quilt/aws/credentials"
    if booted.edition == "registry":
        assert "aws_session_token" not in instance.run(credentials).stdout, "the user signs, not the role"
        assert instance.get(REGISTRY, "/api/key") == (200, "AKIAFIRST")
        return
    assert "aws_session_token=token of ASIAFIRST" in instance.run(credentials).stdout
    assert instance.run("stat --format %a%u /opt/quilt/aws/credentials").stdout == "6001234\n"
    before = instance.registry_container()
    instance.renew_credentials("ASIASECOND")
    instance.run("python3 /opt/quilt/credentials.py")
    assert "aws_session_token=token of ASIASECOND" in instance.run(credentials).stdout
    instance.wait_for(lambda: instance.get(REGISTRY, "/api/key") == (200, "ASIASECOND"), "the reload")
    assert instance.registry_container() == before, "without a restart"
