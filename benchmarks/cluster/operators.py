"""The operator under measurement: installed by Helm with the chart's defaults, found, killed."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.cluster.images import Images
from benchmarks.cluster.kind import Node
from benchmarks.cluster.kube import Kube
from benchmarks.cluster.programs import ProgramError, call
from benchmarks.cluster.waiting import until

NAMESPACE, NAME = "flume-system", "flume"
REPLICAS = 2  # the chart's default
INSTALL_SECONDS = 240
END_SECONDS = 60.0
LEAD_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of a process, in MiB."""

    now_mib: float
    peak_mib: float


class Operators:
    """The replicas of the operator.

    Args:
        node: They run on it.
        kube: Of the cluster, in the operator's namespace.
    """

    def __init__(self, node: Node, kube: Kube) -> None:
        self._node = node
        self._kube = kube

    def install(self, images: Images) -> None:
        """Install the chart, or bring what an earlier run left up to date."""
        given = [
            *_image("image", images.operator),
            *_image("workerImage", images.worker),
        ]
        call(
            *("helm", "upgrade", "--install", NAME, "charts/flume"),
            *("--namespace", NAMESPACE, "--create-namespace"),
            *("--kubeconfig", str(self._kube.kubeconfig)),
            *("--wait", "--timeout", f"{INSTALL_SECONDS}s"),
            *(flag for value in given for flag in ("--set", value)),
            timeout=INSTALL_SECONDS + 30,
        )
        self.leader()

    def stop(self) -> None:
        """End all replicas."""
        self._scale(0)
        until(lambda: not self._pods(), END_SECONDS, "the end of the operator")

    def start(self) -> None:
        """Start the replicas; returns at once."""
        self._scale(REPLICAS)

    def await_ready(self) -> None:
        """Return once all replicas are ready and one leads."""
        rollout = ("rollout", "status", f"deployment/{NAME}", f"--timeout={INSTALL_SECONDS}s")
        self._kube.kubectl(*rollout, timeout=INSTALL_SECONDS + 10)
        self.leader()

    def replace(self, pod: str, identity: str) -> None:
        """Return once another than `identity` leads, and a new pod is ready in place of one.

        A pod that was killed again and again is started ever later.
        """
        until(lambda: self.identity() not in ("", identity), LEAD_SECONDS, "another leader")
        self._kube.kubectl("delete", "pod", pod, "--wait=false")
        until(lambda: pod not in self._pods(), END_SECONDS, f"the end of {pod}")
        self.await_ready()

    def leader(self) -> str:
        """Return the pod that leads."""
        until(lambda: _pod(self.identity()) in self._pods(), LEAD_SECONDS, "a leader", poll=0.2)
        return _pod(self.identity())

    def identity(self) -> str:
        """Return who holds the Lease, empty for nobody: no two processes have the same name."""
        look = ("get", "lease", NAME, "--ignore-not-found", "--output")
        return self._kube.kubectl(*look, "jsonpath={.spec.holderIdentity}").strip()

    def kill(self, pod: str) -> None:
        """End the process of a pod as a crash would."""
        self._node.run("kill", "-9", str(self._pid(pod)))

    def memory(self, pod: str) -> Memory:
        """Return the memory of the process of a pod."""
        lines = self._node.run("cat", f"/proc/{self._pid(pod)}/status").splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        now, peak = (int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
        return Memory(now, peak)

    def _scale(self, count: int) -> None:
        self._kube.kubectl("scale", f"deployment/{NAME}", f"--replicas={count}")

    def _pods(self) -> list[str]:
        wanted = ("pods", "--selector", "app.kubernetes.io/name=flume-operator")
        return [pod["metadata"]["name"] for pod in self._kube.get(*wanted)["items"]]

    def _pid(self, pod: str) -> int:
        """Return the process of a pod, as the node numbers it: the chart tells each its pod."""
        find = f"grep -lsz '^FLUME_OPERATOR_IDENTITY={pod}$' /proc/[0-9]*/environ || :"
        found = self._node.run("sh", "-c", find).split()
        if not found:
            raise ProgramError(f"no process of the operator runs in {pod}")
        return int(found[0].split("/")[2])


def _pod(identity: str) -> str:
    """Return the pod of a process, which adds a number to its name."""
    return identity.rpartition("-")[0]


def _image(value: str, name: str) -> tuple[str, str]:
    repository, _, tag = name.rpartition(":")
    return f"{value}.repository={repository}", f"{value}.tag={tag}"
