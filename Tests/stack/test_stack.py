"""deploy/stack against the DigitalOcean account in memory, with our API server as the clusters and a real Fairlead in them."""
import base64
import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading
import urllib.request

import pytest
import yaml

from mock.account import Refused
from world import FOR_FAIRLEAD, GITHUB, OPERATOR, ROOT, World, command_lines, runs_of, succeed

PIPELINES = [line for line in (ROOT / "pipelines/stack/order").read_text().split("\n") if line and line[0] != "#"]


def test_check_finds_nothing_wrong_and_changes_nothing(world):
    said = succeed(world, "check")
    assert "All is well" in said and "BAD" not in said
    assert world.account.changes == [] and not (world.folder / "state").exists()


def set_account(**fields):
    return lambda world: world.account.__dict__.update(fields)


def set_setting(**fields):
    return lambda world: world.settings.update(fields)


def set_token(**fields):
    return lambda world: world.environment.update(fields)


def without(tool):
    """A PATH where a tool is missing: links to all others, and none to this one."""
    def change(world):
        folder = world.folder / "fewer"
        folder.mkdir()
        for place in reversed(world.environment["PATH"].split(":")):
            for file in pathlib.Path(place).iterdir() if os.path.isdir(place) else ():
                link = folder / file.name
                link.unlink(missing_ok=True)
                if file.name != tool:
                    link.symlink_to(file)
        world.environment["PATH"] = str(folder)
    return change


def old(tool, answer):
    def change(world):
        program = world.folder / "tools" / tool
        program.write_text(f"#!/bin/sh\necho '{answer}'\n")
    return change


def exists(kind, **fields):
    return lambda world: world.account.add(kind, **fields)


def own_registry(world):
    world.account.registries["acme-todo"] = {"id": "1", "name": "acme-todo", "created_at": "2026-01-01T00:00:00Z",
                                             "repositories": {}, "region": "fra1", "storage_usage_bytes": 0,
                                             "collections": []}


@pytest.mark.parametrize("spoils, told", [
    ([without("jq")], ["jq is missing"]),
    ([without("podman"), old("kubectl", '{"clientVersion": {"gitVersion": "v1.27.0"}}'),
      old("terraform", '{"terraform_version": "1.5.7"}')],
     ["podman is missing", "kubectl is 1.27.0: 1.32 or later", "terraform is 1.5.7: 1.9 or later"]),
    ([set_token(FAIRLEAD_DIGITALOCEAN_TOKEN=OPERATOR, FAIRLEAD_GITHUB_TOKEN="")],
     ["FAIRLEAD_DIGITALOCEAN_TOKEN is your own token", "FAIRLEAD_GITHUB_TOKEN is not set"]),
    ([set_token(DIGITALOCEAN_TOKEN="")], ["DIGITALOCEAN_TOKEN is not set"]),
    ([set_token(DIGITALOCEAN_TOKEN="dop_v1_revoked")], ["the API refuses the token"]),
    ([set_account(status="locked", email_verified=False, droplet_limit=3, volume_limit=5),
      set_token(FAIRLEAD_DIGITALOCEAN_TOKEN="dop_v1_revoked")],
     ["the account is locked", "verify the account's e-mail address", "the limit of 3 Droplets leaves no room for 7",
      "the limit of 5 volumes", "FAIRLEAD_DIGITALOCEAN_TOKEN may not look at registries (401)"]),
    ([set_setting(REGION="nyc2"), exists("projects", name="todo-test"),
      exists("vpcs", name="todo-test", region="fra1", ip_range="10.7.0.0/20"), own_registry,
      set_token(FAIRLEAD_GITHUB_TOKEN="github_pat_revoked")],
     ["has no clusters; these have: fra1 ams3 nyc3 lon1", "there is a project todo-test already",
      "there is a VPC todo-test already", "there is a registry acme-todo already",
      "does not read branch main of acme/stack (401)"]),
    ([set_setting(REGION="lon1", REPOSITORY="acme/elsewhere"), set_account(taken_registries={"acme-todo"})],
     ["has no registries; these have: nyc3", "registry's name acme-todo is not to be had",
      "does not read branch main of acme/elsewhere (404)"]),
], ids=["jq", "tools", "tokens", "no token", "token", "account", "names", "region"])
def test_check_finds_each_thing_that_is_wrong(world, spoils, told):
    for spoil in spoils:
        spoil(world)
    status, said = world.run("check")
    assert status == 1 and [line for line in told if line not in said] == [], said
    assert world.account.changes == []


