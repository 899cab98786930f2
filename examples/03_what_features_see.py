"""What hand-crafted features see in a photograph: edges, compass directions, HOG cells.

Run: python examples/03_what_features_see.py [PICTURE] [OUTPUT.png]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
from skimage.data import camera

import eyecraft
from eyecraft.features import robinson_compass, sobel_magnitude_angle

source = sys.argv[1] if len(sys.argv) > 1 else camera()
out = Path(sys.argv[2] if len(sys.argv) > 2 else "runs/what-features-see.png")

gray = eyecraft.read_image(source, color="gray", size=(256, 256))
magnitude, _ = sobel_magnitude_angle(gray)
response, direction = robinson_compass(gray)
glyphs = eyecraft.HOG(image_size=None).visualize(gray)

figure, axes = plt.subplots(1, 4, figsize=(13, 3.6), layout="constrained")
panels = [
    ("the picture", gray, "gray"),
    ("Sobel: strength of edges", magnitude, "magma"),
    ("Robinson: direction of edges", direction * (response > response.mean()), "twilight"),
    ("HOG: directions by cell", glyphs, "magma"),
]
for ax, (title, picture, colours) in zip(axes, panels, strict=True):
    ax.imshow(picture, cmap=colours)
    ax.set_title(title, fontsize=10)
    ax.set_axis_off()
out.parent.mkdir(parents=True, exist_ok=True)
figure.savefig(out, dpi=110)
print("picture:", out)
