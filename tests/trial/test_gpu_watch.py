"""What NVML says of a frozen runner is believed where it can be, and nothing else is."""

from types import SimpleNamespace

import pytest

from harness.trial.gpu_watch import WINDOW_S, GpuWatch


class Nvml:
    """Stands in for pynvml, on a machine with two GPUs."""

    class NVMLError(Exception):
        pass

    def __init__(self, samples: list[tuple[int, int, float]] | None, works: bool = True) -> None:
        self.samples, self.works = samples, works

    def nvmlInit(self) -> None:
        if not self.works:
            raise self.NVMLError

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetProcessUtilization(self, handle: int, since_us: int) -> list[SimpleNamespace]:
        if self.samples is None:
            raise self.NVMLError
        return [
            SimpleNamespace(pid=pid, smUtil=util, timeStamp=since_us + int(after_s * 1e6))
            for pid, util, after_s in (self.samples if handle == 1 else [])
        ]


def sample(pid: int = 7, util: int = 50, after_s: float = WINDOW_S + 1) -> tuple[int, int, float]:
    """A process, how busy it kept the GPU, and so many seconds after the moment of the freeze."""
    return pid, util, after_s


@pytest.mark.parametrize(
    ("samples", "busy"),
    [
        ([sample()], 7),
        ([sample(pid=8)], None),
        ([sample(util=0)], None),
        ([sample(after_s=WINDOW_S / 2)], None),
        ([sample(util=0), sample()], 7),
        ([], None),
        (None, None),
    ],
    ids=["busy", "another's", "idle", "window from before", "second sample", "no samples", "does not tell"],
)
def test_a_gpu_that_works_for_a_frozen_process_is_seen(samples: list[tuple[int, int, float]] | None, busy: int | None) -> None:
    watch = GpuWatch(Nvml(samples))
    watch.frozen()
    assert watch.busy([7]) == busy


def test_without_nvml_nothing_is_claimed() -> None:
    watch = GpuWatch(Nvml([sample()], works=False))
    watch.frozen()
    assert watch.busy([7]) is None