def test_up_begins_nothing_with_a_check_that_failed(world):
    world.settings["REGION"] = "lon1"
    status, said = world.run("up", "--yes")
    assert status == 1 and "has no registries" in said and world.account.changes == []


CANNOT_BE = [
    ("BRANCH", "main#1", "is made of"), ("BRANCH", "a&b", "is made of"), ("BRANCH", "a b", "is made of"),
    ("BRANCH", "a/../../b", "is made of"), ("BRANCH", "main\r", "is made of"), ("BRANCH", "-f", "is made of"),
    ("REPOSITORY", "", "is not set"), ("REPOSITORY", "acme/..", "is OWNER/NAME"), ("REPOSITORY", "acme/a?b=c", "is OWNER/NAME"),
    ("REGISTRY", "acme/../other", "is made of"), ("REGION", "fra1&x", "is the short"), ("CONTROL_PLANE_ALLOWED", "me", "is blocks"),
    ("HOST", "localhost", "is the name"), ("HOST", "a..example.com", "is the name"), ("TODO_HOST", "x.com/#", "is the name"),
    ("TODO_HOST", "deploy.example.com", "are two names"), ("HA_CONTROL_PLANE", "1", "is true or false")]


@pytest.mark.parametrize("command, key, value, told", [
    *(("check", *one) for one in CANNOT_BE),
    *((command, *one) for command in ("up", "status", "down")
      for one in (("BRANCH", "#;e touch ran;#", "is made of"), ("NAME", "../x", "is made of")))])
def test_no_command_begins_with_a_setting_that_cannot_be(world, command, key, value, told):
    world.settings[key] = value
    status, said = world.run(command, "--yes")
    assert status == 1 and re.search(f"^  {key} .*{told}|^  .*{key} {told}", said, re.M), said
    assert world.server.requests == [] and not (world.folder / "state").exists()
    assert not list(world.folder.rglob("ran"))


def test_any_name_of_a_branch_is_written_as_it_is(world):
    """Also one that YAML would take for something else."""
    world.settings |= {"BRANCH": "on", "NAME": "0", "REGISTRY": "1e3"}
    world.server.fail("GET", "/github/repos/acme/stack/branches/on", 404, times=9)
    status, said = world.run("check")
    assert "does not read branch on of acme/stack (404)" in said
    filter = 'set -euo pipefail; shopt -s inherit_errexit; . deploy/stack.d/common.sh; . deploy/stack.d/settings.sh'
    script = f"""{filter}; . deploy/stack.d/fairlead.sh
        state=$STATE dry_run=1 version=1 root=. settings=$SETTINGS home=$STATE
        digest_of() {{ printf 'sha256:%064d' 7; }}
        read_settings; render_overlay"""
    subprocess.run(["bash", "-c", script], check=True, cwd=ROOT, env=world.environment | {
        "STATE": str(world.folder), "SETTINGS": str(world.folder / "stack.env")})
    overlays = world.folder / "fairlead/overlays"
    written = yaml.safe_load((overlays / "stack-pipelines/todo.yaml").read_text())
    assert written["source"]["branch"] == "on" and written["registry"]["digitalocean"] == "1e3"
    images = yaml.safe_load((overlays / "stack/kustomization.yaml").read_text())["images"]
    assert {one["newName"] for one in images} == {f"registry.digitalocean.com/1e3/{one['name']}" for one in images}
    assert {one["digest"] for one in images} == {"sha256:" + "7".zfill(64)}


