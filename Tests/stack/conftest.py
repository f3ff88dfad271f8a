"""What all tests of the stack share: where things are, which tests take long, and the closing line."""

import os
import pathlib
import signal

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="run the tests that take minutes too")


def interrupt(*_):
    raise KeyboardInterrupt


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes minutes; run with --long alone")
    # The end of a test must come also when it is ended from outside: what it started is stopped there. Not by way of
    # SIGINT, which a shell's background processes ignore.
    signal.signal(signal.SIGTERM, interrupt)


def pytest_collection_modifyitems(config, items):
    if config.getoption("--long"):
        return
    for item in items:
        if "long" in item.keywords:
            item.add_marker(pytest.mark.skip(reason=f"{item.name} takes minutes: make test-stack"))


def pytest_unconfigure(config):
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    count = {what: len(reporter.stats.get(what, [])) for what in ("passed", "failed", "error", "skipped")}
    print(
        f"{count['passed']} passed, {count['failed'] + count['error']} failed, {count['skipped']} skipped", flush=True
    )


@pytest.fixture(scope="session")
def root():
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def contracts(request):
    """The folder with the public API descriptions. What needs it is skipped without it."""
    folder = pathlib.Path(os.environ.get("FAIRLEAD_CONTRACTS", ROOT.parent / "shared/contracts"))
    if not folder.is_dir():
        pytest.skip(f"there are no contracts in {folder}")
    return folder


@pytest.fixture(scope="session")
def built():
    """The folder with our programs; a test skips what is not built."""
    return pathlib.Path(os.environ.get("FAIRLEAD_BUILD", ROOT / ".build/debug"))


@pytest.fixture
def world(tmp_path, built):
    """A place to run deploy/stack in."""
    from world import World

    made = World(tmp_path, built)
    yield made
    made.close()
    # Where there are contracts: every request, and every answer of the account, was as the API's description has it.
    assert made.server.drift == []
