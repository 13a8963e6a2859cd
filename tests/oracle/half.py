"""Matrix multiplications, attention and the residual stream in half precision, with gradients."""

import math

import torch

import options


def rounded(x, precision):
    """The nearest numbers of a precision, ties to even. `float32` is what the other arrays have: no rounding."""
    kinds = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}
    return x if kinds[precision] is None else x.float().to(kinds[precision]).double()


class MatMul(torch.autograd.Function):
    """a @ b of operands rounded to bfloat16, and the same for both gradients."""

    @staticmethod
    def forward(ctx, a, b):
        a, b = rounded(a, "bfloat16"), rounded(b, "bfloat16")
        ctx.save_for_backward(a, b)
        return a @ b

    @staticmethod
    def backward(ctx, dy):
        a, b = ctx.saved_tensors
        dy = rounded(dy, "bfloat16")
        return dy @ b.transpose(-1, -2), (a.transpose(-1, -2) @ dy).reshape(-1, *b.shape).sum(0).reshape(b.shape)


class Attention(torch.autograd.Function):
    """Causal attention of one head, (B,T,HS) each, with operands rounded to bfloat16; q is already divided. `hidden`
    (T,T) are the keys that a query does not see, `cap` is the softcap of scores or 0. Exponentials are rounded as
    operands, not in their sum."""

    @staticmethod
    def forward(ctx, q, k, v, hidden, cap):
        q, k, v = (rounded(x, "bfloat16") for x in (q, k, v))
        scores = options.capped(q @ k.transpose(1, 2), cap)
        ctx.slope = 1 - (scores / cap) ** 2 if cap else 1
        scores = scores.masked_fill(hidden, -math.inf)
        powers = torch.exp(scores - scores.amax(-1, keepdim=True))
        out = rounded(powers, "bfloat16") @ v / powers.sum(-1, keepdim=True)
        ctx.save_for_backward(q, k, v, scores, out)
        return out

    @staticmethod
    def backward(ctx, dout):
        q, k, v, scores, out = ctx.saved_tensors
        p = torch.exp(scores - torch.logsumexp(scores, -1, keepdim=True))
        D = (dout * out).sum(-1, keepdim=True)
        dout = rounded(dout, "bfloat16")
        ds = rounded(p * (dout @ v.transpose(1, 2) - D) * ctx.slope, "bfloat16")
        return ds @ k, ds.transpose(1, 2) @ q, rounded(p, "bfloat16").transpose(1, 2) @ dout, None, None


class Rounding(torch.autograd.Function):
    """Rounds x; its gradient is multiplied by `scale`, rounded and divided again, or passes unchanged if scale is 0."""

    @staticmethod
    def forward(ctx, x, precision, scale):
        ctx.precision, ctx.scale = precision, scale
        return rounded(x, precision)

    @staticmethod
    def backward(ctx, dx):
        if ctx.scale:
            dx = rounded(dx * ctx.scale, ctx.precision) / ctx.scale
        return dx, None, None
