"""Work done side by side in PyTorch, every part of it by one thread."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from stca.tools.cores import cores


class SingleThreads:
    """As many threads as PyTorch would use inside an operation; PyTorch uses one in each of them.

    `torch.set_num_threads` counts for the thread that calls it, and for threads that begin later; `close`
    puts the latter right again.
    """

    def __init__(self) -> None:
        self.count = torch.get_num_threads()
        self._pool = ThreadPoolExecutor(self.count, initializer=torch.set_num_threads, initargs=(1,))

    def map(self, function: Callable[[Tensor], Tensor], parts: Sequence[Tensor]) -> list[Tensor]:
        """The function of every part, in their order.

        A single part is left to the calling thread, whose operations are shared out over all threads, unless
        the machine has other work.
        """
        if len(parts) == 1 and not is_busy():
            return [function(parts[0])]
        return list(self._pool.map(function, parts))

    def close(self) -> None:
        """End the threads; what they have not begun is not done."""
        self._pool.shutdown(cancel_futures=True)
        torch.set_num_threads(self.count)


def is_busy() -> bool:
    """Whether, over the last minute, at least every core of this process had something to do."""
    return hasattr(os, "getloadavg") and os.getloadavg()[0] >= cores()
