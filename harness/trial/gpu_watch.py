"""Whether a GPU works for a runner that is frozen, as far as NVML tells: what was queued before goes on without any process.

The runner synchronises its device before it pauses. NVML says of each process how busy it kept a GPU in a past window of up to a second,
so that only a window that began after the freeze proves anything: pauses shorter than that are not looked into.
"""

import contextlib
import time
from collections.abc import Iterable
from typing import Any

WINDOW_S = 1.0
"""NVML's samples of a process's utilisation cover at most so much time before their time stamp."""


class GpuWatch:
    """Looks at all GPUs that this machine shows; at none where there is no NVML or it does not tell.

    Args:
        nvml: the module `pynvml`, None: import it.
    """

    def __init__(self, nvml: Any = None) -> None:
        self._nvml, self._handles = nvml, list[Any]()
        self._frozen_us = 0
        with contextlib.suppress(Exception):  # no module, no driver, no permission: NVML cannot tell
            if self._nvml is None:
                import pynvml

                self._nvml = pynvml
            self._nvml.nvmlInit()
            self._handles = [self._nvml.nvmlDeviceGetHandleByIndex(i) for i in range(self._nvml.nvmlDeviceGetCount())]

    def frozen(self) -> None:
        """Is told that all processes stand from now on."""
        self._frozen_us = time.time_ns() // 1000

    def busy(self, pids: Iterable[int]) -> int | None:
        """Returns one of these processes for which a GPU has worked since they stand, or None."""
        mine, first_us = set(pids), self._frozen_us + int(WINDOW_S * 1e6)
        for handle in self._handles:
            with contextlib.suppress(self._nvml.NVMLError):  # also: no samples since then
                for sample in self._nvml.nvmlDeviceGetProcessUtilization(handle, self._frozen_us):
                    if sample.pid in mine and sample.smUtil > 0 and sample.timeStamp > first_us:
                        return int(sample.pid)
        return None
