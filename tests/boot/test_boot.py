"""The whole boot of both editions, executed: from the user data to answers where the load balancer would ask."""

from __future__ import annotations

import json

import pytest

from quilt_cfn.editions import EDITIONS
from tests.launches import DOCUMENTED

# Everything that the form accepts and a shell, a URI or JavaScript could trip over.
HOSTILE = {
    "DBPassword": "it's:a?b=c&d#e$x\\{TeamName}",
    "SmtpPassword": "`id`'$(touch${IFS}/run/never)\"\\;|&<>%25",
    "SmtpUsername": "$HOME*~!#'",
    "TeamName": "Müller & Söhne (東京)",
}


@pytest.fixture(scope="module", params=EDITIONS)
def machine(request, start):
    """An instance of each edition that has booted once."""
    machine = start(request.param, HOSTILE)
    machine.edition = request.param
    machine.first_boot = machine.boot()
    return machine


def test_the_boot_ends_in_one_signal_of_success(machine):
    assert machine.first_boot.returncode == 0, machine.first_boot.stdout + machine.first_boot.stderr
    assert machine.signals() == [("SUCCESS", "i-0123456789abcdef0")]
    assert machine.calls("SignalResource")[0]["LogicalResourceId"] == "Server"


def test_the_documented_containers_run(machine):
    running = machine.run("docker ps --format '{{.Names}}'", user="ec2-user").stdout.split()
    assert sorted(running) == ["catalog", "registry", "registry-nginx"]


def test_docker_reads_its_settings_and_comes_back_with_the_machine_and_so_does_the_refresh(machine):
    asked = machine.run("cat /run/systemctl").stdout.splitlines()
    assert asked[:2] == ["restart docker", "enable --now docker quilt-refresh.service"]


def test_each_host_name_leads_to_its_site(machine):
    assert machine.get(DOCUMENTED["CatalogHost"], "/any/page") == (200, "<title>catalog</title>")
    status, answer = machine.get(DOCUMENTED["RegistryHost"], "/api/x?y=z")
    asked, _ = json.loads(answer)
    assert (status, asked["REQUEST_URI"], asked["UWSGI_SCHEME"]) == (200, "/api/x?y=z", "https")


def test_the_load_balancers_health_check_is_answered_by_address(machine):
    assert machine.get("10.42.0.17", "/healthcheck") == (200, "ok")


@pytest.mark.parametrize(
    ("host", "path"), [("other.example.com", "/"), ("other.example.com", "/healthcheck"), ("10.42.0.17", "/")]
)
def test_nobody_else_gets_an_answer(machine, host, path):
    assert machine.get(host, path) == (0, "")


def test_what_came_without_tls_is_sent_to_https(machine):
    host = DOCUMENTED["CatalogHost"]
    assert machine.get(host, "/a?b=c", port=8080) == (301, f"https://{host}/a?b=c")
    assert machine.get("other.example.com", port=8080) == (0, "")


def test_every_value_arrives_byte_for_byte(machine):
    _, environment = json.loads(machine.get(DOCUMENTED["RegistryHost"])[1])
    assert environment["SMTP_PASSWORD"] == HOSTILE["SmtpPassword"]
    assert environment["SMTP_USERNAME"] == HOSTILE["SmtpUsername"]
    assert environment["TEAM_NAME"] == HOSTILE["TeamName"]
    uri = f"postgresql://quilt:{HOSTILE['DBPassword']}@10.42.1.10:5432/quilt?"
    assert environment["SQLALCHEMY_DATABASE_URI"].startswith(uri)
    assert machine.run("test -e /run/never").returncode == 1


def test_the_database_was_migrated_over_tls(machine):
    assert "migrated, TLS is True" in machine.first_boot.stdout
    assert machine.sql("select count(*) from steps") == "14"


def test_no_secret_is_in_what_the_boot_printed_sent_or_left_for_others(machine):
    told = machine.first_boot.stdout + machine.first_boot.stderr
    told += json.dumps([machine.calls(action) for action in ("SignalResource", "PutLogEvents", "CreateLogStream")])
    readable = machine.run(
        "cat /opt/quilt/config.json /var/log/quilt-boot.log; cat env/* /opt/quilt/written.json", user="nobody"
    )
    told += readable.stdout
    assert "start-docker" in told
    assert not [name for name in ("DBPassword", "SmtpPassword", "SmtpUsername") if HOSTILE[name] in told]


def test_the_log_of_the_boot_is_in_cloudwatch(machine):
    (sent,) = machine.calls("PutLogEvents")
    assert sent["logStreamName"].startswith("boot-i-0123456789abcdef0-")
    assert "enable-refresh" in sent["logEvents"][0]["message"]