def test_a_settings_file_is_read_and_not_run(world):
    world.settings["NAME"] = "$(touch ran)"
    status, said = world.run("check")
    assert status == 1 and "NAME is made of" in said and not (world.folder / "ran").exists()
    world.settings = {"NAME": "todo", "REGISTY": "acme"}
    status, said = world.run("check")
    assert status == 1 and 'what is "REGISTY=acme"?' in said


def test_a_price_that_has_changed_is_told(world, monkeypatch):
    from mock import account
    monkeypatch.setitem(account.SIZES, "s-4vcpu-8gb", (4, 8192, 160, 56.0))
    assert "s-4vcpu-8gb costs 56" in succeed(world, "check")


def test_up_asks_and_takes_no_for_an_answer(world):
    status, said = world.run("up")
    assert status == 1 and "nothing was changed" in said and "US dollars a month: 269.5" in said
    assert world.account.changes == []


def snapshot(world):
    folder = world.folder / "state"
    files = {str(file): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()} if folder.exists() else {}
    return files, list(world.account.changes), world.bill()


def test_up_and_down(world):
    before = snapshot(world)
    said = succeed(world, "up", "--dry-run")
    assert snapshot(world) == before, "a dry run changes nothing"
    for line in ("terraform -chdir=", "podman push", "Secret fairlead/fairlead", "kubectl --kubeconfig", "rollout status",
                 *(f"POST /api/v1/pipelines/{name}/runs" for name in PIPELINES)):
        assert line in said

    with CommandLines() as seen:
        said = succeed(world, "up", "--yes")
    assert runs_of(world) == {name: ["succeeded"] for name in PIPELINES}
    assert "DNS: deploy.example.com, A, 203.0.113.20" in said and "NOBODY IS TOLD of alerts" in said
    assert world.fairlead.applied["todo.yaml"]["source"]["github"] == "acme/stack"
    assert world.fairlead.applied["todo.yaml"]["registry"]["digitalocean"] == "acme-todo"
    told = world.fairlead.applied["monitoring.yaml"]["deploy"]["helm"]["set"].values()
    assert list(told) == ["https://github.com/acme/stack/blob/main"], "runbooks are the operator's own"
    rendered = [world.folder / f"state/todo-test/fairlead/overlays/stack-pipelines/{name}.yaml" for name in PIPELINES]
    validated = subprocess.run([world.built / "fairlead", "validate", *rendered], capture_output=True, text=True)
    assert validated.returncode == 0, validated.stdout
    assert {"nodes", "control planes", "load balancers", "volumes", "registry"} == set(world.bill()[0])
    no_secret_is_in(world, seen)
    assert "fairlead_build_info" in metrics(world)

    changes, secrets, pods = len(world.account.changes), secrets_of(world), pod_template(world)
    world.environment["FAIRLEAD_GITHUB_TOKEN"] = renewed = "github_pat_renewed"
    world.account.tokens.add(renewed)
    succeed(world, "up", "--yes")
    assert len(world.account.changes) == changes, "a second up has nothing to do in the account"
    secrets["fairlead"]["github-token"] = base64.b64encode(renewed.encode()).decode()
    assert secrets_of(world) == secrets, "generated once, and given anew"
    assert pod_template(world) != pods, "the server starts anew with another token"
    assert runs_of(world) == {name: ["succeeded"] for name in PIPELINES}, "what is live is not deployed again"

    said = succeed(world, "status")
    assert f"{sum(world.bill()[0].values()):.2f} US dollars a month" in said
    assert "todo: run" in said

    leave_behind(world)
    before = snapshot(world)
    said = succeed(world, "down", "--dry-run")
    assert "DELETE" in said and "terraform -chdir=" in said and snapshot(world) == before
    status, said = world.run("down")
    assert status == 1 and "nothing was changed" in said and snapshot(world)[1:] == before[1:]
    said = succeed(world, "down", "--yes")
    assert world.bill() == ({"volumes": 0.5}, ["volumes: another-teams"])
    assert "Nothing. It costs: 0 US dollars" in said
    assert [file.name for file in (world.folder / "state/todo-test").iterdir()] == ["lock"]


