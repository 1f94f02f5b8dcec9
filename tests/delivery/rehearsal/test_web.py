"""The sites are asked by TLS, under their own names, at another address."""

from __future__ import annotations

import ssl

import pytest

from quilt_cfn.delivery.rehearsal import web
from tests.delivery.publish.servers import Handler, Reply, Server


@pytest.fixture
def faults(doors, values):
    def faults(**changes):
        hosts = (values["RegistryHost"], values["CatalogHost"])
        return [*web.faults(doors._replace(**changes), "stack.elb.example.com", *hosts)]

    return faults


def test_sites_that_answer_as_they_should_have_no_fault(faults):
    assert faults() == []


@pytest.mark.parametrize(
    ("path", "reply", "said"),
    [
        ("/healthcheck", Reply(503, [], b"starting"), "answers 503 instead of 200"),
        ("/healthcheck", Reply(200, [], b"<html>"), "answers something else than ok"),
        ("/api/login", Reply(500, [], b""), "/api/login answers 500 instead of 401"),
        ("/api/login", Reply(200, [], b"{}"), "/api/login answers 200 instead of 401"),
        ("/", Reply(502, [], b""), "/ answers 502 instead of 200"),
        ("/", Reply(200, [], b"ok"), "answers no page"),
    ],
)
def test_each_wrong_answer_is_a_fault(faults, sites, path, reply, said):
    sites.answers[path] = reply
    [fault] = faults()
    assert said in fault


def test_port_80_has_to_lead_to_https(faults, sites):
    sites.redirection = Reply(200, [], b"plain")
    assert any("is not redirected to https: it answers 200" in fault for fault in faults())
    sites.redirection = Reply(301, [("Location", "https://another.example.com/")], b"")
    assert any("is not redirected" in fault for fault in faults())


def test_each_site_is_asked_for_by_its_name(doors, values):
    class ByName(Handler):
        def answer(self, body):
            return Reply(301, [("Location", f"https://{self.headers['Host']}{self.path}")], b"")

    hosts = (values["RegistryHost"], values["CatalogHost"])
    with Server(ByName) as server:
        assert [*web.faults(doors._replace(http=server.server_port), "stack.elb.example.com", *hosts)] == []


def test_a_certificate_that_nobody_vouches_for_is_a_fault(faults):
    found = faults(context=ssl.create_default_context)
    assert len(found) == 3
    assert all("its certificate is not valid: self" in fault for fault in found)


def test_a_certificate_of_another_name_is_a_fault(doors, tls):
    found = [*web.faults(doors, "stack.elb.example.com", "registry.another.example.com", "another.example.com")]
    assert len([fault for fault in found if "certificate is not valid: Hostname mismatch" in fault]) == 3


def test_nobody_who_listens_is_a_fault(faults):
    assert faults(https=1, http=1) == [fault for fault in faults(https=1, http=1) if "Connection refused" in fault]
    assert len(faults(https=1, http=1)) == 4
