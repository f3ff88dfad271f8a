"""deploy/stack down takes what is the stack's, and nothing else, however alike it looks."""
import copy
import shutil
import signal

import pytest

from mock.networks import exists
from test_stack import die_at
from world import succeed

# A Droplet in no cluster.
DROPLET = {"id": "7", "name": "work-1", "size_slug": "s-4vcpu-8gb", "region": "fra1", "tags": ["k8s"], "vpc_uuid": None}


@pytest.fixture
def account(world):
    """An account in which others have things whose names begin with ours, end with ours, or have ours in them."""
    with world.account.lock:
        world.account.volume_limit = 500
        for name in ("todo-test-2", "todo-tes", "my-todo-test"):
            network = world.account.add("vpcs", name=name, region="fra1", ip_range="10.1.0.0/20")["id"]
            cluster = add_cluster(world.account, name, network)
            world.account.add("projects", name=name, resources=[f"do:kubernetes:{cluster}"])
        for name in ("acme-todo-2", "acme-tod"):
            world.account.registries[name] = {
                "id": name, "name": name, "created_at": "2026-01-01T00:00:00Z", "region": "fra1", "collections": [],
                "repositories": {"backend": {"latest": "sha256:" + "0" * 64}}, "storage_usage_bytes": 0}
        # Made by hand, and so many that ours are on a second page.
        for number in range(210):
            volume = world.account.add("volumes", name=f"pvc-{number}", size_gigabytes=1, droplet_ids=[], tags=[],
                                       region="fra1", description="by hand" * 100)
        world.account.add("snapshots", name="a volume's", resource_id=volume["id"], resource_type="volume",
                          size_gigabytes=1, tags=[])
        world.account.droplets["7"] = DROPLET
        world.account.add("snapshots", name="a Droplet's", resource_id="7", resource_type="droplet", size_gigabytes=1,
                          tags=[])
    return world.account


def add_cluster(account, name, network):
    """A cluster and its things. Answers its id."""
    cluster = account.add("clusters", name=name, region="fra1", vpc_uuid=network, ha=False, node_pools=[], due=0,
                          tags=["k8s"], version="1.36.2-do.1", status={"state": "running"}, registry_enabled=False,
                          registries=[], cluster_subnet="10.244.0.0/16", service_subnet="10.245.0.0/16",
                          updated_at="2026-01-01T00:00:00Z")
    number = str(8_000_000 + len(account.droplets))
    account.droplets[number] = DROPLET | {"id": number, "name": f"node-of-{name}", "vpc_uuid": network,
                                          "tags": ["k8s", f"k8s:{cluster['id']}", "k8s:worker"]}
    add_things(account, cluster["id"], network, name, int(number))
    return cluster["id"]


def add_things(account, cluster, network, name, node):
    """What a cluster makes: a load balancer, volumes and a snapshot."""
    tags = [f"k8s:{cluster}"]
    account.add("load_balancers", name=f"balancer-of-{name}", size_unit=1, status="active", ip="203.0.113.99",
                region="fra1", vpc_uuid=network, cluster=cluster, of=cluster, tags=tags)
    volumes = [account.add("volumes", name=f"pvc-{number}-of-{name}", size_gigabytes=5, droplet_ids=[node],
                           tags=list(tags), region="fra1") for number in range(4)]
    account.add("snapshots", name=f"snapshot-of-{name}", resource_id=volumes[0]["id"], resource_type="volume",
                size_gigabytes=5, tags=tags)


def everything(account):
    """The account's lists, by kind and id. What is gone is in no project."""
    with account.lock:
        lists = {kind: copy.deepcopy(getattr(account, kind)) for kind in account.LISTS}
        for project in lists["projects"].values():
            project["resources"] = [urn for urn in project.get("resources", []) if exists(account, urn)]
        return lists


@pytest.fixture
def others(account):
    """What is there before the stack is."""
    return everything(account)


@pytest.fixture
def stack(world, account, others):
    """A stack with its cluster, and what that has made. `up` was killed before Fairlead, which is not needed here."""
    left = die_at(world, [("POST", "/v2/projects/.*/resources")])
    status, said = world.run("up", "--yes")
    assert (status, left) == (-signal.SIGKILL, []), said
    with account.lock:
        cluster = our_cluster(account)
        node = int(cluster["node_pools"][0]["nodes"][0]["droplet_id"])
        add_things(account, cluster["id"], cluster["vpc_uuid"], "todo-test", node)
        account.registries["acme-todo"]["repositories"]["backend"] = {"latest": "sha256:" + "0" * 64}
    return world


def our_cluster(account):
    return next(one for one in account.clusters.values() if one["name"] == "todo-test")


def named(items, text):
    return [one for one in items.values() if text in one["name"]]


def test_what_others_have_is_left_as_it_is(stack, account, others):
    said = succeed(stack, "down", "--dry-run")
    assert "DELETE" in said
    for ids in others.values():
        assert not [id for id in ids if len(id) > 8 and id in said]
    said = succeed(stack, "down", "--yes")
    assert everything(account) == others and "Nothing. It costs" in said and "They stay" not in said


