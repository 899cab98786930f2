"""The table of published data sets: what each is, its terms, what to cite, and which files it is made of.

The files are fetched, verified and unpacked by `torchvision.datasets`; the addresses are repeated here to be told to a
user without a network (a test compares them with torchvision's). Licences are as the authors' pages state them.
"""

from dataclasses import dataclass

_MNIST_FILES = tuple(f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))
_VGG = "https://www.robots.ox.ac.uk/~vgg/data"
_EUROSAT = "https://huggingface.co/datasets/torchgeo/eurosat/resolve/c877bcd43f099cd0196738f714544e355477f3fd"


@dataclass(frozen=True)
class Published:
    """One published data set.

    Attributes
    ----------
    name, title : str
        As `load_dataset` and a table call it.
    torchvision : str
        Class in `torchvision.datasets`.
    n_images, n_classes : int
        What the complete data set holds (labelled images only).
    licence, citation : str
        Terms of use as stated by the authors; publication with DOI or address.
    files : tuple of (address, path)
        Each file to fetch, and its place below the data folder.
    """

    name: str
    title: str
    torchvision: str
    n_images: int
    n_classes: int
    licence: str
    citation: str
    files: tuple[tuple[str, str], ...]


_ENTRIES = (
    Published(
        name="mnist",
        title="MNIST handwritten digits, 28 x 28, gray",
        torchvision="MNIST",
        n_images=70_000,
        n_classes=10,
        licence="CC BY-SA 3.0",
        citation=(
            "Y. LeCun, L. Bottou, Y. Bengio and P. Haffner (1998), Gradient-based learning applied to document "
            "recognition, Proceedings of the IEEE 86(11), https://doi.org/10.1109/5.726791"
        ),
        files=tuple((f"https://ossci-datasets.s3.amazonaws.com/mnist/{f}", f"MNIST/raw/{f}") for f in _MNIST_FILES),
    ),
    Published(
        name="fashion-mnist",
        title="Fashion-MNIST articles of clothing, 28 x 28, gray",
        torchvision="FashionMNIST",
        n_images=70_000,
        n_classes=10,
        licence="MIT",
        citation=(
            "H. Xiao, K. Rasul and R. Vollgraf (2017), Fashion-MNIST: a novel image dataset for benchmarking machine "
            "learning algorithms, https://doi.org/10.48550/arXiv.1708.07747"
        ),
        files=tuple(
            (f"http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/{f}", f"FashionMNIST/raw/{f}")
            for f in _MNIST_FILES
        ),
    ),
    *(
        Published(
            name=f"cifar{n_classes}",
            title=f"CIFAR-{n_classes} objects, 32 x 32, colour",
            torchvision=f"CIFAR{n_classes}",
            n_images=60_000,
            n_classes=n_classes,
            licence="not stated; the authors ask to be cited",
            citation=(
                "A. Krizhevsky (2009), Learning multiple layers of features from tiny images, University of Toronto, "
                "https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf"
            ),
            files=((f"https://www.cs.toronto.edu/~kriz/{archive}", archive),),
        )
        for n_classes, archive in ((10, "cifar-10-python.tar.gz"), (100, "cifar-100-python.tar.gz"))
    ),
    Published(
        name="caltech101",
        title="Caltech-101 objects and background, about 300 x 200",
        torchvision="Caltech101",
        n_images=9_144,
        n_classes=102,
        licence="CC BY 4.0",
        citation=(
            "F.-F. Li, M. Andreeto, M. Ranzato and P. Perona (2022), Caltech 101, CaltechDATA, "
            "https://doi.org/10.22002/D1.20086; L. Fei-Fei, R. Fergus and P. Perona (2004), Learning generative visual "
            "models from few training examples, CVPR Workshop, https://doi.org/10.1109/CVPR.2004.383"
        ),
        files=(
            (
                "https://data.caltech.edu/records/mzrjq-6wc02/files/caltech-101.zip",
                "caltech101/caltech-101.zip",
            ),
        ),
    ),
    Published(
        name="flowers102",
        title="Oxford 102 flowers, at least 500 pixels a side",
        torchvision="Flowers102",
        n_images=8_189,
        n_classes=102,
        licence="not stated; images collected from the web",
        citation=(
            "M.-E. Nilsback and A. Zisserman (2008), Automated flower classification over a large number of classes, "
            "ICVGIP, https://doi.org/10.1109/ICVGIP.2008.47"
        ),
        files=tuple(
            (f"{_VGG}/flowers/102/{f}", f"flowers-102/{f}") for f in ("102flowers.tgz", "imagelabels.mat", "setid.mat")
        ),
    ),
    Published(
        name="dtd",
        title="Describable Textures, 300 to 640 pixels a side",
        torchvision="DTD",
        n_images=5_640,
        n_classes=47,
        licence="for research purposes",
        citation=(
            "M. Cimpoi, S. Maji, I. Kokkinos, S. Mohamed and A. Vedaldi (2014), Describing textures in the wild, CVPR, "
            "https://doi.org/10.1109/CVPR.2014.461"
        ),
        files=((f"{_VGG}/dtd/download/dtd-r1.0.1.tar.gz", "dtd/dtd-r1.0.1.tar.gz"),),
    ),
    Published(
        name="stl10",
        title="STL-10 objects, 96 x 96, colour (labelled part)",
        torchvision="STL10",
        n_images=13_000,
        n_classes=10,
        licence="not stated; images from ImageNet",
        citation=(
            "A. Coates, H. Lee and A. Y. Ng (2011), An analysis of single-layer networks in unsupervised feature "
            "learning, AISTATS, https://proceedings.mlr.press/v15/coates11a.html"
        ),
        files=(("http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz", "stl10_binary.tar.gz"),),
    ),
    Published(
        name="eurosat",
        title="EuroSAT land use from Sentinel-2, 64 x 64, colour",
        torchvision="EuroSAT",
        n_images=27_000,
        n_classes=10,
        licence="MIT",
        citation=(
            "P. Helber, B. Bischke, A. Dengel and D. Borth (2019), EuroSAT: a novel dataset and deep learning "
            "benchmark for land use and land cover classification, IEEE JSTARS 12(7), https://doi.org/10.1109/JSTARS.2019.2918242"
        ),
        files=(
            (
                f"{_EUROSAT}/EuroSAT.zip",
                "eurosat/EuroSAT.zip",
            ),
        ),
    ),
    Published(
        name="oxford-pets",
        title="Oxford-IIIT cats and dogs by breed",
        torchvision="OxfordIIITPet",
        n_images=7_349,
        n_classes=37,
        licence="CC BY-SA 4.0",
        citation=(
            "O. M. Parkhi, A. Vedaldi, A. Zisserman and C. V. Jawahar (2012), Cats and dogs, CVPR, "
            "https://doi.org/10.1109/CVPR.2012.6248092"
        ),
        files=tuple((f"{_VGG}/pets/data/{f}", f"oxford-iiit-pet/{f}") for f in ("images.tar.gz", "annotations.tar.gz")),
    ),
)

PUBLISHED: dict[str, Published] = {entry.name: entry for entry in _ENTRIES}
