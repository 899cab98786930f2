"""Peaks of memory: of the process, and of GPUs that somebody has used."""

import time

import numpy as np

from eyecraft.pipelines import _peaks
from eyecraft.pipelines._peaks import largest_of, peak_gpu_memory, peak_memory


class TwoGPUs:
    """Looks like torch.cuda with two GPUs."""

    def __init__(self):
        self.peaks = [500, 700]

    def device_count(self):
        """Return two."""
        return 2

    def reset_peak_memory_stats(self, number):
        """Forget what was."""
        self.peaks[number] = 0

    def max_memory_allocated(self, number):
        """Return the peak."""
        return self.peaks[number]


def test_peak_of_the_process():
    """A hundred megabytes that come and go are seen."""
    with peak_memory() as peak:
        before = peak()
        block = np.ones(100 * 2**20, np.uint8)
        time.sleep(0.1)
        del block
    assert peak() - before > 90 * 2**20


def test_peak_of_the_fullest_gpu(monkeypatch):
    """What was before the block does not count; a GPU that nobody used gives nothing."""
    cuda = TwoGPUs()
    monkeypatch.setattr(_peaks, "_cuda", lambda: cuda)
    with peak_gpu_memory() as peak:
        assert peak() is None
        cuda.peaks = [100, 300]
        assert peak() == 300


def test_nobody_used_a_gpu(monkeypatch):
    """Without one there is no peak, and asking wakes nothing up."""
    monkeypatch.setattr(_peaks, "_cuda", lambda: None)
    with peak_gpu_memory() as peak:
        assert peak() is None


def test_the_largest_that_is_known():
    """Missing ones take no part."""
    assert largest_of(None, 3, 5, None) == 5
    assert largest_of(None, None) is None
