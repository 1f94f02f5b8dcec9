"""The whole boot, executed: from the user data to answers where the load balancer would send requests.

Two instances with one database boot at the same time; most tests look at the first.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from subprocess import CompletedProcess
from typing import NamedTuple

import pytest

from quilt_cfn.editions import EDITIONS
from tests.boot.conftest import Start
from tests.boot.instance import SUCCESS, Instance
from tests.launches import DOCUMENTED

REGISTRY, CATALOG = DOCUMENTED["RegistryHost"], DOCUMENTED["CatalogHost"]
# What the parameters accept and a shell, a URI or JavaScript could take for something else.
HOSTILE = {
    "DBPassword": "it's:a?b=c&d#e$x\\{TeamName}",
    "SmtpPassword": "`id`'$(touch${IFS}/run/never)\"\\;|&<>%25",
    "SmtpUsername": "$HOME*~!#'",
    "TeamName": "Müller & Söhne (東京)",
}


class Booted(NamedTuple):
    edition: str
    instances: list[Instance]
    boots: list[CompletedProcess[str]]

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
    instances = [first, start(edition, HOSTILE, database_of=first)]
    with ThreadPoolExecutor(2) as pool:
        return Booted(edition, instances, list(pool.map(Instance.boot, instances)))


@pytest.fixture
def instance(booted: Booted) -> Instance:
    return booted.instances[0]


def test_each_boot_ends_in_one_signal_of_success(booted):
    for instance, boot in zip(booted.instances, booted.boots, strict=True):
        assert instance.signals()[:1] == [SUCCESS], boot.stdout + boot.stderr
        assert instance.calls("SignalResource")[0]["LogicalResourceId"] == "Server"
        assert boot.returncode == 0
    assert booted.instances[1].signals() == [SUCCESS]


def test_the_documented_containers_run(instance):
    running = instance.run("docker ps --format '{{.Names}}'", user="ec2-user").stdout.split()
    assert sorted(running) == ["catalog", "registry", "registry-nginx"]


def test_docker_reads_its_settings_and_starts_with_the_instance_and_so_does_the_refresh(instance):
    calls = instance.run("cat /run/systemctl").stdout.splitlines()
    assert calls[:2] == ["restart docker", "enable --now docker quilt-refresh.service"]


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
    uri = f"postgresql://quilt:{HOSTILE['DBPassword']}@10.42.1.10:5432/quilt?"
    assert environment["SQLALCHEMY_DATABASE_URI"].startswith(uri)
    assert instance.run("test -e /run/never").returncode == 1


def test_of_two_instances_one_migrates_the_database_and_over_tls(booted, instance):
    assert instance.sql("select number from steps order by number").split() == [str(number) for number in range(14)]
    assert instance.sql("select count(distinct host) from steps") == "1"
    assert booted.output().count("migrated, TLS is True") == 1
    assert booted.output().count("nothing to migrate, TLS is True") == 1


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


def test_the_log_of_the_boot_is_in_cloudwatch(instance):
    sent = instance.calls("PutLogEvents")[0]
    assert sent["logStreamName"].startswith("boot-i-0123456789abcdef0-")
    assert "enable-refresh" in sent["logEvents"][0]["message"]


def test_the_catalogs_own_log_is_the_containers_output(instance):
    instance.get(CATALOG, "/looked-for")
    assert "GET /looked-for" in instance.run("docker logs catalog").stdout


def test_nginx_logs_the_address_that_a_request_came_from(booted):
    first, second = booted.instances
    second.run(f"curl --silent --header 'Host: {CATALOG}' http://10.42.0.1/from-next-door")
    log = first.run("docker logs registry-nginx").stdout
    (line,) = [line for line in log.splitlines() if "/from-next-door" in line]
    assert line.split()[:2] == ["10.42.0.2", CATALOG]


def test_only_the_administrator_reads_the_environment_files(instance):
    shown = instance.run("stat --format '%n %a %U' /home/ec2-user/env/*").stdout.splitlines()
    assert shown == [f"/home/ec2-user/env/{name} 600 ec2-user" for name in ("catalog", "registry", "stack")]


def test_sourcing_the_environment_as_documented_is_harmless(instance):
    done = instance.run('cd /home/ec2-user && . env/registry && printf %s "$SMTP_PASSWORD"', user="ec2-user")
    assert (done.stdout, done.stderr) == (HOSTILE["SmtpPassword"], "")


def test_the_first_admin_is_created_as_documented(instance):
    answers = "ada\nada@example.com\nlong password\nlong password\n"
    command = "cd /home/ec2-user && . env/registry && ./create_admin.sh"
    assert "Success." in instance.run(command, user="ec2-user", input=answers).stdout
    assert instance.sql("select name, mail from admins") == "ada|ada@example.com"
    assert instance.run(command, user="ec2-user", input=answers).returncode == 2, "an error is not hidden"


def test_the_documented_restart_restores_service(instance):
    instance.run("docker rm -f registry catalog registry-nginx", user="ec2-user")
    assert instance.get("10.42.0.17", "/healthcheck") == (0, "")
    done = instance.run("cd /home/ec2-user && ./start.sh && timeout 30 ./start.sh --wait", user="ec2-user")
    assert done.returncode == 0, done.stderr
    assert instance.healthy()


def test_nginx_finds_a_container_that_came_back_on_another_address(instance):
    address = "docker inspect --format '{{.NetworkSettings.Networks.quilt.IPAddress}}' registry"
    before = instance.run(address).stdout
    catalog = instance.environments["stack"]["CATALOG_IMAGE"]
    in_between = f"docker run --detach --name in-between --network quilt {catalog}"
    instance.run(f"docker stop registry; {in_between}; docker start registry")
    assert instance.run("timeout 30 /home/ec2-user/start.sh --wait").returncode == 0
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
    instance.wait_for(instance.healthy, "healthy again", 20)
    assert instance.get(CATALOG)[0] == 200


def test_the_roles_credentials_reach_the_registry_and_are_renewed(booted, instance):
    if booted.edition == "registry":
        assert instance.run("test -e /opt/quilt/aws/credentials").returncode == 1
        return
    credentials = "docker exec registry cat /etc/quilt/aws/credentials"
    assert "aws_session_token=token of ASIAFIRST" in instance.run(credentials).stdout
    assert instance.run("stat --format %a%u /opt/quilt/aws/credentials").stdout == "6001234\n"
    before = instance.run("docker logs registry").stdout.count("reloading")
    instance.renew_credentials("ASIASECOND")
    instance.run("python3 /opt/quilt/credentials.py")
    assert "aws_session_token=token of ASIASECOND" in instance.run(credentials).stdout
    assert instance.run("docker logs registry").stdout.count("reloading") == before + 1
