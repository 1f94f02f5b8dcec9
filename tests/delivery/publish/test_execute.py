"""Whatever happens while a version is published, it is there with all its bytes or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, product, repeat
from threading import Barrier, Semaphore, Thread
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quilt_cfn.delivery.publish.execute import ATTEMPTS, TURNS, execute
from quilt_cfn.delivery.publish.plan import Pointer, latest_key, plan_publication, pointer_content, version_key
from quilt_cfn.delivery.release.artifact import MANIFEST, SIGNATURE, SUMS, Artifact
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.release import precedence
from tests.delivery.publish.artifacts import POOL, Memory, artifact, assert_published, flip, publish, published

OURS, OTHER = artifact(big=600), artifact(note="other", big=600)
OLDER, NEWER = artifact("0.9.0", big=600), artifact("1.10.0", big=600)
KEYS = [version_key("1.0.0", name) for name in OURS.everything]
FILES = [version_key("1.0.0", name) for name in OURS.contents]
CLAIM, MANIFEST_KEY = KEYS[0], KEYS[-1]


def refusal(call: Callable[[], object]) -> UserError:
    with pytest.raises(UserError) as trouble:
        call()
    return trouble.value


def once(verb: str, key: str, action: Callable[[], object]) -> Callable[[str, str], None]:
    """A hook that acts the first time it is called with these."""
    left = [action]

    def hook(asked: str, about: str) -> None:
        if (asked, about) == (verb, key) and left:
            left.pop()()

    return hook


def test_the_claim_is_written_first_the_files_next_the_manifest_after_them_and_latest_last():
    store = Memory()
    publish(OURS, store)
    assert store.writes == [*KEYS, latest_key()]
    assert_published(OURS, store)


def test_each_step_is_read_back_before_the_next_one_begins():
    store = Memory()
    decided = plan_publication(OURS, None, store, POOL)
    store.log.clear()
    execute(decided, OURS.manifest, store, POOL, lambda: None)
    expected = [step for key in KEYS for step in (("create", key), ("read", key))]
    assert store.log == [*expected, ("create", latest_key()), ("read", latest_key())]


def test_files_are_written_at_once_and_all_of_them_before_the_manifest():
    store = Memory()
    together = Barrier(len(FILES))

    def meet(verb: str, key: str) -> None:
        if verb == "create" and key in FILES:
            together.wait(timeout=10)
        if verb == "create" and key == MANIFEST_KEY:
            assert set(FILES) <= store.held.keys()

    store.before = meet
    with ThreadPoolExecutor(len(FILES)) as pool:
        publish(OURS, store, pool)
    assert_published(OURS, store)


def test_progress_is_told_once_a_write_and_once_for_the_pointer():
    store, steps = Memory(), []
    decided = plan_publication(OURS, b"signed", store, POOL)
    execute(decided, OURS.manifest, store, POOL, lambda: steps.append(len(store.held)))
    assert len(steps) == len(decided.writes) + 1
    assert store.contents == published(OURS) | {version_key("1.0.0", SIGNATURE): b"signed"}


def test_a_second_run_writes_nothing():
    store = Memory()
    publish(OURS, store)
    there = dict(store.held)
    store.log.clear()
    publish(OURS, store)
    assert store.writes == []
    assert store.held == there


@pytest.mark.parametrize("name", [*OURS.everything, "latest"])
def test_a_write_whose_reply_was_lost_is_done(name):
    """botocore sends it again, and then the key is taken: by ourselves."""
    store = Memory()
    key = latest_key() if name == "latest" else version_key("1.0.0", name)
    content = published(OURS)[key]
    store.before = once("create", key, lambda: store.put(key, content))
    publish(OURS, store)
    assert store.writes.count(key) == 1
    assert_published(OURS, store)


@pytest.mark.parametrize("name", OURS.everything)
def test_somebody_who_writes_other_bytes_first_has_the_key(name):
    store = Memory()
    key = version_key("1.0.0", name)
    store.before = once("create", key, lambda: store.put(key, b"other"))
    trouble = refusal(lambda: publish(OURS, store))
    assert "with other bytes" in trouble.what
    assert key in trouble.what
    assert store.held[key].content == b"other"
    assert latest_key() not in store.held
    assert MANIFEST_KEY not in store.held or name == MANIFEST


def test_a_version_that_was_published_with_other_bytes_meanwhile_is_not_to_be_deleted():
    store = Memory()
    store.before = once("create", CLAIM, lambda: publish(OTHER, store))
    trouble = refusal(lambda: publish(OURS, store))
    assert trouble.what.startswith("1.0.0 is published at memory with other bytes")
    assert "delete" not in trouble.next_step
    assert_published(OTHER, store)


def test_a_version_that_was_begun_with_other_bytes_meanwhile_may_be():
    store = Memory()
    store.before = once("create", CLAIM, lambda: store.put(CLAIM, OTHER.everything[SUMS]))
    trouble = refusal(lambda: publish(OURS, store))
    assert "was begun" in trouble.what
    assert "delete" in trouble.next_step


@pytest.mark.parametrize("name", OURS.everything)
@pytest.mark.parametrize("times", [1, ATTEMPTS - 1])
def test_what_is_damaged_on_the_way_is_written_again(name, times):
    store = Memory()
    store.damages[version_key("1.0.0", name)] = times
    publish(OURS, store)
    assert store.writes.count(version_key("1.0.0", name)) == times + 1
    assert_published(OURS, store)


@pytest.mark.parametrize("name", OURS.everything)
def test_what_is_damaged_each_time_is_trouble_and_nothing_is_published(name):
    store = Memory()
    store.damages[version_key("1.0.0", name)] = 1000
    trouble = refusal(lambda: publish(OURS, store))
    assert trouble.what == f"memory/{version_key('1.0.0', name)} does not come back as it was sent."
    assert "run the command again" in trouble.next_step
    assert MANIFEST_KEY not in store.writes or name == MANIFEST
    assert latest_key() not in store.held
    store.damages.clear()
    publish(OURS, store)
    assert_published(OURS, store)


@pytest.mark.parametrize("name", OURS.everything)
def test_what_vanishes_after_it_was_written_is_written_again(name):
    store = Memory()
    key = version_key("1.0.0", name)
    store.after = once("create", key, lambda: store.held.pop(key))
    publish(OURS, store)
    assert_published(OURS, store)


@pytest.mark.parametrize("name", OURS.everything)
def test_what_was_damaged_since_it_was_published_is_mended(name):
    store = Memory(published(OURS))
    store.damage(version_key("1.0.0", name))
    publish(OURS, store)
    assert store.writes == [version_key("1.0.0", name)]
    assert_published(OURS, store)


def test_what_somebody_removes_before_it_is_mended_is_written():
    store = Memory(published(OURS))
    key = FILES[0]
    store.damage(key)
    store.before = once("replace", key, lambda: store.held.pop(key))
    publish(OURS, store)
    assert_published(OURS, store)


def test_what_is_lost_of_both_the_claim_and_the_manifest_is_restored_around_the_files():
    store = Memory(published(OURS))
    del store.held[CLAIM], store.held[MANIFEST_KEY]
    publish(OURS, store)
    assert_published(OURS, store)


@pytest.mark.parametrize("name", OURS.contents)
@pytest.mark.parametrize("verb", ["create", "read"])
def test_a_file_that_fails_keeps_the_manifest_from_being_written(verb, name):
    store = Memory()
    key = version_key("1.0.0", name)

    def fail() -> None:
        raise UserError("The network is down.", "Wait.")

    decided = plan_publication(OURS, None, store, POOL)
    store.before = once(verb, key, fail)
    trouble = refusal(lambda: execute(decided, OURS.manifest, store, POOL, lambda: None))
    assert trouble.what == "The network is down."
    assert not {MANIFEST_KEY, latest_key()} & set(store.writes)
    publish(OURS, store)
    assert_published(OURS, store)


def test_files_that_were_not_begun_when_one_fails_are_left():
    store = Memory()

    def fail(verb: str, key: str) -> None:
        if verb == "create" and key == FILES[0]:
            raise UserError("The network is down.", "Wait.")

    store.before = fail
    running, begun = Semaphore(0), Semaphore(0)
    with ThreadPoolExecutor(1) as pool:
        decided = plan_publication(OURS, None, store, POOL)
        # The only worker is busy until every file waits in its queue, and busy again right after the first of them.
        pool.submit(running.acquire)
        later: list[object] = []
        original = pool.submit

        def submit(call, /, *arguments, **named):
            future = original(call, *arguments, **named)
            later.append(future)
            if len(later) == 1:
                original(begun.acquire)
            if len(later) == len(FILES):
                running.release()
            return future

        pool.submit = submit  # type: ignore[method-assign]
        refusal(lambda: execute(decided, OURS.manifest, store, pool, lambda: None))
        begun.release()
    assert store.writes == [CLAIM, FILES[0]]


def test_latest_goes_to_the_newest_whoever_else_moves_it():
    store = Memory(published(OLDER))
    store.before = once("replace", latest_key(), lambda: publish(NEWER, store))
    assert publish(OURS, store).version == "1.10.0"
    assert store.held[latest_key()].content == pointer_content(NEWER.manifest)
    assert_published(OURS, store, latest=NEWER)


def test_latest_is_moved_again_when_somebody_older_moved_it_in_between():
    store = Memory(published(OLDER))
    between = artifact("0.9.5", big=600)
    store.before = once("replace", latest_key(), lambda: publish(between, store))
    assert publish(OURS, store).version == "1.0.0"
    assert_published(OURS, store)


@pytest.mark.parametrize(("moves", "settles"), [(TURNS // 2, True), (TURNS * 2, False)])
def test_latest_that_somebody_moves_all_the_time_is_tried_for_a_while(moves, settles):
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
        trouble = refusal(lambda: publish(OURS, store))
        assert latest_key() in trouble.what
        assert "1.0.0 is published" in trouble.next_step


def test_latest_that_is_damaged_on_the_way_is_written_again():
    store = Memory(published(OLDER))
    store.damages[latest_key()] = 3
    publish(OURS, store)
    assert_published(OURS, store)


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
            self.outcomes[me] = publish(KINDS[publisher.artifact], store)
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


KINDS = {"ours": OURS, "other": OTHER, "older": OLDER, "newer": NEWER}
LONG = 1000


def readers_see_no_mixture(states: Sequence[dict[str, bytes]]) -> None:
    """What has a manifest is complete, and `latest.json` names such a version, and never an older one than before."""
    pointers = {pointer_content(each.manifest): each for each in KINDS.values()}
    pointed = [pointers[state[latest_key()]] for state in states if latest_key() in state]
    numbers = [precedence(each.version) for each in pointed]
    assert numbers == sorted(numbers)
    for state in states:
        complete = [each for each in KINDS.values() if state.get(manifest_key(each)) == each.manifest.content]
        for each in complete:
            assert published(each).items() - state.items() <= {(latest_key(), pointer_content(each.manifest))}
        assert latest_key() not in state or pointers[state[latest_key()]] in complete


def manifest_key(each: Artifact) -> str:
    return version_key(each.version, MANIFEST)


@settings(max_examples=150)
@given(
    st.sampled_from([("ours", "ours", "ours"), ("ours", "other", "other"), ("ours", "newer", "older")]),
    st.lists(st.integers(0, 30) | st.just(LONG), min_size=3, max_size=3),
    st.lists(st.integers(0, 2), max_size=100),
    st.booleans(),
)
def test_publishers_beside_each_other_and_killed_anywhere_never_mix_anything(names, lifetimes, schedule, before):
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
    # What the killed ones left is finished by whoever has its bytes, and by nobody else.
    claimed = [name for name in names if store.contents.get(CLAIM) in (None, KINDS[name].manifest.sums)]
    claimed = [name for name in names if name == claimed[0] or "other" not in names]
    for name in claimed:
        publish(KINDS[name], store)
    there = [each for name, each in KINDS.items() if name in claimed or (name == "older" and before)]
    assert store.contents == published(*sorted(there, key=lambda each: precedence(each.version)))


@pytest.mark.parametrize("second", ["ours", "other", "newer"])
def test_a_publisher_may_come_and_be_killed_at_any_two_requests_of_another(second):
    for begins, dies in product(range(0, 20, 1), range(0, 20, 3)):
        run = Interleaved(Memory(), [Publisher("ours", LONG), Publisher(second, dies)], [0] * begins + [1] * 30)
        readers_see_no_mixture(run.states)
        first, _ = run.outcomes
        assert isinstance(first, Pointer) or (second == "other" and isinstance(first, UserError))


@given(st.sampled_from(sorted(OURS.everything)), st.data())
def test_no_byte_of_a_published_version_is_ever_replaced_by_another(name, data):
    store = Memory(published(OURS))
    content = OURS.everything[name]
    changed = flip(content, data.draw(st.integers(0, len(content) - 1)))
    store.put(version_key("1.0.0", name), changed)
    there = dict(store.held)
    refusal(lambda: publish(OURS, store))
    assert store.held == there
