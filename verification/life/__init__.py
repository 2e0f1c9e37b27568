"""A second model of a consensus key's whole life, in Quint, and its traces on the real gate.

`key_life.qnt` was written from the promises and the operators' pages, without the code that decides. `worlds` runs it;
`replay` carries out its traces on the product's gate, watermark file and table calls.
"""
