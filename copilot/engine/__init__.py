"""Moshi-family duplex models in plain PyTorch: many calls share one batch, one row each.

It imports nothing of the rest of the package and needs only torch, numpy, safetensors and
sentencepiece, so that it runs alone on a machine that has a GPU and little else. Begin reading at
`lm`, then `rows`, then `slots`.
"""
