"""Visual words against what a user would take otherwise: faiss, scikit-learn, scikit-image, NumPy and OpenCV.

Photographs are those of Caltech-101 (`EYECRAFT_REAL_DATA`), or cut from scikit-image's. ``--memory`` takes minutes: it
fits and transforms all of Caltech-101 with 1,024 words and prints the most memory the process ever held. faiss is a
judge only; without it its line says so.
"""

import argparse
import resource
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import cv2
import numpy as np
from _side_by_side import limit_threads, report, side_by_side
from bench_reading import CALTECH, photographs
from skimage.feature import fisher_vector as skimage_fisher_vector
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances_argmin
from sklearn.mixture import GaussianMixture

from eyecraft.data import load_folder, read_image
from eyecraft.features import BagOfVisualWords, DenseSIFT
from eyecraft.features.local import Descriptors
from eyecraft.features.words._projection import learn_projection, relative_places
from eyecraft.features.words.codebook import kmeans
from eyecraft.features.words.fisher import Mixture, encode_fisher, fisher_vector, fit_mixture
from eyecraft.features.words.hard import count_words
from eyecraft.features.words.llc import encode_llc
from eyecraft.features.words.nearest import nearest_words
from eyecraft.features.words.pyramid import Cells, finest_cells, locate, pool_up

try:
    import faiss
except ImportError:
    faiss = None