def leave_behind(world):
    """What the API does not take with a cluster: volumes that are stuck, a snapshot of one, one of a volume that went before,
    and load balancers. And a volume of somebody else's cluster."""
    with world.account.lock:
        volumes = list(world.account.volumes.values())
        world.account.stubborn |= {one["name"] for one in volumes[:2]}
        world.account.stubborn |= {one["name"] for one in world.account.load_balancers.values()}
        for number, volume in enumerate((volumes[0], volumes[2])):
            world.account.add("snapshots", name=f"snapshot-{number}", resource_id=volume["id"], resource_type="volume",
                              size_gigabytes=10, tags=[])
        del world.account.volumes[volumes[2]["id"]]
        world.account.add("volumes", name="another-teams", size_gigabytes=5, droplet_ids=[], tags=["k8s:other"],
                          region="fra1")
    world.server.fail("DELETE", "/v2/volumes/.*", 409, times=2)


class CommandLines:
    """The command lines of all processes, looked at again and again in the meantime."""

    def __enter__(self):
        self.seen, self.done = set(), threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self.seen

    def watch(self):
        while not self.done.wait(0.003):
            self.seen.update(command_lines())

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


def no_secret_is_in(world, seen):
    generated = [base64.b64decode(value) for one in secrets_of(world).values() for value in one.values()]
    token = (world.folder / "state/todo-test/fairlead-token").read_bytes().strip()
    secrets = [OPERATOR.encode(), FOR_FAIRLEAD.encode(), GITHUB.encode(), token]
    secrets += [one for value in generated if value != b"admin" for one in (value, base64.b64encode(value))]
    calls = world.calls.read_bytes()
    assert b"kubectl" in calls and any(b"deploy/stack" in one for one in seen), "something was seen"
    assert len(secrets) > 12 and not [one for one in secrets if one in calls or any(one in line for line in seen)]
    for file in (world.folder / "state").rglob("*"):
        assert file.stat().st_mode & 0o077 == 0, f"{file} is for its owner alone"


def pod_template(world):
    return world.cluster.get("/apis/apps/v1/namespaces/fairlead/deployments/fairlead")["spec"]["template"]


def metrics(world):
    """As Prometheus reads them, with the token in its Secret."""
    token = base64.b64decode(secrets_of(world)["fairlead-metrics"]["token"]).decode().strip()
    request = urllib.request.Request(f"http://127.0.0.1:{world.fairlead.port}/metrics",
                                     headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request) as answer:
        return answer.read().decode()


def secrets_of(world):
    wanted = [("fairlead", "fairlead"), ("fairlead", "fairlead-pipelines"), ("todo", "dapr-api-token"),
              ("todo", "app-api-token"), ("monitoring", "fairlead-metrics")]
    return {name: world.cluster.get(f"/api/v1/namespaces/{namespace}/secrets/{name}")["data"] for namespace, name in wanted}


def test_down_deletes_nothing_that_another_made_without_asking(world):
    world.account.add("vpcs", name="todo-test", region="fra1", ip_range="10.7.0.0/20")
    status, said = world.run("down", "--yes")
    assert status == 1 and "no up from here has made todo-test" in said
    assert world.account.changes == []


def test_what_fails_for_a_moment_is_asked_again(world):
    world.server.fail("GET", "/v2/kubernetes/options", 429, headers={"Retry-After": "1"})
    world.server.fail("GET", "/v2/sizes", 503)
    succeed(world, "check")


def test_of_several_tries_the_last_answer_counts(world):
    """Where curl writes to standard output, it writes the refusals' bodies too."""
    paths = (".*/kubeconfig", ".*/docker-credentials", "/v2/kubernetes/clusters")
    for path in paths:
        world.server.fail("GET", path, 500)
    succeed(world, "up", "--yes")
    assert [fault for fault in world.server.faults if fault[3]] == [], "each was asked again"
    kubeconfig = (world.folder / "state/todo-test/kubeconfig").read_text()
    assert kubeconfig.strip() == world.cluster.kubeconfig.strip()
    assert not list((world.folder / "state/todo-test").glob("answer.*"))


