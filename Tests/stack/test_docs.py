"""The guides of the reference stack: what they tell people to type is typed here, and what they say of money adds up."""
import pathlib
import re
import subprocess

import pytest

from mock import prices
from world import ROOT, World

GUIDES = ["quick-start", "architecture", "deployment-checklist", "troubleshooting", "cost", "security"]
ACCOUNT = "# needs an account"


def text_of(guide):
    return (ROOT / f"docs/{guide}.md").read_text()


def blocks(guide):
    """The fenced blocks of shell, in order."""
    return re.findall(r"^```sh\n(.*?)^```", text_of(guide), re.MULTILINE | re.DOTALL)


def commands(guide):
    """Those that need no account, a line each, continued lines joined."""
    return [line for block in blocks(guide) if not block.startswith(ACCOUNT)
            for line in block.replace("\\\n", "").splitlines() if line and not line.startswith("#")]


def type_in(world, line):
    """A line as somebody would type it, who answers what is asked."""
    answers = "yes\n" if " up" in line else "todo-production\n"
    done = subprocess.run(["bash", "-euc", line], cwd=world.folder, env=world.environment, input=answers, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    assert done.returncode == 0, f"{line}\n{done.stdout}"


@pytest.mark.long
def test_every_command_of_the_guides_works(tmp_path, built):
    """All lines of all guides that are not marked, against the account in memory, with the settings as they ship."""
    world = World(tmp_path, built)
    try:
        del world.environment["STACK_STATE"]
        (world.folder / "deploy").symlink_to(ROOT / "deploy")
        lines = [line for guide in GUIDES for line in commands(guide)]
        assert len(lines) > 12
        # Each once, as long as there is something to look at, and what takes it away at the end.
        rest = [line for line in dict.fromkeys(lines) if line != "deploy/stack down"]
        for line in rest:
            if line.startswith("export "):
                name, value = line.removeprefix("export ").split("=")
                world.environment[name] = value.replace("~", str(world.folder))
            else:
                type_in(world, line)
        assert world.bill()[0]
        type_in(world, "deploy/stack down")
        assert world.bill() == ({}, [])
        assert world.server.drift == []
    finally:
        world.close()


def test_what_needs_an_account_is_what_no_test_can_run():
    for guide in GUIDES:
        for block in blocks(guide):
            if block.startswith(ACCOUNT):
                assert re.search(r"port-forward|doctor", block), f"{guide}: {block}"
        opening = re.findall(r"^```(.*)\n", text_of(guide), re.MULTILINE)[::2]
        assert set(opening) <= {"sh", "mermaid"}, f"{guide}: a block that this test does not see"


def test_links_lead_somewhere():
    # Pages of others' parts, by now or soon: `docs/runbooks`.
    for guide in GUIDES:
        for target in re.findall(r"\]\(([^)#]*)(?:#[^)]*)?\)", text_of(guide)):
            if target and "://" not in target and not target.startswith("runbooks/"):
                assert (ROOT / "docs" / target).exists(), f"{guide}: {target}"
        for path in re.findall(r"`((?:deploy|docs|pipelines)/[^` ]+)`", text_of(guide)):
            assert (ROOT / path).exists(), f"{guide}: {path}"


def test_costs_are_those_of_the_price_table():
    parts = prices.parts(ROOT / "deploy/terraform")
    rows = dict(re.findall(r"^\| \**([^|]+?)\** \|[^|]*\| \**([0-9.]+)\** \|$", text_of("cost"), re.MULTILINE))
    named = {"nodes": "nodes", "node for builds": "build_node", "control plane": "control_plane",
             "load balancers": "load_balancers", "block storage": "block_storage", "registry": "registry"}
    assert {name: float(rows[name]) for name in named} == {name: parts[key] for name, key in named.items()}
    assert float(rows["at rest"]) == sum(parts.values())
    assert float(rows["at most"]) == sum(parts.values()) + float(rows["nodes that the autoscaler may add"])
    assert float(rows["nodes that the autoscaler may add"]) == prices.more_nodes(ROOT / "deploy/terraform")
    assert set(named.values()) == set(parts), "block storage and control plane are in it, and whatever else Terraform counts"
    as_of = prices.as_of(ROOT / "deploy/terraform")
    assert f"Prices are those of {as_of}" in text_of("cost")
    for name, gib in prices.volumes(ROOT / "deploy/terraform").items():
        assert f"{name.capitalize()} {gib}" in text_of("cost")


def test_no_guide_and_no_script_puts_a_secret_on_a_command_line():
    files = [*pathlib.Path(ROOT / "docs").rglob("*.md"), ROOT / "deploy/stack", *(ROOT / "deploy/stack.d").iterdir(),
             *(ROOT / "deploy").rglob("*.md")]
    for file in files:
        for line in file.read_text().splitlines():
            assert not re.search(r"--from-literal=\S*(token|secret|password|[A-Z]{4,})", line), f"{file}: {line}"
            assert not re.search(r"(--password|--access-token|--docker-password)[= ]\"?\$", line), f"{file}: {line}"
            assert not re.search(r"(curl|doctl|helm|kubectl)\b.*\$\((cat|<)", line), f"{file}: {line}"
