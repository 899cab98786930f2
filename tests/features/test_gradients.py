"""Backward passes by hand: convolution and max pooling on a 3x3 image with a 2x2 filter, as in the textbooks.

With image x, filter w, output y = x * w (2x2, no padding, stride 1) and the gradient d of the loss by y:

- by the filter, each weight meets the pixels it was laid on: dL/dw[a, b] = sum over i, j of d[i, j] x[i + a, j + b];
- by the image, each pixel gathers from the outputs it took part in: dL/dx[p, q] = sum of d[i, j] w[p - i, q - j], a
  full convolution with the filter turned by 180 degrees;
- of a maximum, all of d[i, j] goes to the pixel that won window i, j; a pixel that won several windows gets their sum.
"""

import numpy as np
import torch
from torch import nn

IMAGE = ((1.0, 2.0, 0.0), (5.0, 3.0, 4.0), (2.0, 6.0, 1.0))
FILTER = ((1.0, -1.0), (0.5, 2.0))
OUTER = ((1.0, 2.0), (-1.0, 3.0))  # gradient of the loss by the four outputs


def convolved() -> tuple[nn.Conv2d, torch.Tensor, torch.Tensor]:
    """Return the layer, its input and its output after the backward pass."""
    layer = nn.Conv2d(1, 1, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(FILTER))
        layer.bias.fill_(0.25)  # type: ignore[union-attr]
    image = torch.tensor(IMAGE)[None, None].requires_grad_()
    output = layer(image)
    output.backward(torch.tensor(OUTER)[None, None])
    return layer, image, output


def test_convolution_forward() -> None:
    """y[0, 0] = 1*1 - 1*2 + 0.5*5 + 2*3 + 0.25, and so on: the filter is not turned round."""
    _, _, output = convolved()
    expected = [[1 - 2 + 2.5 + 6, 2 - 0 + 1.5 + 8], [5 - 3 + 1 + 12, 3 - 4 + 3 + 2]]
    np.testing.assert_allclose(output[0, 0].detach().numpy(), np.array(expected) + 0.25)


def test_convolution_gradient_by_the_filter() -> None:
    """Four sums of four products each; the bias gets the sum of the outer gradient."""
    layer, _, _ = convolved()
    (a, b), (c, d) = OUTER
    x = IMAGE
    expected = [
        [a * x[0][0] + b * x[0][1] + c * x[1][0] + d * x[1][1], a * x[0][1] + b * x[0][2] + c * x[1][1] + d * x[1][2]],
        [a * x[1][0] + b * x[1][1] + c * x[2][0] + d * x[2][1], a * x[1][1] + b * x[1][2] + c * x[2][1] + d * x[2][2]],
    ]
    assert expected == [[9.0, 11.0], [27.0, 8.0]]  # worked out on paper
    assert layer.weight.grad is not None and layer.bias is not None and layer.bias.grad is not None
    assert layer.weight.grad[0, 0].tolist() == expected
    assert layer.bias.grad.item() == a + b + c + d


def test_convolution_gradient_by_the_image() -> None:
    """The pixel in the middle takes part in all four outputs, a corner in one."""
    _, image, _ = convolved()
    (a, b), (c, d) = OUTER
    (e, f), (g, h) = FILTER
    expected = [
        [a * e, a * f + b * e, b * f],
        [a * g + c * e, a * h + b * g + c * f + d * e, b * h + d * f],
        [c * g, c * h + d * g, d * h],
    ]
    assert expected == [[1.0, 1.0, -2.0], [-0.5, 7.0, 1.0], [-0.5, -0.5, 6.0]]
    assert image.grad is not None
    assert image.grad[0, 0].tolist() == expected


def test_gradient_by_the_image_is_a_full_convolution_with_the_turned_filter() -> None:
    """The same, written as a convolution: pad the outer gradient by one, turn the filter, slide it."""
    _, image, _ = convolved()
    turned = torch.tensor(FILTER).rot90(2)[None, None]
    found = nn.functional.conv2d(torch.tensor(OUTER)[None, None], turned, padding=1)
    assert image.grad is not None
    torch.testing.assert_close(found, image.grad, rtol=0, atol=1e-6)


def test_max_pooling_gives_all_to_the_winner() -> None:
    """Windows of 2x2, one pixel apart: the winners are 5, 4, 6 and 6, so that 6 gets two gradients."""
    image = torch.tensor(IMAGE)[None, None].requires_grad_()
    output = nn.MaxPool2d(2, stride=1)(image)
    assert output[0, 0].tolist() == [[5.0, 4.0], [6.0, 6.0]]
    output.backward(torch.tensor(OUTER)[None, None])
    assert image.grad is not None
    assert image.grad[0, 0].tolist() == [[0.0, 0.0, 0.0], [1.0, 0.0, 2.0], [0.0, -1.0 + 3.0, 0.0]]


def test_both_agree_with_small_steps() -> None:
    """Convolution, ReLU and maximum in a row: central differences of the loss by each pixel and each weight."""
    image, weights = torch.tensor(IMAGE, dtype=torch.float64), torch.tensor(FILTER, dtype=torch.float64)

    def loss(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        maps = nn.functional.conv2d(x[None, None], w[None, None]).relu()
        return (nn.functional.max_pool2d(maps, 2, stride=1) ** 2).sum()

    inputs = (image.requires_grad_(), weights.requires_grad_())
    assert torch.autograd.gradcheck(loss, inputs, eps=1e-6, atol=1e-6)
    by_image, by_weights = torch.autograd.grad(loss(*inputs), inputs)
    # the winner is y[1, 0] = 15: 2 * 15 times the filter where it lay, and times the pixels it lay on
    assert by_image.tolist() == [[0, 0, 0], [30.0, -30.0, 0], [15.0, 60.0, 0]]
    assert by_weights.tolist() == [[150.0, 90.0], [60.0, 180.0]]
