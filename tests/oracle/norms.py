"""Norms that divide by the RMS of a token, from the papers' equations: p(suffix, *shape) is a parameter. gamma-warmup
multiplies what they return."""

import math

import torch


def seednorm(p, x, rms):
    a, b, gamma = p(".a", x.shape[-1]), p(".b", x.shape[-1]), p(".gamma", x.shape[-1])
    return (torch.tanh((x * b).sum(-1, keepdim=True)) * a + gamma) * x / rms


def bhyt(p, x, rms):
    return p(".gamma", x.shape[-1]) * torch.tanh(p(".lambda", 1) * x / (10 * rms))


def rmsnorm_plain(p, x, rms):
    return x / rms


def scalenorm(p, x, rms):
    return p(".g", 1) * x / (math.sqrt(x.shape[-1]) * rms)


def gated(p, x, rms):
    C = x.shape[-1]
    K = max(C // 8, 1)
    h = p(".gamma", C) * x / rms
    z = h @ p(".down.weight", K, C).T
    return h * torch.sigmoid((z * torch.sigmoid(z)) @ p(".up.weight", C, K).T)


RMS_KINDS = {
    "seednorm": seednorm,
    "bhyt": bhyt,
    "rmsnorm_plain": rmsnorm_plain,
    "scalenorm": scalenorm,
    "gated": gated,
}
