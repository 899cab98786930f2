from ._version import __version__ as __version__
from .data import Dataset as Dataset
from .data import ImageReadError as ImageReadError
from .data import PerClassSplit as PerClassSplit
from .data import datasets as datasets
from .data import load_dataset as load_dataset
from .data import load_digits as load_digits
from .data import load_folder as load_folder
from .data import read_image as read_image
from .features import HOG as HOG
from .features import SIFT as SIFT
from .features import BagOfVisualWords as BagOfVisualWords
from .features import CNNFeatures as CNNFeatures
from .features import ColorHistogram as ColorHistogram
from .features import DenseSIFT as DenseSIFT
from .features import FeatureStore as FeatureStore
from .features import RawPixels as RawPixels
from .features import RobinsonCompass as RobinsonCompass
from .features import Sobel as Sobel
from .pipelines import CNNClassifier as CNNClassifier
from .pipelines import Comparison as Comparison
from .pipelines import LinearSVM as LinearSVM
from .pipelines import build as build
from .pipelines import compare as compare
from .pipelines import recipes as recipes
from .reports import write_report as write_report

__all__: list[str]
