"""160 clients at once, while the registry gets other credentials: every request is answered."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from tests.boot.conftest import Start
from tests.boot.instance import Instance
from tests.boot.load import Kind, Load
from tests.boot.network import Network
from tests.launches import DOCUMENTED

pytestmark = pytest.mark.exhaustive

REGISTRY = DOCUMENTED["RegistryHost"]
KINDS = [Kind("GET", REGISTRY, "/api/packages", 80, 200), Kind("GET", REGISTRY, "/api/key", 80, 200)]
CLIENTS = 160
IMPORT_SECONDS = 2.5
"""How long the real registry imports what it needs, until which no worker takes requests."""


@pytest.fixture
def network() -> Iterator[Network]:
    with Network() as network:
        yield network


def boot(start: Start, edition: str, network: Network) -> Instance:
    instance = start(edition, network=network)
    done = instance.boot()
    assert done.returncode == 0, done.stdout + done.stderr
    instance.run(f"echo {IMPORT_SECONDS} >/opt/quilt/aws/import-seconds")
    return instance


def load_on(instance: Instance, network: Network) -> Load:
    return Load(network, KINDS, instance.address, CLIENTS // len(KINDS))


def test_while_credentials_are_renewed_no_request_is_lost(start, network):
    instance = boot(start, "marketplace", network)
    with load_on(instance, network) as load:
        for key in ("ASIASECOND", "ASIATHIRD"):
            load.wait_for_answers(4 * CLIENTS)
            instance.renew_credentials(key)
            assert instance.refresh().returncode == 0
            instance.wait_for(partial(load.has_answer, key), "the reload")
    assert not load.lost(), str(load)


def test_while_the_key_is_rotated_no_request_is_lost(start, network):
    instance = boot(start, "registry", network)
    instance.create_access_keys(("AKIAFIRST", "s/e+c"), ("AKIASECOND", "second"))
    with load_on(instance, network) as load:
        load.wait_for_answers(4 * CLIENTS)
        done = instance.run("cd /home/ec2-user && ./rotate_key.sh", user="ec2-user", input="AKIASECOND\nsecond\n")
        instance.wait_for(lambda: load.has_answer("AKIASECOND"), "the reload")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not load.lost(), str(load)
