"""Compare: several pipelines on the same splits, and a report to read.

Run: python examples/02_compare.py [OUTPUT_FOLDER]
"""

import sys
from pathlib import Path

from sklearn.pipeline import make_pipeline

import eyecraft

out = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/example-compare")

# Recipes go by name; pipelines of your own stand beside them.
own = make_pipeline(eyecraft.Sobel(grid=(3, 3)), eyecraft.LinearSVM())
comparison = eyecraft.compare(
    {"pixels-svm": eyecraft.build("pixels-svm", small=True), "my Sobel": own},
    eyecraft.load_digits(),
    cv=eyecraft.PerClassSplit(n_train=30, n_test=50, n_splits=3, random_state=0),
    out=out,
)

print(comparison.table().to_string())
print("report:", eyecraft.write_report(comparison, out)["html"])