N_WORDS = 1024
PYRAMID = [(1, 1), (2, 2), (4, 4)]
BINS = (4, 6, 8, 10)
GIB = 2**30


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Cosine of two arrays taken as vectors."""
    a, b = a.ravel().astype(float), b.ravel().astype(float)
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


# -- the codebook ----------------------------------------------------------------------------------------------------


def assignment(sample: np.ndarray, words: np.ndarray) -> None:
    """Nearest of 1,024 words: bytes with us, the same numbers as float32 with faiss, which takes no others."""
    if faiss is None:
        print(f"nearest of {N_WORDS:,} words against faiss: not measured, faiss-cpu is not installed")
        return
    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatL2(words.shape[1])
    index.add(words)
    floats = sample.astype(np.float32)
    mine, _, ratio = side_by_side(partial(nearest_words, sample, words), lambda: index.search(floats, 1))
    found, theirs = nearest_words(sample, words), index.search(floats, 1)[1][:, 0]
    gaps = [((floats - words[labels]) ** 2).sum(axis=1, dtype=float).mean() for labels in (found, theirs)]
    text = f"{(found == theirs).mean():.3%} equal, distortion {gaps[0] / gaps[1] - 1:+.0e}"
    report(f"nearest of {N_WORDS:,} words, against faiss (exact)", ratio, 1.2, text)
    print(f"    {len(sample) / mine / 1e3:.0f} thousand descriptors a second")


def k_means(sample: np.ndarray, rounds: int = 4) -> None:
    """The same start and the same number of rounds; scikit-learn assigns once more at its end, so we do too."""
    different = np.unique(sample, axis=0)  # of equal first words all but one would be empty
    start = different[np.random.default_rng(0).choice(len(different), N_WORDS, replace=False)].astype(np.float32)
    floats = sample.astype(np.float32)
    judge = KMeans(N_WORDS, init=start, n_init=1, max_iter=rounds, tol=0, algorithm="lloyd")
    ours = partial(kmeans, sample, N_WORDS, init=start, max_iter=rounds + 1, tol=0)
    _, _, ratio = side_by_side(ours, lambda: judge.fit(floats), rounds=5)
    difference = ours().distortion / (judge.fit(floats).inertia_ / len(sample)) - 1
    report("k-means iteration, against scikit-learn (lloyd)", ratio, 1.4, f"distortion {difference:+.0e}")


# -- encodings -------------------------------------------------------------------------------------------------------


def histograms(labels: np.ndarray, found: Descriptors, cells: Cells) -> np.ndarray:
    """Our histograms of all cells, joined."""
    located = locate(found.x, found.y, found.image_size, cells)
    levels = pool_up(count_words(labels, located, cells.n_cells, N_WORDS), cells)
    return np.concatenate([level.ravel() for level in levels])


def numpy_histograms(labels: np.ndarray, x: np.ndarray, y: np.ndarray, image_size: tuple[int, int]) -> np.ndarray:
    """Call np.histogram for every cell of every grid."""
    parts = []
    for rows, columns in PYRAMID:
        row, column = (y + 0.5) * rows // image_size[0], (x + 0.5) * columns // image_size[1]
        for r in range(rows):
            for c in range(columns):
                inside = labels[(row == r) & (column == c)]
                parts.append(np.histogram(inside, bins=N_WORDS, range=(0, N_WORDS))[0])
    return np.concatenate(parts)


def pyramid(found: Descriptors, words: np.ndarray) -> None:
    """21 histograms of 1,024 words."""
    labels = nearest_words(found.values, words)
    theirs = partial(numpy_histograms, labels, found.x, found.y, found.image_size)
    ours = partial(histograms, labels, found, finest_cells(PYRAMID))
    _, _, ratio = side_by_side(ours, theirs)
    same = "identical" if np.array_equal(ours(), theirs()) else "DIFFERENT"
    report(f"pyramid of 21 cells, {len(found):,} descriptors, against np.histogram", ratio, 40, same)


def llc_loop(values: np.ndarray, words: np.ndarray, cells: np.ndarray, n_cells: int, beta: float) -> np.ndarray:
    """LLC with NumPy: the distances at once, then one small linear system after the other."""
    values = values.astype(np.float32)
    gaps = (words**2).sum(axis=1) - 2 * values @ words.T
    near = np.argpartition(gaps, 5, axis=1)[:, :5]
    pooled = np.zeros((n_cells, len(words)), np.float32)
    for x, few, cell in zip(values, near, cells, strict=True):
        shifted = words[few] - x
        covariance = shifted @ shifted.T
        covariance += beta * np.trace(covariance) * np.eye(5, dtype=np.float32)
        weights = np.linalg.solve(covariance, np.ones(5, np.float32))
        pooled[cell, few] = np.maximum(pooled[cell, few], weights / weights.sum())
    return pooled


def llc(found: Descriptors, words: np.ndarray) -> None:
    """Five nearest words, maxima over 16 cells."""
    cells = locate(found.x, found.y, found.image_size, finest_cells([(4, 4)]))
    ours = partial(encode_llc, found.values, words, cells, 16, "max", n_neighbors=5, beta=1e-4)
    loop = partial(llc_loop, found.values, words, cells, 16, 1e-4)
    _, _, ratio = side_by_side(ours, loop)
    report("LLC, 5 of 1,024 words, against a loop", ratio, 3, f"largest difference {np.abs(ours() - loop()).max():.0e}")


def standard_fisher_vector(values: np.ndarray, mixture: Mixture) -> np.ndarray:
    """Eqs. 16-18 of Sanchez et al. 2013 in double precision, one descriptor after the other."""
    weights, means, variances = (part.astype(float) for part in mixture)
    out = np.zeros((2, *means.shape))
    for x in values.astype(float):
        z = (x - means) / np.sqrt(variances)
        logs = np.log(weights) - 0.5 * (z**2 + np.log(2 * np.pi * variances)).sum(axis=1)
        share = np.exp(logs - logs.max())
        share = (share / share.sum())[:, None]
        out += share * z, share * (z**2 - 1) / np.sqrt(2)
    return np.concatenate(list(out / (len(values) * np.sqrt(weights)[:, None])), axis=1)


def fisher(found: Descriptors, sample: np.ndarray) -> None:
    """256 components of 64 numbers; scikit-image turns the sign of its second half, the standard definition judges."""
    projection = learn_projection(sample, 64, False, False)
    mixture = fit_mixture(projection(sample, np.zeros((len(sample), 2), np.float32)), 256, max_iter=5)
    values = projection(found.values, relative_places(found))
    judge = GaussianMixture(256, covariance_type="diag")
    judge.weights_, judge.means_, judge.covariances_ = (part.astype(float) for part in mixture)
    judge.precisions_cholesky_ = 1 / np.sqrt(judge.covariances_)
    one_cell, doubles = np.zeros(len(values), np.int64), values.astype(float)

    def ours() -> np.ndarray:
        return fisher_vector(encode_fisher(values, mixture, one_cell, 1), mixture)[0]

    _, _, ratio = side_by_side(ours, lambda: skimage_fisher_vector(doubles, judge))
    text = f"cosine {cosine(ours(), standard_fisher_vector(values, mixture)):.6f} to the standard definition"
    report(f"Fisher, 256 x 64, {len(values):,} descriptors, against scikit-image", ratio, 2, text)


# -- from a file to a row --------------------------------------------------------------------------------------------


def opencv_row(path: str, words: np.ndarray, step: int) -> np.ndarray:
    """OpenCV's SIFT on our grid, scikit-learn's nearest word, np.histogram per cell, unit sum."""
    pixels: Any = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
    height, width = pixels.shape
    parts, places = [], []
    for bin_size in BINS:
        rows, columns = (
            (room % step) // 2 + 1.5 * bin_size + step * np.arange(room // step + 1)
            for room in (height - 1 - 3 * bin_size, width - 1 - 3 * bin_size)
        )
        points = [cv2.KeyPoint(float(x), float(y), bin_size / 1.5, 0.0) for y in rows for x in columns]
        sift = cv2.SIFT_create(sigma=float(np.sqrt(0.25 + (bin_size / 6) ** 2)))
        parts.append(sift.compute(pixels, points)[1])
        places.append(np.array([point.pt for point in points]))
    labels = pairwise_distances_argmin(np.concatenate(parts), words)
    x, y = np.concatenate(places).T
    row = numpy_histograms(labels, x, y, (height, width))
    return row / row.sum()


def whole_path(files: Sequence[str], bag: BagOfVisualWords, step: int) -> None:
    """Decode, describe, assign and count a few photographs."""
    files = list(files)
    bag.set_params(n_jobs=1)
    mine, _, ratio = side_by_side(
        lambda: bag.transform(files), lambda: [opencv_row(path, bag.words_, step) for path in files], rounds=5
    )
    rows = [bag.transform(files), np.stack([opencv_row(path, bag.words_, step) for path in files])]
    shared = np.median(np.minimum(*rows).sum(axis=1))
    text = f"histograms share {shared:.1%} (borders and flat windows differ)"
    report(f"image to SPM row, step {step}, {N_WORDS:,} words", ratio, 8, text)
    print(f"    {1e3 * mine / len(files):.1f} ms an image")


# -- threads and memory ----------------------------------------------------------------------------------------------


def seconds(n_threads: int, work: Callable[[], object], n_calls: int) -> float:
    """Wall-clock seconds of calls shared among plain threads."""
    threads = [threading.Thread(target=lambda: [work() for _ in range(n_calls // n_threads)]) for _ in range(n_threads)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - start


def threads(files: Sequence[str], bag: BagOfVisualWords) -> None:
    """One thread and two in turn, beside what two cores of this machine give code that never meets Python's lock."""
    pixels = read_image(files[0], color="gray")
    numbers, out = np.random.default_rng(0).random(200_000, np.float32), threading.local()

    def exponentials() -> None:
        if not hasattr(out, "array"):
            out.array = np.empty_like(numbers)
        np.exp(numbers, out=out.array)

    def transform(n_threads: int) -> float:
        start = time.perf_counter()
        bag.set_params(n_jobs=n_threads).transform(list(files))
        return time.perf_counter() - start

    kinds: dict[str, Callable[[int], float]] = {
        "np.exp: the machine's limit": lambda n: seconds(n, exponentials, 600),
        "DenseSIFT, step 4": lambda n: seconds(n, lambda: DenseSIFT().describe(pixels), 12),
        "BagOfVisualWords.transform": transform,
    }
    ratios: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(5):
        for kind, run in kinds.items():
            ratios[kind].append(run(1) / run(2))
    limit, *rest = ((kind, float(np.median(of))) for kind, of in ratios.items())
    print(f"two threads against one, wall clock, {limit[0]}: {limit[1]:.2f}x")
    for kind, ratio in rest:
        report(f"two threads against one, {kind}", ratio, 1.8, f"{ratio / limit[1]:.0%} of the machine's limit")


