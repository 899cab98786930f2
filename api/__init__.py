"""eyecraft: hand-crafted and learned image features behind one scikit-learn Pipeline, compared on your own images.

Three ways in::

    eyecraft.build("hog-svm").fit(paths, labels)          # an ordinary scikit-learn Pipeline
    eyecraft.compare(["hog-svm", "lenet5"], dataset)      # scores, costs and predictions, side by side
    $ eyecraft compare FOLDER                             # the same as a command, with a report at the end

The public names stand in ``__init__.pyi``; each is looked up when it is first used, so that ``import eyecraft`` costs
next to nothing.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
