"""The ranks of a trial: the same program in one process for each device, of which rank 0 speaks to the referee.

A runner with several ranks forks, before anything is built, into one process a rank and one that waits for the first of them to end.
Gradients go through `torch.distributed` (NCCL on GPUs, gloo else); what the harness itself has to say goes through a gloo group of its
own, so that a rank that waits while the clock stands takes no CPU and no GPU, and for as long as an evaluation may take.
"""

import os
import socket
import sys
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import Any, TypeVar

import msgspec
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from harness.trial.messages import Failed, RankLayout
from harness.trial.processes import die_with_parent, out_of_memory_kills

EXCHANGE = timedelta(minutes=10)
"""How long a rank waits for the others in an exchange of gradients; one that has died is noticed at once and by other means."""
STANDSTILL = timedelta(days=1)
T = TypeVar("T")


def fork(layout: RankLayout, threads: int, listener: int | None, report: Callable[[Failed], None]) -> "Ranks":
    """Becomes the ranks of this node and returns each of them; with one rank it is this process.

    The process that was there before stays to watch them and never returns: it ends, and with it all of them, when one has ended.

    Args:
        layout: which ranks.
        threads: of each of them.
        listener: the socket on which rank 0 is to listen, if it was handed over.
        report: is told how a rank ended by itself.
    """
    if layout.ranks == 1:
        return Ranks(0, 1)
    if listener is None and layout.first_rank == 0:
        server = socket.create_server((layout.master_host, 0))
        layout = msgspec.structs.replace(layout, master_port=server.getsockname()[1])
        listener = server.detach()
    ranks = {}
    for local_rank in range(layout.local_ranks):
        pid = os.fork()
        if pid == 0:
            die_with_parent()
            _set_environment(layout, local_rank, threads)
            if local_rank and listener is not None:
                os.close(listener)
            return Ranks(layout.first_rank + local_rank, layout.ranks, None if local_rank else listener)
        ranks[pid] = layout.first_rank + local_rank
    if listener is not None:
        os.close(listener)
    kills = out_of_memory_kills()
    ended, status = os.wait()
    code = os.waitstatus_to_exitcode(status)
    if ranks[ended] != 0 or code != 0:
        how = f"was killed by signal {-code}" if code < 0 else f"ended by itself (exit code {code})"
        memory = code < 0 and out_of_memory_kills() > kills
        reason = f"rank {ranks[ended]} {how}{', because memory ran out' if memory else ''}"
        report(Failed(verdict="out_of_memory" if memory else "crashed", reason=reason))
    sys.stdout.flush()
    os._exit(0)


def _set_environment(layout: RankLayout, local_rank: int, threads: int) -> None:
    """Sets the variables that `torchrun` sets."""
    variables = {
        "RANK": layout.first_rank + local_rank,
        "LOCAL_RANK": local_rank,
        "WORLD_SIZE": layout.ranks,
        "LOCAL_WORLD_SIZE": layout.local_ranks,
        "GROUP_RANK": layout.first_rank // layout.local_ranks,
        "MASTER_ADDR": layout.master_host,
        "MASTER_PORT": layout.master_port,
        "OMP_NUM_THREADS": threads,
        "TORCH_NCCL_ENABLE_MONITORING": 0,  # it takes ranks that stand still for dead
    }
    os.environ.update({name: str(value) for name, value in variables.items()})
    if layout.local_ranks == layout.ranks:
        os.environ.update(dict.fromkeys(("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"), "lo"))


class Ranks:
    """One rank among those of its trial; with one rank alone every method does nothing."""

    def __init__(self, rank: int, world_size: int, listener: int | None = None) -> None:
        self.rank, self.world_size = rank, world_size
        self.local_rank = int(os.environ.get("LOCAL_RANK", "0")) if world_size > 1 else 0
        self.process_group: dist.ProcessGroup | None = None
        self._network: DistributedDataParallel | None = None
        if world_size > 1:
            if torch.cuda.is_available():
                torch.cuda.set_device(self.local_rank)
            host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
            store = dist.TCPStore(  # type: ignore[attr-defined]  # public, but not in __all__
                host, port, world_size, rank == 0, timeout=EXCHANGE, master_listen_fd=listener
            )
            backend = "nccl" if torch.cuda.is_available() else "gloo"
            dist.init_process_group(backend, store=store, rank=rank, world_size=world_size, timeout=EXCHANGE)
            self.process_group = dist.new_group(timeout=EXCHANGE)
            self._control = dist.new_group(backend="gloo", timeout=STANDSTILL)

    def wrap(self, model: nn.Module) -> nn.Module:
        """Returns the network whose backward pass leaves in `grad` the mean over the ranks; it shares the model's parameters."""
        if self.world_size == 1:
            return model
        with warnings.catch_warnings(action="ignore", category=FutureWarning):  # its new name is not in torch 2.11
            self._network = DistributedDataParallel(model, broadcast_buffers=False)
        return self._network

    def no_sync(self) -> AbstractContextManager[None]:
        """Returns a context in which gradients stay each rank's own."""
        return self._network.no_sync() if self._network is not None else nullcontext()

    def gather(self, mine: T) -> list[T]:
        """Returns what every rank gave, in the order of the ranks, to all of them; none goes on before all are here."""
        if self.world_size == 1:
            return [mine]
        everybodys: list[Any] = [None] * self.world_size
        dist.all_gather_object(everybodys, mine, group=self._control)
        return everybodys

    def from_first(self, item: Any) -> Any:
        """Returns what rank 0 gave, to all ranks."""
        box: list[Any] = [item]
        if self.world_size > 1:
            dist.broadcast_object_list(box, src=0, group=self._control)
        return box[0]

    def mean_of_buffers(self, model: nn.Module) -> dict[str, Tensor]:
        """Returns the model's floating-point buffers, each as its mean over the ranks; the model keeps its own. Empty with one rank."""
        if self.world_size == 1:
            return {}
        kept = model.state_dict().keys()
        means = {name: buffer.clone() for name, buffer in model.named_buffers() if name in kept and buffer.is_floating_point()}
        for buffer in means.values():
            dist.all_reduce(buffer, group=self.process_group)
            buffer /= self.world_size
        return means