def memory() -> None:
    """Fit and transform all of Caltech-101; the default grid, 1,024 words, 21 cells."""
    if not CALTECH.is_dir():
        print("memory: not measured, Caltech-101 is not there (set EYECRAFT_REAL_DATA)")
        return
    images = load_folder(CALTECH).images
    before, start = peak(), time.perf_counter()
    features = BagOfVisualWords(n_words=N_WORDS, random_state=0, n_jobs=2).fit_transform(images)
    verdict = "reached" if peak() <= 2 * GIB else "MISSED"
    print(
        f"{len(images):,} images, {N_WORDS:,} words: peak {peak() / GIB:.2f} GiB ({before / GIB:.2f} before, the rows "
        f"{features.nbytes / GIB:.2f})   goal 2 GiB {verdict}   {time.perf_counter() - start:.0f} s"
    )


def peak() -> float:
    """Most bytes this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


def main() -> None:
    """Print the ratios, or the memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memory", action="store_true", help="all of Caltech-101, minutes; nothing else is measured")
    if parser.parse_args().memory:
        memory()
        return
    limit_threads()
    with tempfile.TemporaryDirectory() as folder:
        name, files = photographs(folder)
        some = files[:: max(1, len(files) // 24)][:24]
        method = DenseSIFT(step=8, bin_sizes=BINS, contrast_threshold=0)
        bag = BagOfVisualWords(method, n_words=N_WORDS, n_sample_descriptors=20_000, max_iter=5, random_state=0)
        bag.fit(some)
        sets = [method.describe(path) for path in some]
        sample = np.concatenate([found.values for found in sets])[:20_000]
        print(f"{name}; {len(sample):,} SIFT descriptors of {len(some)} images")
        assignment(sample, bag.words_)
        k_means(sample)
        usual = sorted(sets, key=len)[len(sets) // 2]
        pyramid(usual, bag.words_)
        llc(usual, bag.words_)
        fisher(usual, sample)
        whole_path(some, bag, 8)
        threads(some, bag)


if __name__ == "__main__":
    main()