def test_credentials_of_a_push_do_not_outlive_it(world):
    pushed = []

    def refused(method, path):
        if method == "PUSH":
            pushed.append((world.folder / "state/todo-test/push.json").exists())
            raise Refused(500, "this time not")

    world.server.after = refused
    status, said = world.run("up", "--yes")
    assert status != 0 and "this time not" in said and pushed == [True]
    assert not (world.folder / "state/todo-test/push.json").exists()
    # A kill leaves them; the next call takes them away, also where it pushes nothing.
    die_at(world, [("PUSH", ".*")])
    assert world.run("up", "--yes")[0] == -signal.SIGKILL
    assert (world.folder / "state/todo-test/push.json").exists()
    world.settings["TODO_HOST"] = "other.example.com"
    world.environment["DIGITALOCEAN_TOKEN"] = ""
    assert world.run("up", "--yes")[0] == 1
    assert not (world.folder / "state/todo-test/push.json").exists()


def test_what_a_plan_would_delete_is_not_what_yes_allows(world):
    told, cluster = is_refused_when_it_would_delete(world)
    for arguments, says in ((["--yes", "--accept-loss"], ""), ([], "delete what is in todo-test\nyes\n")):
        left = die_at(world, [("POST", CLUSTER)])
        status, said = world.run("up", *arguments, says=says)
        assert status == -signal.SIGKILL and left == [] and told in said, said
        assert cluster[0] not in world.account.clusters
        world.environment["TF_VAR_nodes"] = '{"size": "s-4vcpu-8gb"}'


@pytest.mark.long
def test_what_a_real_plan_would_delete(tmp_path, built, provider):
    world = World(tmp_path, built, provider[0])
    world.environment["TF_CLI_CONFIG_FILE"] = str(provider[1])
    try:
        is_refused_when_it_would_delete(world)
        assert world.server.drift == []
    finally:
        world.close()


def is_refused_when_it_would_delete(world):
    left = die_at(world, [("PUSH", ".*/fairlead/.*")])
    assert world.run("up", "--yes")[0] == -signal.SIGKILL and left == []
    cluster, changes = list(world.account.clusters), list(world.account.changes)
    world.environment["TF_VAR_nodes"] = '{"size": "s-8vcpu-16gb"}'
    told = ("digitalocean_kubernetes_cluster.this is made anew, for another node_pool.0.size: all that runs there, and all "
            "volumes with their data")
    assert told in succeed(world, "check")
    assert told in succeed(world, "up", "--dry-run", "--yes")
    for arguments, says in ((["--yes"], ""), ([], "yes\n"), ([], "delete what is in todo-tes\n"),
                            ([], "delete what is in todo-test\nno\n"), (["--accept-loss"], "no\n")):
        status, said = world.run("up", *arguments, says=says)
        assert status == 1 and told in said and "nothing was changed" in said
        assert list(world.account.clusters) == cluster and world.account.changes == changes
    return told, cluster


def goes_to_the_end(world, command, kills):
    """Starts a command again and again, each time killed one call later, until it gets to its end. Answers how often."""
    for starts, kill in enumerate(kills):
        status, said = world.run(command, "--yes", **kill)
        if status == 0:
            return starts
        assert status == -signal.SIGKILL, said
    raise AssertionError("it came to no end")


def is_up_as_if_nothing_had_been(world):
    assert runs_of(world) == {name: ["succeeded"] for name in PIPELINES}
    for path in ("/v2/vpcs", "/v2/registries", "/v2/kubernetes/clusters", "/v2/projects"):
        assert world.account.changes.count(("POST", path)) == 1, "what a killed up had made is taken on"


def die_at(world, requests):
    """Kills the process group that runs when the account has done one of these, once for each, before it answers."""
    left = list(requests)

    def after(method, path):
        for one in left:
            if one[0] == method and re.fullmatch(one[1], path):
                left.remove(one)
                os.killpg(world.process.pid, signal.SIGKILL)
                return

    world.server.after = after
    return left


CLUSTER = "/v2/kubernetes/clusters"


