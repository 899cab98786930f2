"""Fit and predict: a recipe is an ordinary scikit-learn pipeline.

Run: python examples/01_fit_predict.py
"""

from sklearn.model_selection import train_test_split

import eyecraft

digits = eyecraft.load_digits()
train_images, test_images, train_labels, test_labels = train_test_split(
    digits.images, digits.labels, test_size=0.25, stratify=digits.labels, random_state=0
)

pipeline = eyecraft.build("hog-svm", small=True)  # small=True: the recipe's settings for images below 64 pixels
pipeline.fit(train_images, train_labels)

print(pipeline)
print(f"accuracy on {len(test_labels)} digits: {pipeline.score(test_images, test_labels):.3f}")
print("the first five:", list(pipeline.predict(test_images[:5])), "- in truth:", list(test_labels[:5]))
