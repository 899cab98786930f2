"""The batches of an epoch: in random order, none with a single image, decoded while the network works."""

import contextvars
import functools
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from torch.utils.data import BatchSampler, DataLoader, RandomSampler

from ._training import Images


class ReadAhead:
    """A loader whose next batch is decoded while the network works on the present one."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        self.loader = loader

    def __iter__(self) -> Iterator[Any]:
        batches = iter(self.loader)
        listening = contextvars.copy_context()  # whoever records the seconds of decoding
        with ThreadPoolExecutor(1) as thread:
            # the order of the images is drawn with the first batch, before anybody else draws random numbers
            batch = next(batches, None)
            while batch is not None:
                coming = thread.submit(listening.run, functools.partial(next, batches, None))
                yield batch
                batch = coming.result()

    def __len__(self) -> int:
        return len(self.loader)


class Batches(BatchSampler):
    """Batches in random order; a last image left over joins the batch before, since one alone cannot be normalised."""

    def __init__(self, images: Images, batch_size: int) -> None:
        super().__init__(RandomSampler(images), batch_size, drop_last=False)

    def __iter__(self) -> Iterator[list[int]]:
        batches = list(super().__iter__())
        if len(batches) > 1 and len(batches[-1]) == 1:
            alone = batches.pop()
            batches[-1] = batches[-1] + alone
        yield from batches

    def __len__(self) -> int:
        return n_batches(len(self.sampler), self.batch_size)  # type: ignore[arg-type]


def n_batches(n_images: int, batch_size: int) -> int:
    """Return the number of batches of an epoch."""
    count = math.ceil(n_images / batch_size)
    return count - 1 if count > 1 and n_images - (count - 1) * batch_size == 1 else count


def as_fetched(batch: Any) -> Any:
    """Leave a batch as the data set gave it; the loader would otherwise put single images together."""
    return batch