@pytest.mark.parametrize("ups, downs", [
    ([("POST", "/v2/vpcs"), ("POST", CLUSTER), ("POST", "/v2/projects")], [("DELETE", CLUSTER + "/.*/selective")]),
    pytest.param(
        [("POST", "/v2/registries"), ("POST", "/v2/kubernetes/registry"), ("POST", CLUSTER + "/.*/node_pools"),
         ("POST", "/v2/projects/.*/resources"), ("PUSH", ".*/fairlead/.*"), ("PUSH", ".*/fairlead-builder/.*")],
        [("DELETE", "/v2/load_balancers/.*"), ("DELETE", "/v2/volumes/.*"), ("DELETE", "/v2/snapshots/.*"),
         ("DELETE", "/v2/registries/.*/repositories/.*"), ("DELETE", "/v2/registries/[^/]*"), ("DELETE", "/v2/vpcs/.*")],
        marks=pytest.mark.long),
], ids=["most", "all"])
def test_killed_when_the_account_has_changed_and_nobody_knows(world, ups, downs):
    """The worst moment: a request is carried out, its answer never arrives, and Terraform has not written it down."""
    left = die_at(world, ups)
    starts = goes_to_the_end(world, "up", [{}] * 20)
    assert (starts, left) == (len(ups), [])
    is_up_as_if_nothing_had_been(world)
    leave_behind(world)
    left = die_at(world, downs)
    starts = goes_to_the_end(world, "down", [{}] * 20)
    assert (starts, left) == (len(downs), [])
    assert world.bill() == ({"volumes": 0.5}, ["volumes: another-teams"])


@pytest.mark.long
@pytest.mark.parametrize("variable", ["KILL_BEFORE", "KILL_AFTER"])
def test_killed_at_every_call_and_started_again(world, variable):
    calls = range(1, 1000)
    assert goes_to_the_end(world, "up", ({variable: call} for call in calls)) > 30
    is_up_as_if_nothing_had_been(world)
    assert goes_to_the_end(world, "down", ({variable: call} for call in calls)) > 10
    assert world.bill() == ({}, [])


@pytest.fixture
def provider(tmp_path):
    """Terraform and DigitalOcean's provider: from the folder FAIRLEAD_TERRAFORM_MIRROR, or where the registry is reached."""
    terraform = shutil.which("terraform")
    if terraform is None:
        pytest.skip("there is no terraform")
    mirror, told = os.environ.get("FAIRLEAD_TERRAFORM_MIRROR"), tmp_path / "terraformrc"
    told.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n' if mirror else "")
    trial = tmp_path / "trial"
    shutil.copytree(ROOT / "deploy/terraform", trial)
    init = subprocess.run([terraform, f"-chdir={trial}", "init", "-input=false"], capture_output=True, text=True,
                          env=os.environ | {"TF_CLI_CONFIG_FILE": str(told)})
    if init.returncode != 0:
        pytest.skip("DigitalOcean's provider is not to be had: set FAIRLEAD_TERRAFORM_MIRROR")
    return terraform, told


@pytest.mark.long
def test_the_real_terraform(tmp_path, built, provider):
    """The same with Terraform and the real provider: killed while the cluster is made, taken on, and gone. And what its
    stand-in asks of the account is what the provider asks."""
    asked = {}
    for name, terraform in (("real", provider[0]), ("stand-in", None)):
        folder = tmp_path / name
        folder.mkdir()
        world = World(folder, built, terraform)
        world.environment["TF_CLI_CONFIG_FILE"] = str(provider[1])
        try:
            plan = succeed(world, "check")
            left = die_at(world, [("POST", CLUSTER)])
            assert goes_to_the_end(world, "up", [{}] * 3) == 1 and left == []
            is_up_as_if_nothing_had_been(world)
            changes = list(world.account.changes)
            succeed(world, "down", "--yes")
            assert world.bill() == ({}, []) and world.server.drift == []
            ids = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
            asked[name] = {(method, ids.sub("ID", path)) for method, path in changes if method != "PUSH"}
            asked[name, "cost"] = plan[plan.index("== Cost"):]
        finally:
            world.close()
    assert asked["stand-in", "cost"] == asked["real", "cost"]
    assert asked["stand-in"] == asked["real"]