def test_what_another_cluster_has_been_given_is_left(stack, account, others):
    """Volumes that were ours: attached to a node of another cluster, which adds that one's tag and takes ours not away,
    so that the API takes it for ours still; tagged anew by a person; on a Droplet that is in no cluster."""
    with account.lock:
        other = named(account.clusters, "todo-test-2")[0]["id"]
        node = int(named(account.droplets, "node-of-todo-test-2")[0]["id"])
        moved, tagged, elsewhere, kept = named(account.volumes, "-of-todo-test")[-4:]
        moved["tags"].append(f"k8s:{other}")
        moved["droplet_ids"] = [node]
        elsewhere["droplet_ids"] = [7]
    succeed(stack, "status")
    with account.lock:
        tagged["tags"] = [f"k8s:{other}"]
        snapshots = [account.add("snapshots", name="a backup", resource_id=one["id"], resource_type="volume", tags=[],
                                 size_gigabytes=1) for one in (moved, kept)]
    said = succeed(stack, "down", "--yes")
    left = everything(account)
    stays = {"volumes": [moved, tagged, elsewhere], "snapshots": [
        snapshots[0], *(one for one in account.snapshots.values() if one["resource_id"] == moved["id"])]}
    for kind, ids in others.items():
        assert set(left[kind]) == set(ids) | {one["id"] for one in stays.get(kind, [])}, kind
    assert left["volumes"][moved["id"]]["droplet_ids"] == [node]
    for one in (moved, tagged, elsewhere):
        assert f"volume {one['name']}" in said.split("They stay")[1]


@pytest.mark.long
def test_what_somebody_put_into_our_network_stays_and_is_named(stack, account, others):
    """Another cluster, to which a load balancer of ours was handed over."""
    succeed(stack, "status")
    with account.lock:
        network = our_cluster(account)["vpc_uuid"]
        before = everything(account)
        cluster = add_cluster(account, "todo-test-sister", network)
        balancer = named(account.load_balancers, "-of-todo-test")[-2]
        assert f"k8s:{our_cluster(account)['id']}" in balancer["tags"]
        balancer["tags"] = [f"k8s:{cluster}"]
        del before["load_balancers"][balancer["id"]]
    sisters = {kind: {id: one for id, one in items.items() if id not in before[kind]}
               for kind, items in everything(account).items()}
    status, said = stack.run("down", "--yes")
    assert status == 1 and f"do:kubernetes:{cluster}" in said and "what this stack has not made" in said
    left = everything(account)
    for kind, items in sisters.items():
        assert items.items() <= left[kind].items(), kind
    assert network in account.vpcs and "acme-todo" not in account.registries
    assert not named(account.volumes, "-of-todo-test") or named(account.volumes, "-of-todo-test-sister")
    with account.lock:
        for kind, items in sisters.items():
            for id in items:
                del getattr(account, kind)[id]
    succeed(stack, "down", "--yes")
    assert everything(account) == others


@pytest.mark.long
def test_without_what_was_noted_a_person_is_asked_and_names_count(stack, account, others):
    shutil.rmtree(stack.folder / "state")
    before = everything(account)
    status, said = stack.run("down", "--yes")
    assert status == 1 and "without --yes" in said and everything(account) == before
    status, said = stack.run("down", says="todo-test-2\n")
    assert status == 1 and "If it is not yours, stop" in said and everything(account) == before
    succeed(stack, "down", says="todo-test\n")
    assert everything(account) == others


def test_other_settings_or_another_account_are_not_what_was_begun(stack, account):
    before = everything(account), list(account.changes)

    def is_refused(told):
        for command in ("down", "up"):
            status, said = stack.run(command, "--yes")
            assert status == 1 and told in said
        assert (everything(account), account.changes) == before

    stack.settings["REGISTRY"] = "acme-todo-2"
    is_refused("todo-test was begun with REGISTRY=acme-todo:")
    stack.settings |= {"REGISTRY": "acme-todo", "REGION": "nyc3"}
    is_refused("todo-test was begun with REGION=fra1:")
    stack.settings["REGION"] = "fra1"
    account.team = "6" * 40
    is_refused("todo-test was begun in another account")


@pytest.mark.parametrize("times", [5, 10_000])
def test_answers_that_say_nothing_are_borne_but_not_without_end(stack, account, times):
    """As those of a token that was revoked while the cluster was deleted."""
    stack.server.fail("GET", "/v2/kubernetes/clusters/[^/]*", 401, times=times)
    status, said = stack.run("down", "--yes")
    if times == 5:
        assert status == 0 and "Nothing. It costs" in said, said
    else:
        assert status == 1 and "401 this time not" in said and "Call deploy/stack down again" in said, said


def test_what_cannot_be_listed_is_not_taken_for_nothing(stack, account):
    """With a token that may not see them, nothing is deleted, and nobody is told that nothing is left."""
    before = everything(account)
    for path in ("/v2/volumes", "/v2/load_balancers", "/v2/snapshots", "/v2/droplets", "/v2/vpcs", "/v2/projects"):
        stack.server.faults.clear()
        stack.server.fail("GET", path, 403, times=1000)
        status, said = stack.run("down", "--yes")
        assert status == 1 and f"GET {path}" in said and "It costs: 0" not in said, path
        assert everything(account) == before


def test_what_has_our_name_by_now_but_is_another_s(stack, account, others):
    """Ours was deleted in the control panel; somebody else has made a network, a cluster and a project of the name."""
    with account.lock:
        for kind in account.LISTS:
            for id in set(getattr(account, kind)) - set(others[kind]):
                del getattr(account, kind)[id]
        network = account.add("vpcs", name="todo-test", region="fra1", ip_range="10.3.0.0/20", description="mine")["id"]
        add_cluster(account, "todo-test", network)
        account.add("projects", name="todo-test", description="mine")
    before = everything(account)
    said = succeed(stack, "down", "--yes")
    assert everything(account) == before and "Nothing. It costs" in said
