"""Whatever happens while a version is published, it is there with all its bytes or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from itertools import chain, repeat
from threading import Barrier, Semaphore, Thread
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quilt_cfn.delivery.publish.execute import POINTER_ATTEMPTS, WRITE_ATTEMPTS, execute
from quilt_cfn.delivery.publish.plan import Pointer, latest_key, plan_publication, version_key
from quilt_cfn.delivery.release.artifact import MANIFEST, SUMS, Artifact
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.release import precedence
from tests.delivery.publish.artifacts import (
    KEY,
    NOW,
    POOL,
    Memory,
    artifact,
    assert_published,
    pointer_content,
    publish,
    published,
)

OURS, OTHER = artifact(big=600), artifact(note="other", big=600)
OLDER, NEWER = artifact("0.9.0", big=600), artifact("1.10.0", big=600)
KEYS = [version_key("1.0.0", name) for name in OURS.everything]
FILES = [version_key("1.0.0", name) for name in OURS.contents]
SUMS_KEY, MANIFEST_KEY = KEYS[0], KEYS[-1]


def refusal(call: Callable[[], object]) -> UserError:
    with pytest.raises(UserError) as error:
        call()
    return error.value


def once(verb: str, key: str, action: Callable[[], object]) -> Callable[[str, str], None]:
    """A hook that acts the first time that it is called with these."""
    left = [action]

    def hook(called: str, about: str) -> None:
        if (called, about) == (verb, key) and left:
            left.pop()()

    return hook


def test_the_sums_are_written_first_the_files_next_the_manifest_after_them_and_latest_last():
    store = Memory()
    publish(OURS, store)
    assert store.writes == [*KEYS, latest_key()]
    assert_published(OURS, store)


def test_each_step_is_read_back_before_the_next_one_begins():
    store = Memory()
    decided = plan_publication(OURS, None, store, POOL, NOW)
    store.log.clear()
    execute(decided, OURS.manifest, store, POOL, lambda: None)
    steps = [[("create", key), ("read" if key == latest_key() else "digest", key)] for key in (*KEYS, latest_key())]
    conditions = [("refused", SUMS_KEY), ("refused", SUMS_KEY)]
    assert store.log == [*steps[0], *conditions, *chain(*steps[1:])]


@pytest.mark.parametrize("condition", ["If-None-Match", "If-Match"])
@pytest.mark.parametrize("began", [False, True], ids=["first", "again"])
def test_to_a_store_that_ignores_a_condition_nothing_is_published_but_the_sums(condition, began):
    store = Memory({SUMS_KEY: OURS.manifest.sums} if began else {})
    store.ignores = {condition}
    error = refusal(lambda: publish(OURS, store))
    assert error.what.startswith(f"memory ignores the condition of a write ({condition})")
    assert "Amazon S3" in error.next_step
    assert store.contents == {SUMS_KEY: OURS.manifest.sums}


def test_a_published_version_stays_as_it_is_on_a_store_that_ignores_conditions():
    store = Memory(published(OURS))
    store.ignores = {"If-None-Match", "If-Match"}
    assert "with other bytes" in refusal(lambda: publish(OTHER, store)).what
    assert "ignores the condition" in refusal(lambda: publish(NEWER, store)).what
    publish(OURS, store)  # nothing is to be written
    assert store.contents == published(OURS) | {version_key("1.10.0", SUMS): NEWER.manifest.sums}


def test_files_are_written_at_once_and_all_of_them_before_the_manifest():
    store = Memory()
    together = Barrier(len(FILES))

    def meet(verb: str, key: str) -> None:
        if verb == "create" and key in FILES:
            together.wait(timeout=60)
        if verb == "create" and key == MANIFEST_KEY:
            assert set(FILES) <= store.held.keys()

    store.before = meet
    with ThreadPoolExecutor(len(FILES)) as pool:
        publish(OURS, store, pool)
    assert_published(OURS, store)


def test_progress_is_reported_after_each_write_and_after_the_pointer():
    store, steps = Memory(), []
    decided = plan_publication(OURS, KEY, store, POOL, NOW)
    execute(decided, OURS.manifest, store, POOL, lambda: steps.append(len(store.held)))
    assert len(steps) == len(decided.writes) + 1
    assert store.contents == published(OURS, key=KEY)


def test_a_second_run_writes_nothing():
    store = Memory()
    publish(OURS, store)
    there = dict(store.held)
    store.log.clear()
    publish(OURS, store)
    assert store.writes == []
    assert store.held == there


@pytest.mark.parametrize("name", OURS.everything)
def test_a_publisher_who_writes_other_bytes_first_keeps_the_key(name):
    store = Memory()
    key = version_key("1.0.0", name)
    store.before = once("create", key, lambda: store.put(key, b"other"))
    error = refusal(lambda: publish(OURS, store))
    assert "with other bytes" in error.what
    assert key in error.what
    assert store.held[key].content == b"other"
    assert ("was published in part" in error.what) is (name != MANIFEST)
    assert latest_key() not in store.held
    assert MANIFEST_KEY not in store.held or name == MANIFEST


def test_a_version_that_was_published_with_other_bytes_meanwhile_is_not_to_be_deleted():
    store = Memory()
    store.before = once("create", SUMS_KEY, lambda: publish(OTHER, store))
    error = refusal(lambda: publish(OURS, store))
    assert error.what.startswith("1.0.0 is published at memory with other bytes")
    assert "delete" not in error.next_step
    assert_published(OTHER, store)


@pytest.mark.parametrize("key", [*KEYS, latest_key()])
def test_what_is_damaged_on_the_way_is_written_again(key):
    store = Memory()
    store.damages[key] = WRITE_ATTEMPTS - 1
    publish(OURS, store)
    assert store.writes.count(key) == WRITE_ATTEMPTS
    assert_published(OURS, store)


@pytest.mark.parametrize("name", OURS.everything)
def test_what_is_damaged_each_time_is_an_error_and_nothing_is_published(name):
    store = Memory()
    store.damages[version_key("1.0.0", name)] = 1000
    error = refusal(lambda: publish(OURS, store))
    assert error.what == f"memory/{version_key('1.0.0', name)} does not come back as it was sent."
    assert "run the command again" in error.next_step
    assert MANIFEST_KEY not in store.writes or name == MANIFEST
    assert latest_key() not in store.held
    store.damages.clear()
    publish(OURS, store)
    assert_published(OURS, store)


def test_what_vanishes_after_it_was_written_is_written_again():
    store = Memory()
    store.after = once("create", FILES[0], lambda: store.held.pop(FILES[0]))
    publish(OURS, store)
    assert_published(OURS, store)


@pytest.mark.parametrize("name", OURS.everything)
def test_what_was_damaged_since_it_was_published_is_repaired(name):
    store = Memory(published(OURS))
    store.damage(version_key("1.0.0", name))
    publish(OURS, store)
    assert store.writes == [version_key("1.0.0", name)]
    assert_published(OURS, store)


def test_what_is_removed_before_it_is_repaired_is_written():
    store = Memory(published(OURS))
    key = FILES[0]
    store.damage(key)
    store.before = once("replace", key, lambda: store.held.pop(key))
    publish(OURS, store)
    assert_published(OURS, store)


def test_sums_and_manifest_that_are_lost_are_restored_around_the_files():
    store = Memory(published(OURS))
    del store.held[SUMS_KEY], store.held[MANIFEST_KEY]
    publish(OURS, store)
    assert_published(OURS, store)


@pytest.mark.parametrize("name", OURS.contents)
@pytest.mark.parametrize("verb", ["create", "digest"])
def test_a_file_that_fails_keeps_the_manifest_from_being_written(verb, name):
    store = Memory()
    key = version_key("1.0.0", name)

    def fail() -> None:
        raise UserError("The network is down.", "Wait.")

    decided = plan_publication(OURS, None, store, POOL, NOW)
    store.before = once(verb, key, fail)
    error = refusal(lambda: execute(decided, OURS.manifest, store, POOL, lambda: None))
    assert error.what == "The network is down."
    assert not {MANIFEST_KEY, latest_key()} & set(store.writes)
    publish(OURS, store)
    assert_published(OURS, store)


class Waiting(Executor):
    """Executes only the first call."""

    def __init__(self) -> None:
        self.futures: list[Future[Any]] = []

    def submit(self, call: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        self.futures.append(Future() if self.futures else POOL.submit(call, *arguments, **named))
        return self.futures[-1]


def test_files_that_were_not_begun_when_one_fails_are_not_written():
    store, pool = Memory(), Waiting()
    decided = plan_publication(OURS, None, store, POOL, NOW)
    store.before = once("digest", FILES[0], lambda: store.put(FILES[0], b"other"))
    refusal(lambda: execute(decided, OURS.manifest, store, pool, lambda: None))
    assert [future.cancelled() for future in pool.futures] == [False, *[True] * (len(FILES) - 1)]


def test_latest_goes_to_the_newest_when_another_publisher_moves_it():
    store = Memory(published(OLDER))
    store.before = once("replace", latest_key(), lambda: publish(NEWER, store))
    assert publish(OURS, store).version == "1.10.0"
    assert store.held[latest_key()].content == pointer_content(NEWER.manifest)
    assert_published(OURS, store, latest=NEWER)


def test_latest_is_moved_again_when_the_publisher_of_an_older_version_moved_it_meanwhile():
    store = Memory(published(OLDER))
    between = artifact("0.9.5", big=600)
    store.before = once("replace", latest_key(), lambda: publish(between, store))
    assert publish(OURS, store).version == "1.0.0"
    assert_published(OURS, store)


def test_latest_is_signed_also_when_it_is_moved_again():
    store = Memory(published(OLDER, key=KEY))
    between = artifact("0.9.5", big=600)
    store.before = once("replace", latest_key(), lambda: publish(between, store, key=KEY))
    publish(OURS, store, key=KEY)
    assert store.contents[latest_key()] == pointer_content(OURS.manifest, KEY)


def test_latest_keeps_its_signature_when_another_publisher_signed_it_meanwhile():
    store = Memory(published(OLDER))
    store.before = once("replace", latest_key(), lambda: publish(OLDER, store, key=KEY))
    assert "is signed" in refusal(lambda: publish(OURS, store)).what
    assert store.contents[latest_key()] == pointer_content(OLDER.manifest, KEY)


def test_latest_is_moved_again_when_another_publisher_moved_it_to_a_withdrawn_version_meanwhile():
    store = Memory(published(OLDER))
    decided = plan_publication(OURS, None, store, POOL, NOW, frozenset({NEWER.version}))
    store.before = once("replace", latest_key(), lambda: publish(NEWER, store))
    assert execute(decided, OURS.manifest, store, POOL, lambda: None).version == "1.0.0"
    assert_published(OURS, store)


@pytest.mark.parametrize(("moves", "settles"), [(POINTER_ATTEMPTS // 2, True), (POINTER_ATTEMPTS * 2, False)])
def test_latest_that_is_moved_all_the_time_is_tried_for_a_while(moves, settles):
    store = Memory(published(OLDER))
    left = iter(range(moves))

    def meddle(verb: str, key: str) -> None:
        if key == latest_key() and verb in ("create", "replace") and next(left, None) is not None:
            store.put(latest_key(), pointer_content(OLDER.manifest))

    store.before = meddle
    if settles:
        assert publish(OURS, store).version == "1.0.0"
        assert_published(OURS, store)
    else:
        error = refusal(lambda: publish(OURS, store))
        assert latest_key() in error.what
        assert "1.0.0 is published" in error.next_step


class Killed(BaseException):
    """What ends a publisher between two requests."""


class Publisher(NamedTuple):
    artifact: str
    lifetime: int
    """After so many requests it is killed."""


class Interleaved:
    """Publishers in threads of which one runs at any time, from its request to its next, as a schedule says."""

    def __init__(self, store: Memory, publishers: Sequence[Publisher], schedule: Iterable[int]) -> None:
        self.states: list[dict[str, bytes]] = [store.contents]
        """What was there after each request."""
        self.outcomes: list[object] = [None] * len(publishers)
        """Pointer, UserError or Killed."""
        self._paused = Semaphore(0)
        self._turns = [Semaphore(0) for _ in publishers]
        self._requests = [0] * len(publishers)
        self._lifetimes = [each.lifetime for each in publishers]
        self._current = 0
        store.before = self._pause
        threads = [Thread(target=self._run, args=(me, each, store)) for me, each in enumerate(publishers)]
        for thread in threads:
            thread.start()
        alive = list(range(len(publishers)))
        for choice in chain(schedule, repeat(0)):
            self._current = alive[choice % len(alive)]
            self._turns[self._current].release()
            self._paused.acquire()
            self.states.append(store.contents)
            if self.outcomes[self._current] is not None:
                alive.remove(self._current)
            if not alive:
                break
        for thread in threads:
            thread.join()
        store.before = lambda verb, key: None

    def _run(self, me: int, publisher: Publisher, store: Memory) -> None:
        self._turns[me].acquire()
        try:
            self.outcomes[me] = publish(ARTIFACTS[publisher.artifact], store)
        except BaseException as outcome:
            self.outcomes[me] = outcome
        self._paused.release()

    def _pause(self, verb: str, key: str) -> None:
        me = self._current
        self._requests[me] += 1
        if self._requests[me] > self._lifetimes[me]:
            raise Killed
        self._paused.release()
        self._turns[me].acquire()


ARTIFACTS = {"ours": OURS, "other": OTHER, "older": OLDER, "newer": NEWER}
LONG = 1000


def readers_see_no_mixture(states: Sequence[dict[str, bytes]]) -> None:
    """What has a manifest is complete, and `latest.json` names such a version, and never an older one than before."""
    pointers = {pointer_content(each.manifest): each for each in ARTIFACTS.values()}
    pointed = [pointers[state[latest_key()]] for state in states if latest_key() in state]
    numbers = [precedence(each.version) for each in pointed]
    assert numbers == sorted(numbers)
    for state in states:
        complete = [each for each in ARTIFACTS.values() if state.get(manifest_key(each)) == each.manifest.content]
        for each in complete:
            assert published(each).items() - state.items() <= {(latest_key(), pointer_content(each.manifest))}
        assert latest_key() not in state or pointers[state[latest_key()]] in complete


def manifest_key(each: Artifact) -> str:
    return version_key(each.version, MANIFEST)


@settings(max_examples=100)
@given(
    st.sampled_from([("ours", "ours", "ours"), ("ours", "other", "other"), ("ours", "newer", "older")]),
    st.lists(st.integers(0, 30) | st.just(LONG), min_size=3, max_size=3),
    st.lists(st.integers(0, 2), max_size=100),
    st.booleans(),
)
def test_publishers_at_the_same_time_and_killed_anywhere_never_mix_anything(names, lifetimes, schedule, before):
    store = Memory(published(OLDER) if before else None)
    publishers = [Publisher(*each) for each in zip(names, lifetimes, strict=True)]
    run = Interleaved(store, publishers, schedule)
    readers_see_no_mixture(run.states)
    succeeded = {name for name, outcome in zip(names, run.outcomes, strict=True) if isinstance(outcome, Pointer)}
    refused = {name for name, outcome in zip(names, run.outcomes, strict=True) if isinstance(outcome, UserError)}
    assert not succeeded & refused
    assert refused <= ({"ours", "other"} if "other" in names else set())
    assert all(isinstance(each, Pointer | UserError | Killed) for each in run.outcomes)
    if set(lifetimes) == {LONG}:
        assert len(succeeded) == (1 if "other" in names else len(set(names)))
    # What the killed ones left is finished by a publisher with the same bytes, and by no other.
    finishing = [name for name in names if store.contents.get(SUMS_KEY) in (None, ARTIFACTS[name].manifest.sums)]
    finishing = [name for name in names if name == finishing[0] or "other" not in names]
    for name in finishing:
        publish(ARTIFACTS[name], store)
    there = [each for name, each in ARTIFACTS.items() if name in finishing or (name == "older" and before)]
    assert store.contents == published(*sorted(there, key=lambda each: precedence(each.version)))
