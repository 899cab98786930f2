"""The Fisher vector, plainly: one descriptor, one component at a time (Sanchez et al. 2013, eqs. 15-18)."""

import math

import numpy as np


def posteriors(x: np.ndarray, weights: np.ndarray, means: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """Return the posterior of every component for one descriptor."""
    logs = []
    for weight, mean, variance in zip(weights, means, variances, strict=True):
        density = -0.5 * sum((x - mean) ** 2 / variance + np.log(2 * math.pi * variance))
        logs.append(math.log(weight) + density)
    shares = np.exp(np.array(logs) - max(logs))
    return shares / shares.sum()


def fisher_vector(descriptors: np.ndarray, weights: np.ndarray, means: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """Return the gradients with respect to means and standard deviations, (n_components, 2 * length)."""
    n, length = descriptors.shape
    out = np.zeros((len(weights), 2 * length))
    for x in descriptors.astype(float):
        for k, share in enumerate(posteriors(x, weights, means, variances)):
            z = (x - means[k]) / np.sqrt(variances[k])
            out[k, :length] += share * z / (n * math.sqrt(weights[k]))
            out[k, length:] += share * (z**2 - 1) / (n * math.sqrt(2 * weights[k]))
    return out
