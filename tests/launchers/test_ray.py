"""launcher=ray beyond what every launcher does: a cluster that changes, shares of a GPU, who may connect."""

import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from explorer import launchers
from explorer.launchers import LauncherError, WorkerDied, WorkerTaken, jobs
from tests.support.launched import MARK, listening, marked, need, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head with one CPU and, as it believes, one GPU; nodes are processes of this machine."""
    need("ray")
    from explorer.launchers.ray import keep_private

    keep_private()
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "num_gpus": 1, "include_dashboard": False})
    yield cluster
    cluster.shutdown()


def test_it_listens_on_this_machine_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    need("ray")
    mark = uuid.uuid4().hex
    monkeypatch.setenv(MARK, mark)
    monkeypatch.chdir(tmp_path)
    launcher = launchers.make({"name": "ray", "slots": 1})
    try:
        launcher.submit(0, jobs.look_around).result(timeout=120)
        addresses = listening([os.getpid(), *marked(mark)])
    finally:
        launcher.close()
    assert addresses
    assert addresses <= {"0100007F", "0000000000000000FFFF00000100007F"}  # 127.0.0.1, and the same as IPv6 writes it


def test_slots_follow_the_nodes_of_a_cluster(cluster: Any) -> None:
    launcher = launchers.make({"name": "ray", "address": cluster.address, "gpus": 0})
    try:
        assert launcher.slots == ("ray 0",)
        stays = launcher.submit(0, jobs.look_around).result(timeout=120)["pid"]
        node = cluster.add_node(num_cpus=1)
        wait_for(lambda: launcher.slots == ("ray 0", "ray 1"), 20)
        leaves = launcher.submit(1, jobs.look_around).result(timeout=120)["pid"]
        assert leaves != stays
        future = launcher.submit(1, jobs.look_around, None, 600)
        time.sleep(1)
        cluster.remove_node(node, allow_graceful=False)
        with pytest.raises(WorkerDied):
            future.result(timeout=10)
        assert launcher.submit(0, jobs.look_around).result(timeout=120)["pid"] == stays
        wait_for(lambda: launcher.slots == ("ray 0",), 60)
    finally:
        launcher.close()


def test_a_preempted_node_is_no_failed_try(cluster: Any) -> None:
    """As an autoscaler does it: the node is told why it will be drained, and is gone at its deadline."""
    launcher = launchers.make({"name": "ray", "address": cluster.address, "gpus": 0})
    try:
        from ray._raylet import GcsClient  # type: ignore[attr-defined]
        from ray.core.generated.autoscaler_pb2 import DrainNodeReason  # type: ignore[attr-defined]

        launcher.submit(0, jobs.look_around).result(timeout=120)  # fills the head
        node = cluster.add_node(num_cpus=1)
        wait_for(lambda: len(launcher.slots) == 2, 20)
        launcher.submit(1, jobs.look_around).result(timeout=120)
        future = launcher.submit(1, jobs.look_around, None, 600)
        time.sleep(1)
        preemption = DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION")
        deadline = int(1000 * time.time()) + 1000
        GcsClient(address=cluster.address).drain_node(node.node_id, preemption, "spot", deadline)
        time.sleep(1.5)
        cluster.remove_node(node, allow_graceful=False)
        with pytest.raises(WorkerTaken):
            future.result(timeout=20)
        wait_for(lambda: len(launcher.slots) == 1, 60)  # the cluster is as the next test expects it
    finally:
        launcher.close()


def test_two_slots_share_a_gpu(cluster: Any) -> None:
    launcher = launchers.make({"name": "ray", "address": cluster.address, "gpus": 0.5, "cpus": 0.5})
    try:
        assert launcher.slots == ("ray 0", "ray 1")
        seen = [launcher.submit(slot, jobs.look_around) for slot in (0, 1)]
        assert [own.result(timeout=120)["environment"]["CUDA_VISIBLE_DEVICES"] for own in seen] == ["0", "0"]
    finally:
        launcher.close()


def test_a_slot_larger_than_the_cluster_is_refused(cluster: Any) -> None:
    with pytest.raises(LauncherError, match="a slot takes 1 CPUs and 2 GPUs, the Ray cluster has 1 CPUs and 1 GPUs"):
        launchers.make({"name": "ray", "address": cluster.address, "gpus": 2})


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"slots": 0}, "launcher.slots is 0, expected auto or a whole number of at least 1"),
        ({"cpus": 0}, "launcher.cpus is 0, expected a number above 0"),
        ({"gpus": 1.5}, "launcher.gpus is 1.5, expected auto, a share such as 0.5, or a whole number"),
        ({"threads": 0}, "launcher.threads is 0, expected a whole number of at least 1"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], line: str) -> None:
    with pytest.raises(LauncherError) as caught:
        launchers.make({"name": "ray"} | options)
    assert str(caught.value) == line
