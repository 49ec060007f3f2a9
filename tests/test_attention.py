import torch

from generator.nets.attention import Attention, GroupNorm


def test_attention_begins_as_the_identity():
    x = torch.randn(2, 64, 4, 6)
    assert torch.equal(Attention(64, 16)(x), x)


def test_attention_is_softmax_of_scaled_products_head_by_head():
    torch.manual_seed(0)
    layer = Attention(32, 8)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    x = torch.randn(2, 32, 3, 5)
    query, key, value = layer.queries(layer.norm(x)).flatten(2).chunk(3, 1)
    expected = torch.empty(2, 32, 15)
    for head in range(4):
        part = slice(8 * head, 8 * head + 8)
        products = torch.einsum("bcq,bck->bqk", query[:, part], key[:, part]) / 8**0.5
        expected[:, part] = torch.einsum("bqk,bck->bcq", products.softmax(-1), value[:, part])
    torch.testing.assert_close(layer(x), x + layer.out(expected.view(2, 32, 3, 5)))


def test_group_norm_is_computed_in_float32():
    # Values whose squares overflow float16 but not float32.
    x = 1000 * torch.randn(1, 32, 8, 8)
    norm = GroupNorm(32)
    half = norm.half()(x.half())
    assert half.dtype == torch.float16
    assert half.isfinite().all()
    torch.testing.assert_close(half.float(), norm.float()(x), atol=0.01, rtol=0.01)