def test_the_catalogs_own_log_is_the_containers_output(machine):
    machine.get(DOCUMENTED["CatalogHost"], "/looked-for")
    assert "catalog was asked for /looked-for" in machine.run("docker logs catalog").stdout


def test_only_the_administrator_reads_the_environment_files(machine):
    shown = machine.run("stat --format '%n %a %U' /home/ec2-user/env/*").stdout.split("\n")
    assert shown[:-1] == [f"/home/ec2-user/env/{name} 600 ec2-user" for name in ("catalog", "registry", "stack")]


def test_sourcing_the_environment_as_documented_is_harmless(machine):
    done = machine.run('cd /home/ec2-user && . env/registry && printf %s "$SMTP_PASSWORD"', user="ec2-user")
    assert (done.stdout, done.stderr) == (HOSTILE["SmtpPassword"], "")


def test_the_first_admin_is_created_as_documented(machine):
    answers = "ada\nada@example.com\nlong password\nlong password\n"
    command = "cd /home/ec2-user && . env/registry && ./create_admin.sh"
    assert "Success." in machine.run(command, user="ec2-user", input=answers).stdout
    assert machine.sql("select name, mail from admins") == "ada|ada@example.com"
    assert machine.run(command, user="ec2-user", input=answers).returncode == 2, "an error is not hidden"


def test_the_documented_restart_restores_service(machine):
    machine.run("docker rm -f registry catalog registry-nginx", user="ec2-user")
    assert machine.get("10.42.0.17", "/healthcheck") == (0, "")
    done = machine.run("cd /home/ec2-user && ./start.sh && timeout 30 ./start.sh --wait", user="ec2-user")
    assert done.returncode == 0, done.stderr
    assert machine.get("10.42.0.17", "/healthcheck") == (200, "ok")


def test_nginx_finds_a_container_that_came_back_on_another_address(machine):
    address = "docker inspect --format '{{.NetworkSettings.Networks.quilt.IPAddress}}' registry"
    before = machine.run(address).stdout
    catalog = machine.config["content"]["Environments"]["stack"]["CATALOG_IMAGE"]
    in_between = f"docker run --detach --name in-between --network quilt {catalog}"
    machine.run(f"docker stop registry; {in_between}; docker start registry")
    assert machine.run("timeout 30 /home/ec2-user/start.sh --wait").returncode == 0
    assert machine.run(address).stdout not in (before, "\n")
    machine.run("docker rm -f in-between")


def test_a_second_boot_gives_the_same_service(machine):
    done = machine.boot()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing to migrate" in done.stdout
    assert machine.signals()[1:] == [("SUCCESS", "i-0123456789abcdef0")]
    assert machine.healthy()
    assert machine.sql("select count(*) from steps") == "14"
    assert machine.sql("select name from admins") == "ada"


def test_a_reboot_gives_the_same_service(machine):
    """Docker starts what ran before, in any order; systemd starts the refresh; user data is not run again."""
    machine.run("docker stop registry catalog registry-nginx")
    machine.run("docker start registry-nginx catalog registry")
    assert machine.refresh().returncode == 0
    machine.wait_for(machine.healthy, "healthy again", 20)
    assert machine.get(DOCUMENTED["CatalogHost"])[0] == 200


def test_an_instance_that_replaces_this_one_gives_the_same_service(machine, start):
    """From an empty root, with the same database and secrets."""
    replacement = start(machine.edition, HOSTILE, database_of=machine)
    done = replacement.boot()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing to migrate" in done.stdout
    assert replacement.healthy()
    files = "cat /home/ec2-user/env/registry | sort"
    assert replacement.run(files).stdout == machine.run(files).stdout, "a token's signature stays valid, for one"
    assert machine.sql("select name from admins") == "ada"


def test_the_roles_credentials_reach_the_registry_and_are_renewed(machine):
    if machine.edition != "marketplace":
        assert machine.run("test -e /opt/quilt/aws/credentials").returncode == 1
        return
    shown = "docker exec registry cat /etc/quilt/aws/credentials"
    assert "aws_session_token=token of ASIAFIRST" in machine.run(shown).stdout
    assert machine.run("stat --format %a%u /opt/quilt/aws/credentials").stdout == "6001234\n"
    machine.renew_credentials("ASIASECOND")
    machine.run("python3 /opt/quilt/credentials.py")
    assert "aws_session_token=token of ASIASECOND" in machine.run(shown).stdout
    assert machine.run("docker logs registry").stdout.count("reloading") == 1
